"""What the gate promises: a strict, readable, complete decision by intervals, and no way around it for a model that
does not look at the image."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.labeler import label_report
from model.metrics import Figure, findings_figures, mean_figure, text_figures
from pipelines.gate import Judged, Outcome, Policy, load_policy
from pipelines.gate.champion import Champion
from pipelines.gate.command import decide
from pipelines.gate.judge import Evidence, side
from pipelines.gate.policy import Criterion, SubgroupCriterion
from pipelines.gate.subgroups import Subgroup, judge_subgroups
from pipelines.statistics import Statistics
from tests.pipelines.conftest import FIGURES, SHIPPED, SUBGROUPS, statistics_of

POLICY = load_policy(SHIPPED / "policy" / "gate.yaml")
PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
PATIENTS = 60
SAID = {
    "There is a moderate left pleural effusion.": "No pleural effusion is seen.",
    "The cardiac silhouette is enlarged.": "The heart size is normal.",
    "There is consolidation in the right lower lobe.": "No focal consolidation.",
    "There is interstitial pulmonary edema.": "No edema.",
}


def report(present: Sequence[bool]) -> str:
    """A report that states each finding of SAID or denies it."""
    return " ".join(positive if here else SAID[positive] for positive, here in zip(SAID, present, strict=True))


TRUTH = np.random.default_rng(0).random((PATIENTS, len(SAID))) < [0.5, 0.45, 0.35, 0.4]
SEEN = TRUTH ^ (np.random.default_rng(1).random(TRUTH.shape) < 0.05)
"""What a good model says: every twentieth statement is wrong."""
OTHERS = np.random.default_rng(2).permutation(PATIENTS)
CONSTANT = np.tile(TRUTH.mean(axis=0) > 0.4, (PATIENTS, 1))
NEAREST = TRUTH[np.roll(np.arange(PATIENTS), 7)]
MEAN_MASK = np.random.default_rng(3).uniform(0.1, 0.45, PATIENTS)


def words(said: NDArray[np.bool_], prefix: str = "") -> list[Figure]:
    references, drafts = ([report(row) for row in rows] for rows in (TRUTH, said))
    labels = ([label_report(text) for text in side] for side in (references, drafts))
    figures = [*text_figures(references, drafts), *findings_figures(*labels)]
    return [replace(figure, name=f"{prefix}{figure.name}") for figure in figures]


def evaluation(said: NDArray[np.bool_], iou: NDArray[np.float64]) -> Statistics:
    """A model that says this and points so well, beside the image-free baselines."""
    figures = [
        *words(said),
        *words(CONSTANT, "constant."),
        *words(NEAREST, "nearest."),
        *words(said[OTHERS], "shuffled."),
        mean_figure("iou_norm_0.1", iou),
        mean_figure("mean_mask.iou_norm_0.1", MEAN_MASK),
        mean_figure("edit_rate", (said != TRUTH).mean(axis=1)),
        mean_figure("ungrounded_positive_share", np.resize([0.0, 0.0, 0.0, 0.1], PATIENTS)),
        mean_figure("occlusion_ratio", np.resize([2.0, 6.0], PATIENTS)),
    ]
    names = tuple(f"{index:03d}" for index in range(PATIENTS))
    return Statistics(names, names, {figure.name: figure for figure in figures})


WELL = np.clip(MEAN_MASK + np.random.default_rng(4).normal(0.25, 0.1, PATIENTS), 0, 1)
AUDITED = [Subgroup(*row) for row in SUBGROUPS]


def outcomes(
    statistics: Statistics, champion: Champion | None = None, policy: Policy = POLICY, subgroups: bool = True
) -> dict[str, Judged]:
    evidence = Evidence(statistics, champion or Champion())
    return {c.name: c for c in decide(policy, evidence, AUDITED if subgroups else None)}


def changed(**changes: float | None) -> dict[str, Judged]:
    return outcomes(statistics_of(FIGURES | changes))


def names(found: dict[str, Judged], outcome: Outcome) -> set[str]:
    return {name for name, criterion in found.items() if criterion.outcome is outcome}


def test_a_good_model_passes_every_criterion_of_the_shipped_policy() -> None:
    found = outcomes(evaluation(SEEN, WELL))
    assert names(found, PASS) == set(found), [c.reason for c in found.values() if c.outcome is not PASS]
    assert not any(c.blocks or c.needs_signature for c in found.values())


@pytest.mark.parametrize(
    ("said", "iou", "refused_by"),
    [
        pytest.param(
            CONSTANT,
            MEAN_MASK / 2,
            {
                "words beat the constant report",
                "findings beat the constant report",
                "findings beat shuffled images",
                "grounding",
                "grounding beats the mean mask",
            },
            id="the best constant report",
        ),
        pytest.param(
            NEAREST,
            WELL,
            {"words beat the nearest image's report", "findings beat the nearest image's report"},
            id="the nearest image's report",
        ),
        pytest.param(
            TRUTH[OTHERS],
            MEAN_MASK[OTHERS],
            {"findings beat the nearest image's report", "findings beat shuffled images", "grounding"},
            id="trained on shuffled images",
        ),
        pytest.param(SEEN, MEAN_MASK, {"grounding beats the mean mask"}, id="maps that are the mean mask"),
    ],
)
def test_what_does_not_look_at_the_image_is_refused(
    said: NDArray[np.bool_], iou: NDArray[np.float64], refused_by: set[str]
) -> None:
    found = outcomes(evaluation(said, iou))
    blocking = {name for name, criterion in found.items() if criterion.blocks}
    assert refused_by <= blocking, {name: (c.outcome, c.reason) for name, c in found.items()}


def test_the_constant_report_is_refused_though_its_words_pass() -> None:
    found = outcomes(evaluation(CONSTANT, MEAN_MASK))
    assert found["words"].outcome is PASS
    beaten = found["words beat the constant report"]
    assert (beaten.outcome, beaten.value, beaten.low, beaten.high) == (FAIL, 0.0, 0.0, 0.0)
    assert beaten.reason.endswith("is 0, 95 % interval 0 to 0, lies nowhere above 0")


@pytest.mark.parametrize(
    ("figure", "bound", "name", "rule"),
    [
        ("bleu_4", 0.15, "words", ">"),
        ("meteor_exact_stem", 0.20, "words by stem", ">"),
        ("findings_micro_f1", 0.40, "findings", ">"),
        ("iou_norm_0.1", 0.30, "grounding", ">"),
        ("edit_rate", 0.40, "edits", "<"),
        ("ungrounded_positive_share", 0.10, "positive statements rest on a region", "<"),
        ("occlusion_ratio", 1.0, "faithfulness", ">"),
    ],
)
def test_each_promise_of_the_issue_is_judged_by_its_interval(figure: str, bound: float, name: str, rule: str) -> None:
    # Of 60 patients at +-0.02 the interval is some 0.005 to either side.
    better = 1 if rule == ">" else -1
    free: dict[str, float | None] = {baseline: -1.0 for baseline in FIGURES if baseline.split(".")[0] in BASELINES}
    for offset, outcome in ((0.02, PASS), (0.002, INCONCLUSIVE), (-0.002, INCONCLUSIVE), (-0.02, FAIL)):
        criterion = changed(**{**free, figure: bound + better * offset})[name]
        assert (criterion.outcome, criterion.rule, criterion.bound) == (outcome, rule, bound), criterion.reason
        assert criterion.blocks == (outcome is not PASS)


BASELINES = ("constant", "nearest", "shuffled", "mean_mask")


def test_a_model_just_under_one_bound_is_blocked_by_that_one_alone() -> None:
    found = changed(bleu_4=0.148, **{"constant.bleu_4": 0.05, "nearest.bleu_4": 0.05})
    assert {name for name, criterion in found.items() if criterion.blocks} == {"words"}
    assert found["words"].reason == "bleu_4 0.148, 95 % interval 0.143 to 0.153, holds 0.15: too wide to decide by"


def test_a_figure_that_is_no_number_fails_in_words() -> None:
    found = changed(**{"iou_norm_0.1": None, "bleu_4": None})
    assert found["grounding"].reason == "grounding IoU was not measured: no sentence of the test split has a region"
    assert "bleu_4 is nan, not a number" in found["words"].reason
    assert found["grounding"].outcome is found["words"].outcome is FAIL
    assert (found["words"].value, found["words"].low) == (None, None)


@pytest.mark.parametrize("missing", ["meteor_exact_stem", "edit_rate", "constant.bleu_4", "nearest.findings_micro_f1"])
def test_a_figure_that_is_missing_fails_with_the_way_out(missing: str) -> None:
    found = outcomes(statistics_of({name: value for name, value in FIGURES.items() if name != missing}))
    failed = [c for c in found.values() if c.outcome is FAIL]
    assert {missing} == {name for c in failed for name in (c.figure, c.baseline) if name == missing}
    assert all(f"there is no figure {missing}" in c.reason and "radassist evaluate" in c.reason for c in failed)


def test_a_test_split_of_20_studies_decides_nothing() -> None:
    found = outcomes(statistics_of(FIGURES, patients=20), subgroups=True)
    assert names(found, FAIL) == set()
    undecided = names(found, INCONCLUSIVE)
    assert {c.name for c in POLICY.criteria if "champion" not in c.name} == undecided
    assert all("20 patients stand behind it, and fewer than 30 decide nothing" in found[n].reason for n in undecided)


def test_what_few_patients_have_is_not_decided_by_however_many_studies() -> None:
    statistics = statistics_of(FIGURES)
    rare = np.full(PATIENTS, np.nan)
    rare[:3] = 0.9
    figures = {**statistics.figures, "iou_norm_0.1": mean_figure("iou_norm_0.1", rare)}
    criterion = outcomes(replace(statistics, figures=figures))["grounding"]
    assert criterion.outcome is INCONCLUSIVE
    assert "3 patients stand behind it" in criterion.reason


def test_a_difference_is_paired_and_so_is_narrower_than_either_figure() -> None:
    hard = np.random.default_rng(5).uniform(0, 1, PATIENTS)  # some studies are hard for model and baseline alike
    names = tuple(map(str, range(PATIENTS)))
    figures = {"f": mean_figure("f", hard + 0.05), "base": mean_figure("base", hard)}
    policy = Policy(criteria=(Criterion(name="a", figure="f", above="base", margin=0.04, because="x"),))
    found = outcomes(Statistics(names, names, figures), policy=policy)["a"]
    assert found.outcome is PASS
    assert (found.value, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))
    assert (found.bound, found.baseline, found.margin) == (0.04, "base", 0.04)


class TestChampion:
    def against(self, champion: Champion) -> dict[str, Judged]:
        found = outcomes(statistics_of(FIGURES), champion)
        return {name: criterion for name, criterion in found.items() if "champion" in name}

    def served(self, **changes: float | None) -> Champion:
        return Champion("3", statistics_of(FIGURES | changes).figures)

    def test_without_one_the_criteria_do_not_apply_and_say_so(self) -> None:
        for criterion in self.against(Champion()).values():
            assert (criterion.outcome, criterion.value) == (PASS, None)
            assert criterion.reason == "not applicable: there is no champion yet"

    def test_a_model_as_good_is_not_inferior_and_a_small_loss_is_tolerated(self) -> None:
        assert {c.outcome for c in self.against(self.served()).values()} == {PASS}
        slightly_better = self.served(findings_micro_f1=0.84, edit_rate=0.20, **{"iou_norm_0.1": 0.57})
        assert {c.outcome for c in self.against(slightly_better).values()} == {PASS}

    def test_a_larger_loss_fails(self) -> None:
        better = self.served(findings_micro_f1=0.87, edit_rate=0.17, **{"iou_norm_0.1": 0.60})
        found = self.against(better)
        assert {c.outcome for c in found.values()} == {FAIL}
        assert "findings_micro_f1 0.82 less champion.findings_micro_f1 0.87 is -0.05" in (
            found["findings keep up with the champion"].reason
        )
        assert found["edits keep up with the champion"].bound == 0.03

    def test_one_that_cannot_be_compared_blocks_and_says_why(self) -> None:
        for criterion in self.against(Champion("3", apart="it was evaluated on other test studies")).values():
            assert (criterion.outcome, criterion.blocks) == (INCONCLUSIVE, True)
            assert criterion.reason == "it was evaluated on other test studies"

    def test_one_without_the_figure_blocks_and_says_so(self) -> None:
        figures = {name: f for name, f in self.served().figures.items() if name != "edit_rate"}
        criterion = self.against(Champion("3", figures))["edits keep up with the champion"]
        assert criterion.outcome is INCONCLUSIVE
        assert criterion.reason == "the champion, version 3, was evaluated without this figure"


class TestSubgroups:
    CRITERION = SubgroupCriterion(name="worst", figure="f", above=0.3, because="x")

    def judged(self, *rows: tuple[str, float, float, float, str]) -> Judged:
        groups = [Subgroup("age", group, "f", 40, *numbers, status) for group, *numbers, status in rows]
        return judge_subgroups(self.CRITERION, groups)

    def test_the_worst_group_decides_whatever_the_others_are(self) -> None:
        found = self.judged(("18-39", 0.9, 0.8, 1.0, "measured"), ("80+", 0.2, 0.1, 0.29, "gap"))
        assert (found.outcome, found.value, found.low, found.high) == (FAIL, 0.2, 0.1, 0.29)
        assert found.reason == "not f above 0.3 in age 80+ (0.2, 0.1 to 0.29, 40 patients)"
        assert found.blocks

    def test_what_cannot_be_decided_is_recorded_and_needs_a_signature_but_does_not_block(self) -> None:
        nan = math.nan
        found = self.judged(
            ("18-39", 0.9, 0.8, 1.0, "measured"), ("60-79", 0.4, 0.2, 0.6, "measured"), ("80+", nan, nan, nan, "small")
        )
        assert found.outcome is INCONCLUSIVE
        assert [(group.group, group.outcome) for group in found.groups or ()] == [
            ("60-79", INCONCLUSIVE),
            ("80+", INCONCLUSIVE),
        ]
        assert (found.blocks, found.needs_signature) == (False, True)
        assert found.reason.startswith("f above 0.3 cannot be decided in 2 of 3 groups: age 60-79 (0.4, 0.2 to 0.6")

    def test_groups_that_all_hold_pass(self) -> None:
        found = self.judged(("18-39", 0.9, 0.8, 1.0, "measured"), ("80+", 0.5, 0.4, 0.6, "gap"))
        assert (found.outcome, found.value, found.groups) == (PASS, 0.5, ())
        assert not found.needs_signature

    def test_of_a_figure_that_should_be_small_the_largest_is_the_worst(self) -> None:
        groups = [Subgroup("sex", sex, "e", 40, v, v, v, "measured") for sex, v in (("F", 0.2), ("M", 0.5))]
        criterion = SubgroupCriterion(name="worst", figure="e", below=0.4, because="x")
        found = judge_subgroups(criterion, groups)
        assert (found.outcome, found.value) == (FAIL, 0.5)

    def test_an_audit_that_is_missing_or_has_no_such_figure_fails(self) -> None:
        missing, other = judge_subgroups(self.CRITERION, None), judge_subgroups(self.CRITERION, [])
        assert missing.outcome is other.outcome is FAIL
        assert "run `radassist audit`" in missing.reason
        assert "the audit has no figure f" in other.reason


numbers = st.floats(-2, 2)


@given(st.tuples(numbers, numbers).map(sorted), numbers, st.sampled_from("<>"))
def test_a_pass_means_that_the_whole_interval_lies_on_the_right_side(
    ends: list[float], bound: float, rule: str
) -> None:
    low, high = ends
    within = (low, (low + high) / 2, high)
    right = [x > bound if rule == ">" else x < bound for x in within]
    expected = PASS if all(right) else INCONCLUSIVE if any(right) else FAIL
    assert side(low, high, rule, bound) is expected


def test_an_interval_that_nobody_knows_decides_nothing() -> None:
    assert {side(math.nan, math.nan, rule, 0.0) for rule in "<>"} == {INCONCLUSIVE}
