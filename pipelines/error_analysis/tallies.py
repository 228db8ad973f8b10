"""Counts and shares of statements: by quadrant, by finding, by size of region, and what was said instead."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from model.findings import OBSERVATIONS, Certainty, Finding
from model.metrics import Estimate, Figure, PatientBootstrap, SizeBucket, mean_figure
from pipelines.error_analysis.statements import Outcome, Quadrant, Statement

Row = dict[str, Any]

CONFUSIONS = 10  # rows, the commonest


def share(
    name: str, statements: Iterable[Statement], chosen: Callable[[Statement], bool | float], studies: int
) -> Figure:
    """The share of statements that are chosen, or the mean of a value; one row of sums a study."""
    sums, counts = np.zeros(studies), np.zeros(studies, int)
    for statement in statements:
        sums[statement.study] += chosen(statement)
        counts[statement.study] += 1
    return mean_figure(name, sums, counts.tolist())


def quadrants(statements: Sequence[Statement], bootstrap: PatientBootstrap, studies: int) -> list[Row]:
    """The four quadrants: how many of the statements whose attention is judged, and their share with its interval."""
    judged = [statement for statement in statements if statement.quadrant is not None]
    rows = []
    for quadrant in Quadrant:
        figure = share(quadrant, judged, lambda s, q=quadrant: s.quadrant is q, studies)  # type: ignore[misc]
        estimate = told(bootstrap.estimate(figure))
        n = int(figure.statistics[:, 0].sum())
        rows.append({"quadrant": quadrant.value, "n": n, "share": estimate.pop("value"), **estimate})
    return rows


def told(estimate: Estimate) -> dict[str, float | None]:
    """An estimate for JSON: None where it is not defined."""
    parts = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: value if np.isfinite(value) else None for name, value in parts.items()}


def per_finding(statements: Iterable[Statement]) -> list[Row]:
    """A row an observation that anyone states: its statements by outcome and by quadrant, and how many looks are
    diffuse."""
    rows = []
    grouped: dict[str, list[Statement]] = {}
    for statement in statements:
        grouped.setdefault(statement.finding.observation, []).append(statement)
    for observation in sorted(grouped, key=OBSERVATIONS.index):
        own = grouped[observation]
        rows.append(
            {
                "observation": observation,
                "n": len(own),
                **{outcome.value: sum(s.outcome is outcome for s in own) for outcome in Outcome},
                **{quadrant.value: sum(s.quadrant is quadrant for s in own) for quadrant in Quadrant},
                "unjudged": sum(s.quadrant is None for s in own),
                "diffuse": sum(s.look is not None and s.look.diffuse for s in own),
            }
        )
    return rows


def by_size(statements: Iterable[Statement], bounds: tuple[float, float]) -> list[Row]:
    """A row a size of region: the found statements of that size, and the means of how they are looked at."""
    sized: dict[SizeBucket, list[Statement]] = {size: [] for size in SizeBucket}
    for statement in statements:
        if statement.outcome is Outcome.FOUND and statement.look is not None:
            sized[size_of(statement.look.area, bounds)].append(statement)
    rows = []
    for size, own in sized.items():
        looks = [asdict(s.look) for s in own if s.look is not None]
        means = {
            key: float(np.mean([look[key] for look in looks])) if looks else None
            for key in ("miou", "spread", "outside")
        }
        entropies = [s.entropy for s in own if s.entropy is not None]
        rows.append(
            {
                "size": size.value,
                "n": len(own),
                "both_right": sum(s.right for s in own),
                "diffuse": sum(s.look is not None and s.look.diffuse for s in own),
                **means,
                "entropy": float(np.mean(entropies)) if entropies else None,
            }
        )
    return rows


def size_of(area: float, bounds: tuple[float, float]) -> SizeBucket:
    """The bucket of a region that covers this share of the model's input."""
    return SizeBucket.SMALL if area < bounds[0] else SizeBucket.MEDIUM if area < bounds[1] else SizeBucket.LARGE


def confusions(statements: Iterable[Statement]) -> list[Row]:
    """What reference and draft say of one place where they differ, the commonest first: "Edema", "possible Edema".

    A pair of sentences counts once; one that names no observation is left out.
    """
    pairs: dict[tuple[int, int | None, int | None], tuple[str, str]] = {}
    for s in statements:
        if s.instead is not None:
            own, other = said(s.finding), said(s.instead)
            pairs[s.study, s.asked, s.drafted] = (own, other) if s.outcome is Outcome.MISSED else (other, own)
    commonest = sorted(Counter(pairs.values()).items(), key=lambda item: (-item[1], item[0]))
    return [{"reference": asked, "draft": said, "n": n} for (asked, said), n in commonest[:CONFUSIONS]]


def said(finding: Finding) -> str:
    """
    >>> said(Finding("Edema", Certainty.NEGATED)), said(Finding("Edema", Certainty.LIKELY))
    ('no Edema', 'Edema')
    """
    hedge = {Certainty.NEGATED: "no ", Certainty.POSSIBLE: "possible "}.get(finding.certainty, "")
    return f"{hedge}{finding.observation}"
