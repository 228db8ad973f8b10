"""The simulated reviewer changes what is wrong or missing, and nothing else."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.labeler import label_sentence
from model.metrics import match_statements
from model.reviewer import review
from pipelines.sources.phantom.plan import plan_studies
from pipelines.sources.phantom.scenario import Scenario


@pytest.mark.parametrize(
    ("draft", "reference", "signed"),
    [
        # Right as it stands, in other words or in another zone.
        (["Small left effusion."], ["There is a left pleural effusion."], ["Small left effusion."]),
        (["Right upper lobe nodule."], ["Right lower lobe nodule."], ["Right upper lobe nodule."]),
        (["Left effusion."], ["Pleural effusion."], ["Left effusion."]),
        (["No edema."], [], ["No edema."]),
        (["Frontal view of the chest."], ["Cardiomegaly."], ["Frontal view of the chest.", "Cardiomegaly."]),
        # Wrong: struck.
        (["Acute rib fracture.", "No edema."], ["No edema."], ["No edema."]),
        (["Possible pneumonia."], ["The lungs are clear."], []),
        # Missing: added in the reference's words; a denial that nobody drafted is not.
        (["No edema."], ["Mild cardiomegaly.", "No fracture."], ["No edema.", "Mild cardiomegaly."]),
        # The side: written over, in the case that stood there.
        (["Left effusion.", "No edema."], ["Right effusion."], ["Right effusion.", "No edema."]),
        (["Small left effusion."], ["Bilateral effusions."], ["Bilateral effusions."]),
        (["Left effusion.", "Right effusion."], ["Left effusion."], ["Left effusion."]),
        # Not as firm as the reference, or firmer.
        (["Possible pneumonia."], ["Right pneumonia."], ["Right pneumonia."]),
        (["Pneumonia."], ["Possible pneumonia."], ["Possible pneumonia."]),
        # Denied, and there; the denial that went with it comes back where the reference makes it too.
        (["No effusion.", "No edema."], ["Left effusion."], ["Left effusion.", "No edema."]),
        (["No right effusion."], ["Left effusion."], ["No right effusion.", "Left effusion."]),
        (
            ["No effusion or pneumothorax."],
            ["Small left effusion.", "No pneumothorax."],
            ["Small left effusion.", "No pneumothorax."],
        ),
        # Called normal, and not.
        (["The lungs are clear."], ["Right lower lobe opacity."], ["Right lower lobe opacity."]),
        (["The lungs are clear."], ["Left effusion.", "Lungs are clear."], ["The lungs are clear.", "Left effusion."]),
        (["No acute cardiopulmonary abnormality."], ["Mild edema."], ["Mild edema."]),
        (["No interval change."], ["Mild edema."], ["No interval change.", "Mild edema."]),
        # Each of several statements needs one of its own.
        (["Endotracheal tube."], ["Endotracheal tube.", "Enteric tube."], ["Endotracheal tube.", "Enteric tube."]),
        (["Cardiomegaly with edema."], ["Cardiomegaly."], ["Cardiomegaly."]),
        ([], ["No edema."], []),
    ],
)
def test_by_hand(draft: list[str], reference: list[str], signed: list[str]) -> None:
    assert list(review(draft, reference)) == signed


REPORTS = [[statement.text for statement in plan.statements] for plan in plan_studies(5, 60, Scenario())]
report = st.sampled_from(REPORTS)


@settings(max_examples=60)
@given(report)
def test_a_draft_that_is_the_reference_is_signed_as_it_stands(reference: list[str]) -> None:
    assert list(review(reference, reference)) == reference


@settings(max_examples=60)
@given(report, report)
def test_what_is_signed_states_what_the_reference_states(draft: list[str], reference: list[str]) -> None:
    signed = review(draft, reference)
    truth, said = ([label_sentence(sentence) for sentence in side] for side in (reference, signed))
    assert all(match.candidate is not None for match in match_statements(truth, said))
    asked = {finding.observation for findings in truth for finding in findings if finding.positive}
    assert {finding.observation for findings in said for finding in findings if finding.positive} <= asked


@settings(max_examples=60)
@given(report, report)
def test_a_signed_report_needs_no_second_review(draft: list[str], reference: list[str]) -> None:
    signed = review(draft, reference)
    assert review(signed, reference) == signed


@settings(max_examples=60)
@given(report, report)
def test_the_reviewer_writes_no_words_of_its_own(draft: list[str], reference: list[str]) -> None:
    words = set(re.findall("[a-z]+", " ".join([*draft, *reference, "left right"]).lower()))
    assert set(re.findall("[a-z]+", " ".join(review(draft, reference)).lower())) <= words
