"""Gaps between groups: what is measured, what is claimed, and what chance alone may claim."""

from itertools import permutations
from time import process_time

import numpy as np
import pytest
from numpy.typing import NDArray

from model.grounding import entropy
from model.metrics import Figure, mean_figure
from model.metrics.findings import findings_figures
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from pipelines.fairness import (
    LEAST_COUNTED,
    LEAST_PATIENTS,
    NOT_RECORDED,
    Groups,
    Status,
    Subgroup,
    audit_figures,
    compare_groups,
)
from pipelines.fairness_figures import audited
from pipelines.fairness_gaps import chances, deals, step_down
from pipelines.statistics import Statistics


def statistics(patients: list[str], **figures: Figure) -> Statistics:
    return Statistics(tuple(f"s{i}" for i in range(len(patients))), tuple(patients), figures)


def right(values: NDArray[np.float64] | list[float], patients: list[str]) -> Statistics:
    """Studies whose drafts need no correction (1), or do (0)."""
    return statistics(patients, needs_no_correction=mean_figure("needs_no_correction", values))


def each(n: int) -> list[str]:
    """A patient a study."""
    return [f"p{i}" for i in range(n)]


def row(rows: list[Subgroup], group: str, figure: str = "needs_no_correction") -> Subgroup:
    (found,) = (r for r in rows if (r.group, r.figure) == (group, figure))
    return found


def test_a_group_its_rest_and_their_gap_are_plain_means() -> None:
    values = [1.0] * 30 + [0.0] * 10 + [1.0] * 10 + [0.0] * 30
    rows = compare_groups(right(values, each(80)), {"sex": ["F"] * 40 + ["M"] * 40})
    women, men = row(rows, "F"), row(rows, "M")
    assert (women.value, men.value) == (0.75, 0.25)
    assert (women.n_studies, women.n_patients) == (40, 40)
    assert women.gap == -men.gap == 0.5
    # the textbook's interval of a difference of proportions: 0.5 +- 1.96 sqrt(2 x 0.75 x 0.25 / 40)
    assert (women.gap_low, women.gap_high) == pytest.approx((0.31, 0.69), abs=0.03)
    assert women.status is men.status is Status.GAP
    assert women.p_adjusted == men.p_adjusted == women.p


def test_one_patient_less_than_the_rule_asks_for_is_too_few() -> None:
    for n, status in ((LEAST_PATIENTS, Status.MEASURED), (LEAST_PATIENTS - 1, Status.INSUFFICIENT)):
        found = row(compare_groups(right(np.ones(90), each(90)), {"site": ["a"] * n + ["b"] * (90 - n)}), "a")
        assert (found.status, found.n_patients) == (status, n)
        assert np.isnan(found.value) == (status is Status.INSUFFICIENT)


def test_many_studies_of_few_patients_are_too_few() -> None:
    patients = each(60) + ["p60"] * 200
    rows = compare_groups(right(np.ones(260), patients), {"site": ["a"] * 60 + ["b"] * 200})
    assert row(rows, "b").status is Status.INSUFFICIENT
    assert row(rows, "b").n_studies == 200


def test_a_figure_that_says_something_about_few_patients_is_too_little() -> None:
    counted = [1] * (LEAST_COUNTED - 1) + [0] * 21 + [1] * 40
    figure = mean_figure("pointing_game", counted, counted)
    rows = compare_groups(statistics(each(80), pointing_game=figure), {"sex": ["F"] * 40 + ["M"] * 40})
    assert row(rows, "F", "pointing_game").status is Status.INSUFFICIENT
    men = row(rows, "M", "pointing_game")
    assert (men.status, men.value) == (Status.MEASURED, 1.0)
    assert np.isnan(men.gap), "there is no rest to compare with"


def test_those_not_recorded_are_measured_but_neither_compared_nor_anybodys_rest() -> None:
    values = [1.0] * 40 + [0.5] * 40 + [0.0] * 40
    rows = compare_groups(right(values, each(120)), {"sex": ["F"] * 40 + ["M"] * 40 + [None] * 40})
    unknown = row(rows, NOT_RECORDED)
    assert (unknown.value, unknown.status) == (0.0, Status.MEASURED)
    assert np.isnan(unknown.gap)
    assert np.isnan(unknown.p)
    assert row(rows, "F").gap == 0.5
    assert rows[-1] is unknown


def test_nobody_recorded_and_one_group_alone_are_no_comparison() -> None:
    rows = compare_groups(right(np.ones(40), each(40)), {"sex": [None] * 40, "site": ["a"] * 40})
    assert [r.status for r in rows] == [Status.MEASURED] * 2
    assert all(np.isnan(r.gap) for r in rows)


