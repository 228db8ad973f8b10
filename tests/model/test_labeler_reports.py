"""Labels of whole reports, by both conventions, and against public gold labels."""

from pathlib import Path
from time import process_time

import pytest

from benchmarks.labeler import measure, reports
from model.labeler import Convention, label_report

OPENI = Path(__file__).resolve().parents[2] / "../shared/realdata/openi"


@pytest.mark.parametrize(
    ("report", "labels"),
    [
        ("", {}),
        ("The lungs are clear.", {"No Finding": 1}),
        ("No effusion. Heart size normal.", {"No Finding": 1, "Cardiomegaly": 0, "Pleural Effusion": 0}),
        ("Small effusion. No pneumothorax.", {"Pneumothorax": 0, "Pleural Effusion": 1}),
        ("Right effusion. No left effusion.", {"Pleural Effusion": 1}),
        ("Possible pneumonia.", {"Pneumonia": -1}),
        ("Probable pneumonia.", {"Pneumonia": -1}),
        ("Likely pneumonia.", {"Pneumonia": 1}),
        ("Atelectasis or pneumonia.", {"Pneumonia": -1, "Atelectasis": -1}),
        ("Stable cardiac silhouette.", {"Cardiomegaly": -1}),
        ("Pulmonary vascular congestion.", {"Edema": -1}),
        ("Pacemaker in place.", {"No Finding": 1, "Support Devices": 1}),
        ("Emphysema.", {}),
        ("Calcified nodule.", {}),
    ],
)
def test_the_chexpert_convention(report: str, labels: dict[str, int]) -> None:
    assert label_report(report) == labels


def test_the_quirks_of_the_original_are_kept() -> None:
    assert label_report("Edema. No edema. Possible edema.")["Edema"] == -1
    assert label_report("Congestive heart failure.") == {"Cardiomegaly": -1, "Edema": 1}


@pytest.mark.parametrize(
    ("report", "labels"),
    [
        ("Possible pneumonia.", {"No Finding": 1, "Pneumonia": 0}),
        ("Probable pneumonia.", {"Pneumonia": 1}),
        ("Atelectasis or pneumonia.", {"Pneumonia": 1, "Atelectasis": 1}),
        ("Edema. No edema. Possible edema.", {"Edema": 1}),
        ("Calcified nodule.", {"Lung Lesion": 1}),
        ("No edema.", {"No Finding": 1, "Edema": 0}),
    ],
)
def test_the_assertion_convention(report: str, labels: dict[str, int]) -> None:
    assert label_report(report, Convention.ASSERTION) == labels


def test_lists_and_missing_full_stops_do_not_run_together() -> None:
    report = "1. No pneumothorax. 2. Small left effusion.\n\n3. Mild cardiomegaly"
    assert label_report(report) == {"Cardiomegaly": 1, "Pneumothorax": 0, "Pleural Effusion": 1}


def test_lower_case_reports_are_read_like_others() -> None:
    assert label_report("no pneumothorax . small left effusion .") == {"Pneumothorax": 0, "Pleural Effusion": 1}


def test_openi_gold_labels() -> None:
    """3,080 reports with human labels; a script of keywords and negations reaches 0.866 on these eight observations."""
    if not OPENI.is_dir():
        pytest.skip(f"{OPENI} is absent: the OpenI reports and their gold labels stand there")
    chosen = list(reports(OPENI))
    started = process_time()
    read = [label_report(report.text, Convention.ASSERTION) for report in chosen]
    seconds = process_time() - started
    assert len(chosen) == 3080
    assert measure(chosen, read)["micro_f1"] > 0.925
    assert len(chosen) / seconds > 250, "reports a second and core, with room for a busy machine"
