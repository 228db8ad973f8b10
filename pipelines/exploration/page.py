"""The exploration as one page that needs nothing but itself: text and tables as HTML, the figures within."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from model.tokenizer import ReportTokenizer
from pipelines.exploration.disclosure import LEAST, shown
from pipelines.exploration.groups import MOST_GROUPS
from pipelines.exploration.observations import FINDINGS, STATED
from pipelines.exploration.regions import FEWEST_RADIOGRAPHS, MOST_STUDIES
from pipelines.exploration.tables import GROUPED_BY, LABELINGS, Tables
from pipelines.exploration.terms import MEDICAL_TERMS, WITHIN
from pipelines.exploration.vocabulary import OPENS_A_WORD, cuts
from pipelines.pages import number, page_environment

TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
TOKENS_SHOWN = 24


def render(
    tables: Tables,
    figures: Mapping[str, float | None],
    pictures: Mapping[str, Path],
    tokenizer: ReportTokenizer | None,
    max_tokens: int,
    data_md5: str | None,
) -> str:
    """The page.

    Args:
        tables: as `pipelines.exploration.tables` makes them, counts as they are; the page hides the small ones.
        figures: the stage's flat figures.
        pictures: the drawn figures by name; one that is missing is a thing that the set does not know.
        tokenizer: the one that the tokens were counted with.
        max_tokens: where a longer report is cut.
        data_md5: the version of the set, where it has one.
    """
    environment = page_environment()
    environment.filters |= {"count": count, "percent": percent, "number": number}
    tokens = tables["tokens"]
    return environment.get_template("exploration.html.j2").render(
        data_md5=data_md5,
        figures=figures,
        pictures={name: inlined(path) for name, path in pictures.items()},
        tables={name: rows(table) for name, table in tables.items()},
        groups={name: group_table(tables[f"by_{name}"]) for name in GROUPED_BY},
        labelings=[kind for kind in LABELINGS if f"{kind}_positive" in tables["observations"]],
        stated=list(STATED),
        commonest=rows(tokens.head(TOKENS_SHOWN)),
        longest=rows(longest(tokens)),
        cuts=[] if tokenizer is None else cuts(tokenizer),
        max_tokens=max_tokens,
        limits={
            "least": LEAST,
            "groups": MOST_GROUPS,
            "terms": MEDICAL_TERMS,
            "within": WITHIN,
            "studies": MOST_STUDIES,
            "radiographs": FEWEST_RADIOGRAPHS,
            "blank": OPENS_A_WORD,
        },
    )


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries, the index a column among them."""
    named = table.reset_index() if table.index.name else table
    return [{str(name): value for name, value in row.items()} for row in named.to_dict("records")]


def group_table(table: pd.DataFrame) -> dict[str, Any] | None:
    """A `by_group` table turned for reading: a column a group, a row a finding that any group has."""
    if table.empty:
        return None
    return {
        "groups": [{"name": name, **group} for name, group in zip(table.index, rows(table), strict=True)],
        "findings": [finding for finding in FINDINGS if table[finding].any()],
    }


def longest(tokens: pd.DataFrame) -> pd.DataFrame:
    """The longest tokens, the commoner first among equals."""
    if tokens.empty:
        return tokens
    length = tokens.token.str.removeprefix(OPENS_A_WORD).str.len()
    return tokens.assign(length=length).sort_values("length", ascending=False, kind="stable").head(TOKENS_SHOWN)


def inlined(path: Path) -> str:
    """A picture as a data URL."""
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def count(value: int) -> str:
    """A number of studies, reports or patients: "< 5" for fewer, a thin space between thousands."""
    told = shown(int(value))
    return told if isinstance(told, str) else f"{told:,}"


def percent(part: float, whole: float) -> str:
    """A share of a count, hidden with it; a dash where there is no whole.

    >>> percent(30, 40), percent(4, 40), percent(0, 0)
    ('75 %', '', '–')
    """
    if not whole or whole < LEAST:
        return "–"
    if isinstance(shown(int(part)), str):
        return ""
    return f"{100 * part / whole:.0f} %" if part == 0 or part / whole >= 0.1 else f"{100 * part / whole:.1f} %"
