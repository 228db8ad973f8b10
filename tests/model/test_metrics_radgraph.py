from typing import Any

import pytest

from model.errors import BadInput
from model.metrics.radgraph import radgraph_figures


def annotated(*entities: tuple[str, str, list[tuple[str, str]]]) -> dict[str, Any]:
    return {
        "entities": {
            str(number): {"tokens": tokens, "label": label, "relations": [list(r) for r in relations]}
            for number, (tokens, label, relations) in enumerate(entities, start=1)
        }
    }


SMALL_LEFT = annotated(
    ("small", "OBS-DP", [("modify", "3")]), ("left", "ANAT-DP", []), ("effusion", "OBS-DP", [("located_at", "2")])
)
SMALL_RIGHT = annotated(
    ("small", "OBS-DP", [("modify", "3")]), ("right", "ANAT-DP", []), ("effusion", "OBS-DP", [("located_at", "2")])
)
EFFUSION = annotated(("effusion", "OBS-DP", []))


def scores(reference: dict[str, Any], candidate: dict[str, Any]) -> list[float]:
    return [figure() for figure in radgraph_figures([reference], [candidate])]


def test_the_three_figures_by_hand() -> None:
    assert scores(SMALL_LEFT, SMALL_LEFT) == [1, 1, 1]
    # two of three entities are the other's; of the facts with their relations, only "small modifies effusion"
    assert scores(SMALL_LEFT, SMALL_RIGHT) == pytest.approx([2 / 3, 2 / 3, 1 / 3])
    # the entity is there, its relation is not: one of 3 and of 1, or none
    assert scores(SMALL_LEFT, EFFUSION) == pytest.approx([2 / 4, 0, 0])


def test_a_report_without_a_fact_scores_nothing() -> None:
    assert scores(EFFUSION, annotated()) == [0, 0, 0]


def test_what_is_no_annotation_is_refused() -> None:
    with pytest.raises(BadInput, match="annotation with text"):
        radgraph_figures([{"text": "effusion"}], [EFFUSION])
