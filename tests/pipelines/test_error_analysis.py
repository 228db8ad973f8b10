"""What a reader of the error analysis relies on: each statement in the quadrant it belongs to, by hand-made drafts."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from model.findings import Certainty, Finding, Side
from model.grounding import entropy
from model.labeler import label_sentence
from model.metrics import PatientBootstrap
from model.pixels import Geometry, ModelInput
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from pipelines.error_analysis.attention import look, touched
from pipelines.error_analysis.entropies import entropies
from pipelines.error_analysis.failures import FEWEST, known_failures
from pipelines.error_analysis.failures import Verdict as Seen
from pipelines.error_analysis.gallery import EACH, Kind, caption, choose
from pipelines.error_analysis.statements import Outcome, Statement, statements_of
from pipelines.error_analysis.tallies import by_size, confusions, per_finding, quadrants
from pipelines.evaluation_set import EvaluationStudy, ReferenceSentence

SIZE, GRID = 64, 16
Place = tuple[slice, slice]
LEFT_BASE: Place = (slice(40, 56), slice(40, 56))  # 16 of 256 patches
RIGHT_BASE: Place = (slice(40, 56), slice(8, 24))
HEART: Place = (slice(28, 52), slice(24, 44))
CHEST: Place = (slice(4, 60), slice(4, 60))
EFFUSION = Finding("Pleural Effusion", Certainty.DEFINITE, Side.LEFT)


def region(place: Place) -> NDArray[np.bool_]:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[place] = True
    return mask


def asked(text: str, place: Place | None = None, section: Section = Section.FINDINGS) -> ReferenceSentence:
    return ReferenceSentence(text, section, None, None if place is None else region(place))


def said(text: str, place: Place, section: Section = Section.FINDINGS) -> GroundedSentence:
    """A sentence whose attention lies evenly on a place."""
    grid_map = region(place).reshape(GRID, 4, GRID, 4).mean(axis=(1, 3)).astype(np.float32)
    return GroundedSentence(
        text,
        section,
        grid_map / grid_map.sum(),
        0.0,
        (),
        0.9,
        Verdict.GROUNDED,
        label_sentence(text),
    )


def analysed(reference: list[ReferenceSentence], draft: list[GroundedSentence], index: int = 0) -> list[Statement]:
    image = np.zeros((SIZE, SIZE), np.uint8)
    study = EvaluationStudy(
        f"s{index}",
        f"p{index}",
        ModelInput(image, Geometry.fit(SIZE, SIZE, SIZE), "0" * 64, None, ()),
        tuple(reference),
    )
    report = GroundedReport(f"s{index}", tuple(draft), SIZE, SIZE, "0" * 12, "0" * 64, 0.8)
    return list(statements_of(index, study, report))


def told(statements: list[Statement]) -> list[tuple[str, str, str | None]]:
    return [(s.finding.observation, s.outcome.value, s.quadrant and s.quadrant.value) for s in statements]


def test_a_statement_said_and_looked_at_is_right_and_one_looked_for_elsewhere_is_not() -> None:
    reference = [asked("Small left pleural effusion.", LEFT_BASE)]
    right = analysed(reference, [said("There is a left pleural effusion.", LEFT_BASE)])
    astray = analysed(reference, [said("There is a left pleural effusion.", RIGHT_BASE)])
    assert told(right) == [("Pleural Effusion", "found", "both_right")]
    assert told(astray) == [("Pleural Effusion", "found", "text_right_attention_wrong")]
    assert [s.right for s in (*right, *astray)] == [True, False]
    assert caption(astray[0]) == "Found left pleural effusion, but the model looks elsewhere."


def test_a_finding_under_another_name_is_attention_right_and_words_wrong_on_both_sides() -> None:
    found = analysed(
        [asked("Left lower lobe atelectasis.", LEFT_BASE)], [said("There is a left pleural effusion.", LEFT_BASE)]
    )
    assert told(found) == [
        ("Atelectasis", "missed", "attention_right_text_wrong"),
        ("Pleural Effusion", "invented", "attention_right_text_wrong"),
    ]
    assert [s.instead and s.instead.observation for s in found] == ["Pleural Effusion", "Atelectasis"]
    assert confusions(found) == [{"reference": "Atelectasis", "draft": "Pleural Effusion", "n": 1}]


def test_a_finding_denied_with_the_eye_on_it_is_attention_right_and_words_wrong() -> None:
    missed = analysed([asked("The heart is enlarged.", HEART)], [said("Heart size is normal.", HEART)])
    invented = analysed([asked("Heart size is normal.", HEART)], [said("The heart is enlarged.", HEART)])
    assert told(missed) == [("Cardiomegaly", "missed", "attention_right_text_wrong")]
    assert told(invented) == [("Cardiomegaly", "invented", "attention_right_text_wrong")]
    assert confusions(missed) == [{"reference": "Cardiomegaly", "draft": "no Cardiomegaly", "n": 1}]


def test_what_rightly_says_another_thing_does_not_look_for_a_missed_statement() -> None:
    reference = [asked("Left pleural effusion.", LEFT_BASE), asked("Left lower lobe atelectasis.", LEFT_BASE)]
    found = analysed(reference, [said("Left pleural effusion.", LEFT_BASE)])
    assert told(found) == [("Pleural Effusion", "found", "both_right"), ("Atelectasis", "missed", "both_wrong")]


def test_a_sentence_on_the_film_does_not_look_for_a_finding() -> None:
    found = analysed([asked("Left pleural effusion.", LEFT_BASE)], [said("A frontal view was obtained.", LEFT_BASE)])
    assert told(found) == [("Pleural Effusion", "missed", "both_wrong")]


def test_of_several_sentences_that_look_at_a_missed_statement_the_best_is_named() -> None:
    near: Place = (slice(40, 56), slice(32, 56))
    draft = [said("Possible left atelectasis.", near), said("Possible left effusion.", LEFT_BASE)]
    found = analysed([asked("Left pleural effusion.", LEFT_BASE)], draft)
    assert [(s.drafted, s.instead and s.instead.certainty) for s in found] == [(1, Certainty.POSSIBLE)]
    assert confusions(found) == [{"reference": "Pleural Effusion", "draft": "possible Pleural Effusion", "n": 1}]


def test_nothing_there_and_nothing_said_is_both_wrong() -> None:
    found = analysed([asked("Left pleural effusion.", LEFT_BASE)], [said("The heart is enlarged.", HEART)])
    assert told(found) == [("Pleural Effusion", "missed", "both_wrong"), ("Cardiomegaly", "invented", "both_wrong")]
    assert found[1].look is None  # nobody marked a heart


def test_the_right_words_in_the_other_section_are_missed_and_invented() -> None:
    found = analysed(
        [asked("Left pleural effusion.", LEFT_BASE, Section.IMPRESSION)], [said("Left pleural effusion.", LEFT_BASE)]
    )
    assert told(found) == [
        ("Pleural Effusion", "missed", "attention_right_text_wrong"),
        ("Pleural Effusion", "invented", "attention_right_text_wrong"),
    ]


def test_a_sentence_withheld_as_ungrounded_says_nothing_but_has_looked() -> None:
    sentence = replace(said("Left pleural effusion.", LEFT_BASE), verdict=Verdict.UNGROUNDED, withheld=True)
    found = analysed([asked("Left pleural effusion.", LEFT_BASE)], [sentence])
    assert told(found) == [("Pleural Effusion", "missed", "attention_right_text_wrong")]


def test_a_sentence_withheld_because_it_repeats_another_neither_says_nor_looks() -> None:
    effusion = said("Left pleural effusion.", LEFT_BASE)
    reference = [asked("Left pleural effusion.", LEFT_BASE), asked("Left lower lobe atelectasis.", LEFT_BASE)]
    found = analysed(reference, [effusion, replace(effusion, withheld=True)])
    assert told(found) == [("Pleural Effusion", "found", "both_right"), ("Atelectasis", "missed", "both_wrong")]


def test_of_two_findings_in_a_sentence_one_may_be_right_and_the_other_invented() -> None:
    found = analysed(
        [asked("Left pleural effusion.", LEFT_BASE)], [said("Left pleural effusion and left atelectasis.", LEFT_BASE)]
    )
    assert told(found) == [("Pleural Effusion", "found", "both_right"), ("Atelectasis", "invented", "both_wrong")]


def test_without_regions_the_words_are_judged_and_the_attention_is_not() -> None:
    found = analysed([asked("Left pleural effusion.")], [said("The heart is enlarged.", HEART)])
    assert told(found) == [("Pleural Effusion", "missed", None), ("Cardiomegaly", "invented", None)]
    rows = quadrants(found, PatientBootstrap(["p"]), 1)
    assert [(row["n"], row["share"]) for row in rows] == [(0, None)] * 4
    assert [row["unjudged"] for row in per_finding(found)] == [1, 1]


def test_no_finding_is_no_statement() -> None:
    normal = "No acute cardiopulmonary abnormality."
    assert analysed([asked(normal)], [said(normal, CHEST)]) == []


def test_a_map_is_diffuse_that_spreads_over_twice_its_region_and_lies_mostly_elsewhere() -> None:
    heart, chest = (said("x", place).map for place in (HEART, CHEST))
    close, wide = look(heart, region(HEART)), look(chest, region(HEART))
    assert close is not None
    assert wide is not None
    assert (close.spread, close.outside, close.diffuse) == (1.0, 0.0, False)
    # 14 x 14 patches over the heart's 6 x 5
    assert (wide.spread, wide.diffuse) == (196 / 30, True)
    assert wide.outside == pytest.approx(1 - 30 / 196)
    assert look(np.zeros((GRID, GRID), np.float32), region(HEART)) is None


def test_a_region_smaller_than_a_patch_touches_one() -> None:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[17, 33] = True
    assert np.argwhere(touched(mask, (GRID, GRID))).tolist() == [[4, 8]]


def test_entropy_is_0_on_one_patch_and_1_when_even_with_the_null_token() -> None:
    one = np.zeros((GRID, GRID), np.float32)
    one[3, 4] = 1
    share = 1 / (GRID * GRID + 1)
    assert entropy(one, 0.0) == 0
    assert entropy(np.full((GRID, GRID), share, np.float32), share) == pytest.approx(1)
    assert np.isnan(entropy(np.zeros((GRID, GRID), np.float32), 0.0))


def statement(study: int, outcome: Outcome, level: float, observation: str = "Edema") -> Statement:
    return Statement(study, Finding(observation, Certainty.DEFINITE), outcome, None, None, 0, entropy=level)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99)), min_size=2, max_size=40))
def test_concordance_is_scipys_u_over_the_number_of_pairs(drawn: list[tuple[bool, int]]) -> None:
    statements = [
        statement(study, Outcome.FOUND if right else Outcome.INVENTED, (level + 0.5) / 100)
        for study, (right, level) in enumerate(drawn)
    ]
    right, wrong = ([level for r, level in drawn if r is side] for side in (True, False))
    bootstrap = PatientBootstrap([str(study) for study in range(len(drawn))], draws=5)
    value = entropies(statements, bootstrap, len(drawn))["concordance"]["value"]
    if right and wrong:
        assert value == pytest.approx(mannwhitneyu(wrong, right).statistic / (len(wrong) * len(right)))
    else:
        assert value is None


def test_entropy_is_compared_within_a_finding_because_large_regions_need_more_of_it() -> None:
    levels = {"Edema": (0.8, 0.85), "Fracture": (0.2, 0.25)}  # wrong is always higher, edema as a whole much higher
    statements = [
        statement(study, outcome, level, observation)
        for study in range(40)
        for observation, pair in levels.items()
        for outcome, level in zip((Outcome.FOUND, Outcome.INVENTED), pair, strict=True)
        if observation == "Edema" or outcome is Outcome.INVENTED or study < 20
    ]
    found = entropies(statements, PatientBootstrap([str(study) for study in range(40)]), 40)
    assert found["concordance"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["p"] == pytest.approx(2 / 1001)
    assert sum(found["histogram"]["right"]) == pytest.approx(1)
    assert found["difference"]["value"] == pytest.approx((0.85 + 0.25) / 2 - (40 * 0.8 + 20 * 0.2) / 60)


def test_nothing_wrong_compares_with_nothing() -> None:
    found = entropies([statement(0, Outcome.FOUND, 0.4)], PatientBootstrap(["p"]), 1)
    assert found["right"]["value"] == pytest.approx(0.4)
    assert (found["wrong"]["value"], found["difference"]["value"], found["p"]) == (None, None, None)
    assert found["histogram"]["wrong"] == []


def many(reference: ReferenceSentence, draft: GroundedSentence, studies: int) -> list[Statement]:
    return [s for index in range(studies) for s in analysed([reference], [draft], index)]


def verdicts(statements: list[Statement], acquisitions: list[dict[str, str | None]]) -> dict[str, Seen]:
    bootstrap = PatientBootstrap([str(study) for study in range(len(acquisitions))])
    known = known_failures(statements, acquisitions, (0.08, 0.2), bootstrap)
    return {failure.name: failure.verdict for failure in known}


ALIKE: list[dict[str, str | None]] = [{"modality": "DX"}] * 40
HEARTS = asked("The heart is enlarged.", HEART)
EFFUSIONS = asked("Left pleural effusion.", LEFT_BASE)


def test_cardiomegaly_that_attends_to_the_whole_chest_is_seen() -> None:
    assert verdicts(many(HEARTS, said("The heart is enlarged.", CHEST), 40), ALIKE)["whole_chest"] is Seen.SEEN
    assert verdicts(many(HEARTS, said("The heart is enlarged.", HEART), 40), ALIKE)["whole_chest"] is Seen.NOT_SEEN
    few = many(HEARTS, said("The heart is enlarged.", CHEST), FEWEST - 1)
    assert verdicts(few, ALIKE)["whole_chest"] is Seen.UNDECIDED


def test_small_findings_that_are_diffuse_are_seen_and_a_large_heart_is_none() -> None:
    diffuse = many(EFFUSIONS, said("Left pleural effusion.", CHEST), 40)
    assert verdicts(diffuse, ALIKE)["small_diffuse"] is Seen.SEEN
    hearts = many(HEARTS, said("The heart is enlarged.", CHEST), 40)
    assert verdicts(hearts, ALIKE)["small_diffuse"] is Seen.UNDECIDED  # there is no small one


def test_no_case_among_thirty_may_still_be_one_in_ten() -> None:
    known = known_failures(
        many(HEARTS, said("The heart is enlarged.", HEART), FEWEST),
        ALIKE[:FEWEST],
        (0.08, 0.2),
        PatientBootstrap([str(study) for study in range(FEWEST)]),
    )
    assert (known[0].value, known[0].low, known[0].high) == (0.0, 0.0, 3 / FEWEST)


def test_a_modality_that_fails_is_seen_and_named() -> None:
    right = many(EFFUSIONS, said("Left pleural effusion.", LEFT_BASE), 80)
    wrong = [s for index in range(40, 80) for s in analysed([EFFUSIONS], [said("No effusion.", CHEST)], index)]
    acquisitions: list[dict[str, str | None]] = [
        {"modality": "DX" if index < 40 else "CR", "device": None} for index in range(80)
    ]
    mixed = [s for s in right if s.study < 40] + wrong
    bootstrap = PatientBootstrap([str(study) for study in range(80)])
    failure = known_failures(mixed, acquisitions, (0.01, 0.05), bootstrap)[-1]
    assert failure.verdict is Seen.SEEN
    assert [(group.group, group.wrong, group.gap) for group in failure.groups] == [("CR", 1.0, 1.0), ("DX", 0.0, -1.0)]
    assert (failure.n, failure.count, failure.value) == (40, 40, 1.0)
    assert verdicts(right, acquisitions)["modality_confused"] is Seen.NOT_SEEN
    assert verdicts(right, [{"modality": "DX"}] * 80)["modality_confused"] is Seen.UNDECIDED


def test_sizes_are_told_apart_by_the_bounds_given() -> None:
    statements = [
        *analysed([EFFUSIONS], [said("Left pleural effusion.", LEFT_BASE)]),
        *analysed([HEARTS], [said("The heart is enlarged.", HEART)]),
    ]
    rows = {row["size"]: row for row in by_size(statements, (0.08, 0.5))}
    assert [(size, row["n"], row["both_right"]) for size, row in rows.items()] == [
        ("small", 1, 1),
        ("medium", 1, 1),
        ("large", 0, 0),
    ]
    assert rows["large"]["miou"] is None


@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.sampled_from(
                ["Edema", "Fracture", "Pneumonia", "Atelectasis", "Lung Lesion", "Cardiomegaly", "Consolidation"]
            ),
            st.sampled_from(list(Outcome)),
        ),
        max_size=80,
    )
)
def test_the_gallery_shows_each_study_and_of_a_kind_each_finding_once(drawn: list[tuple[int, str, Outcome]]) -> None:
    statements = [statement(study, outcome, 0.5, observation) for study, observation, outcome in drawn]
    shown = choose(statements, [f"s{study}" for study in range(31)])
    assert len({s.study for _, s in shown}) == len(shown)
    assert all(count == 1 for count in Counter((kind, s.finding.observation) for kind, s in shown).values())
    assert max(Counter(kind for kind, _ in shown).values(), default=0) <= EACH
    assert {kind for kind, _ in shown} >= {Kind.MISSED for s in statements if s.outcome is Outcome.MISSED}