def test_a_figure_without_variation_claims_nothing() -> None:
    rows = compare_groups(right(np.ones(80), each(80)), {"sex": ["F"] * 40 + ["M"] * 40})
    assert {(r.gap, r.p, r.p_adjusted, r.status) for r in rows} == {(0.0, 1.0, 1.0, Status.MEASURED)}


# -- the test


def test_p_is_the_share_of_all_permutations_that_part_the_groups_as_far() -> None:
    values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]
    group = np.array([True, True, False, False, False, False])

    def gap(order: tuple[int, ...]) -> float:
        dealt = np.array(values)[list(order)]
        return abs(dealt[group].mean() - dealt[~group].mean())

    exact = np.mean([gap(order) >= gap(tuple(range(6))) - 1e-12 for order in permutations(range(6))])
    p, adjusted = chances(
        group[None], ~group[None], np.array([[True]]), [mean_figure("x", values)], each(6), draws=20_000
    )
    assert p[0, 0] == adjusted[0, 0] == pytest.approx(exact, abs=0.01)


def test_records_go_to_patients_with_as_many_studies_and_stay_together() -> None:
    patients = ["a", "b", "a", "c", "d", "d", "e"]
    dealt = deals(patients, 50, seed=1)
    assert dealt[0].tolist() == list(range(7))
    for source in dealt[1:]:
        assert sorted(source) == list(range(7))
        assert patients[source[0]] == patients[source[2]] in {"a", "d"}
        assert source[0] < source[2]
        assert {patients[source[study]] for study in (1, 3, 6)} == {"b", "c", "e"}
    assert len({tuple(source) for source in dealt}) > 6


def test_gaps_that_tell_the_same_cost_nothing_and_others_do() -> None:
    sizes = np.abs(np.random.default_rng(0).normal(size=(2000, 1)))
    sizes[0] = 2.6
    alone = step_down(sizes)
    assert step_down(np.repeat(sizes, 20, axis=1)) == pytest.approx(np.repeat(alone, 20))
    others = np.abs(np.random.default_rng(1).normal(size=(2000, 19)))
    adjusted = step_down(np.concatenate([sizes, others], axis=1))
    assert adjusted[0] == pytest.approx(1 - (1 - alone[0]) ** 20, abs=0.02)
    assert np.all(adjusted[np.argsort(-np.append(2.6, others[0]))][1:] >= adjusted[0])


# -- level and power, on made-up drafts; benchmarks/fairness.py has them on a model's


def draw(seed: int, q: float, statements: float = 1.0) -> tuple[Statistics, Groups]:
    """300 studies of 190 patients, three statements a study, 5 % of them missed; site b misses q more, and has that
    share of statements."""
    rng = np.random.default_rng(seed)
    patients = [f"p{i}" for i in range(190) for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))]
    number = {name: index for index, name in enumerate(dict.fromkeys(patients))}

    def by_patient(*groups: str | None) -> list[str | None]:
        drawn = rng.choice(np.array(groups, object), len(number))
        return [drawn[number[name]] for name in patients]

    groups: Groups = {
        "sex": by_patient("F", "M"),
        "race_ethnicity": by_patient("a", "b", "c", None),
        "site": by_patient("a", "b", "c"),
        "view": list(rng.choice(["PA", "AP"], len(patients))),
    }
    biased = np.array([site == "b" for site in groups["site"]])
    stated = rng.poisson(np.where(biased, 3 * statements, 3))
    missed = rng.binomial(stated, 0.05 + q * biased)
    figures = {
        "miss_rate": mean_figure("miss_rate", missed, stated.tolist()),
        "needs_no_correction": mean_figure("needs_no_correction", (missed == 0).astype(float)),
        "pointing_game": mean_figure("pointing_game", rng.binomial(stated - missed, 0.9), stated.tolist()),
    }
    return statistics(patients, **figures), groups


def claimed(seed: int, q: float, statements: float = 1.0) -> list[Subgroup]:
    return [r for r in compare_groups(*draw(seed, q, statements)) if r.status is Status.GAP]


def test_a_planted_bias_is_found_where_it_was_planted() -> None:
    found = [claimed(seed, q=0.25) for seed in range(10)]
    assert sum(any(r.group == "b" and r.attribute == "site" and r.gap > 0 for r in rows) for rows in found) >= 9


def test_where_none_was_planted_none_is_claimed() -> None:
    assert sum(bool(claimed(seed, q=0.0)) for seed in range(10)) <= 1


def test_to_have_fewer_findings_is_no_gap_in_how_many_are_missed() -> None:
    rows = [r for seed in range(10) for r in claimed(seed, q=0.0, statements=0.35)]
    assert not [r for r in rows if r.figure != "needs_no_correction"], "less can be wrong in their drafts, rightly"


