"""Which model a rollout is for: a registered one, whose validation report somebody else signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine

from model.artefact import open_artefact
from model.errors import BadInput
from pipelines.origin import Origin, origin_of
from pipelines.registry import ALIAS as CHALLENGER
from pipelines.rollout.mirror import version_of
from records import ledger
from records.database import reading
from records.ledger import Entry
from records.models import Model, registered
from records.sign_off import may_count
from records.signatures import Signature, signatures
from release.policy import Policy

WAY_OUT = "register it with `radassist register`, and name it as its reports do"


@dataclass(frozen=True, slots=True)
class Candidate:
    """`makers` started its training or wrote its commit, and may not approve it."""

    model: Model
    makers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A model by its version's name, or by its version in MLflow's registry."""

    model: str | None = None
    registry_version: str | None = None

    @classmethod
    def of(cls, root: Path, words: str | None) -> Self:
        """
        Args:
            words: the version as its reports name it, or the folder of an artefact; None for MLflow's challenger.
        """
        if words is None:
            return cls(registry_version=version_of(root, CHALLENGER))
        folder = Path(words)
        return cls(open_artefact(folder).version if (folder / "manifest.json").is_file() else words)


def candidate(engine: Engine, root: Path, named: Named, policy: Policy) -> Candidate:
    """A registered model and its makers, from the records and the branch of its run.

    Raises:
        BadInput: it is not registered, or no signature releases it under this policy.
    """
    with reading(engine) as connection:
        model, entries = _registered(connection, named), list(ledger.entries(connection))
    origin = origin_of(root, model.run)  # git takes its time, and no transaction waits for it
    if fault := ledger.check(entries):
        raise BadInput(f"ledger entry {fault.seq}", fault.why, "restore the records from a copy that holds")
    if refusal := unreleased(entries, model, origin, demo=policy.demo):
        raise BadInput(f"model {model.model}", refusal, "let somebody else sign its report: `radassist report sign`")
    triggered = [origin.triggered_by] if isinstance(origin.triggered_by, str) else []
    return Candidate(model, (*triggered, *origin.committed_by))


def unreleased(entries: Sequence[Entry], model: Model, origin: Origin, *, demo: bool) -> str | None:
    """Why no signature of its validation report releases a model, in words; None where one does.

    Under a DEMO policy approvals prove nothing, so that it takes a model which nobody real signed for.
    """

    def count(ours: Signature, demo: bool) -> bool:
        return may_count(ours, origin.triggered_by, origin.committed_by, demo=demo).counts

    ours = [found for found in signatures(entries) if found.statement.report_sha256 == model.report_sha256]
    if not any(count(signature, demo) for signature in ours):
        return "no signature of its validation report counts"
    if demo and any(count(signature, False) for signature in ours):
        return "it was signed for by somebody real, and a DEMO policy is for a model of phantoms alone"
    return None


def _registered(connection: Connection, named: Named) -> Model:
    for model in registered(connection):
        if model.model == named.model or (named.registry_version and model.registry_version == named.registry_version):
            return model
    if named.model is None:
        rule = f"MLflow's alias {CHALLENGER} names no model that the records know"
        raise BadInput("the candidate", rule, WAY_OUT)
    raise BadInput(f"model {named.model}", "the records know no origin of it", WAY_OUT)
