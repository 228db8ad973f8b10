"""What the phantom writes, the labeler reads: finding, certainty, side and zone of every sentence, and every label."""

import pytest

from model.labeler import label_report, label_sentence
from model.metrics import findings_figures
from pipelines.sources.phantom.plan import StudyPlan, plan_studies
from pipelines.sources.phantom.scenario import Scenario


@pytest.fixture(scope="module")
def plans() -> list[StudyPlan]:
    return list(plan_studies(seed=13, n=6000, scenario=Scenario()))


def test_every_sentence_of_the_phantom_is_read_exactly(plans: list[StudyPlan]) -> None:
    said = {s.text: s.findings for plan in plans for s in plan.statements}
    assert len(said) > 2000
    for text, findings in said.items():
        assert set(label_sentence(text)) == {f for f in findings if f.observation != "No Finding"}, text


def test_labels_of_whole_reports_are_the_phantoms(plans: list[StudyPlan]) -> None:
    truth = [plan.labels() for plan in plans]
    read = [label_report(" ".join(s.text for s in plan.statements)) for plan in plans]
    figures = {figure.name: figure() for figure in findings_figures(truth, read)}
    assert figures["findings_micro_f1"] > 0.99
    assert figures["findings_micro_f1_u1"] > 0.99
