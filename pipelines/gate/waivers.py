"""Waivers: somebody answers, by name and until a date, for a model that does not meet a criterion."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import Field

from model.errors import BadInput
from pipelines.strict import read_yaml
from records.strict import Strict

WAIVERS = Path("policy/waivers.yaml")

Words = Annotated[str, Field(pattern=r"\S")]


class Waiver(Strict):
    """`expires` is the last day, by UTC, on which it counts."""

    criterion: Words
    by: Words
    reason: Words
    expires: date


class Waivers(Strict):
    waivers: tuple[Waiver, ...] = ()


def load_waivers(path: Path, criteria: Iterable[str], today: date) -> dict[str, Waiver]:
    """The waivers by criterion; none where there is no file.

    Args:
        criteria: the names that a waiver may have.

    Raises:
        BadInput: a waiver without name, reason or date, of an unknown criterion, given twice, or expired.
    """
    if not path.is_file():
        return {}
    known, found = tuple(criteria), dict[str, Waiver]()
    for waiver in read_yaml(path, Waivers, f"waivers {path}").waivers:
        value = f"waiver of {waiver.criterion!r} in {path}"
        if waiver.criterion not in known:
            raise BadInput(value, "a waiver names a criterion of the policy", f"choose one of {', '.join(known)}")
        if waiver.criterion in found:
            raise BadInput(value, "a criterion is waived once", "remove one of the two")
        if waiver.expires < today:
            raise BadInput(
                value, f"it expired on {waiver.expires}", f"remove it, or let {waiver.by} decide on a new date"
            )
        found[waiver.criterion] = waiver
    return found