def test_an_audit_of_two_thousand_studies_takes_seconds() -> None:
    rng = np.random.default_rng(0)
    patients = [f"p{i // 2}" for i in range(2000)]
    names = (
        "needs_no_correction",
        "iou_norm_0.1",
        "pointing_game",
        "miss_rate",
        "edit_rate",
        "ungrounded_positive_share",
    )
    figures = {name: mean_figure(name, rng.uniform(size=2000)) for name in names}
    groups: Groups = {
        f"attribute {k}": rng.choice(list("abc") if k else list("abcde"), 2000).tolist() for k in range(6)
    }
    started = process_time()
    rows = compare_groups(statistics(patients, **figures), groups)
    assert len(rows) == 20 * len(names)
    assert process_time() - started < 60


# -- the figures


def test_the_audited_figures_follow_from_the_evaluations() -> None:
    labels: list[dict[str, int]] = [{"Edema": 1, "Fracture": 1}, {"No Finding": 1}, {"Edema": 1, "Cardiomegaly": -1}]
    drafted: list[dict[str, int]] = [{"Edema": 1, "Pneumonia": 1}, {"No Finding": 1}, {"No Finding": 1}]
    evaluated = {figure.name: figure for figure in findings_figures(labels, drafted)}
    evaluated["iou_norm_0.1"] = mean_figure("iou_norm_0.1", [0.6, 0.0, 0.0], [2, 0, 1])
    evaluated["statements_found"] = mean_figure("statements_found", [1, 0, 0], [2, 0, 1])
    evaluated["bleu_4"] = mean_figure("bleu_4", [1.0, 1.0, 1.0])
    found = audited(statistics(each(3), **evaluated), []).figures
    assert found.keys() == {
        "findings_micro_f1",
        "miss_rate",
        "iou_norm_0.1",
        "matched.iou_norm_0.1",
        "attention_entropy",
    }
    assert found["findings_micro_f1"]() == evaluated["findings_micro_f1"]() == 2 * 2 / (2 * 2 + 2 + 2)
    assert found["miss_rate"]() == 2 / 3, "of Edema, Fracture, Edema; what is uncertain is not missed"
    assert found["iou_norm_0.1"]() == pytest.approx(0.2)
    assert found["matched.iou_norm_0.1"]() == 0.6
    assert np.isnan(found["attention_entropy"]())


def test_entropy_is_0_for_one_patch_and_1_for_even_attention() -> None:
    peak = np.zeros((4, 4), np.float32)
    peak[1, 2] = 1.0
    assert entropy(peak, 0.0) == pytest.approx(0.0, abs=1e-6)
    assert entropy(np.full((4, 4), 1 / 17, np.float32), 1 / 17) == pytest.approx(1.0)


def test_the_worst_group_is_the_one_at_the_bad_end() -> None:
    good = mean_figure("needs_no_correction", [1.0] * 60 + [0.2] * 40)
    missed = mean_figure("miss_rate", [0.1] * 60 + [0.7] * 40)
    free = mean_figure("attention_entropy", [0.4] * 60 + [0.5] * 40)
    all_of = statistics(each(100), needs_no_correction=good, miss_rate=missed, attention_entropy=free)
    flat = audit_figures(compare_groups(all_of, {"site": ["a"] * 60 + ["b"] * 35 + ["c"] * 5}))
    assert (flat["n_subgroups"], flat["n_insufficient"]) == (3, 1)
    assert flat["worst_subgroup.needs_no_correction"] == pytest.approx(0.2)
    assert [flat[f"worst_subgroup.miss_rate{end}"] for end in ("", ".low", ".high")] == pytest.approx([0.7] * 3)
    assert "worst_subgroup.attention_entropy" not in flat
    assert flat["n_gaps"] == flat["n_gaps.words"] + flat["n_gaps.attention"]
    assert (flat["n_gaps.words"], flat["n_gaps.attention"]) == (4, 2)


def test_a_figure_that_no_group_is_large_enough_for_has_no_worst_group() -> None:
    flat = audit_figures(compare_groups(right(np.ones(20), each(20)), {"sex": ["F", "M"] * 10}))
    assert np.isnan(flat["worst_subgroup.needs_no_correction"])
    assert flat["n_insufficient"] == 2


def test_only_what_states_a_finding_has_an_entropy_that_counts() -> None:
    even = GroundedSentence(
        "The lungs are clear.", Section.FINDINGS, np.full((2, 2), 0.2, np.float32), 0.2, (), 0.5, Verdict.GROUNDED
    )
    report = GroundedReport("s0", (even,), 10, 10, "v", "0", 0.5)
    evaluated = {figure.name: figure for figure in findings_figures([{}], [{}])}
    regions = {name: mean_figure(name, [0.0], [0]) for name in ("iou_norm_0.1", "statements_found")}
    found = audited(statistics(each(1), **evaluated, **regions), [report])
    assert found.figures["attention_entropy"].statistics.tolist() == [[0.0, 0.0]]
