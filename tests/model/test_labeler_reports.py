"""Labels of whole reports, by both conventions, and against public gold labels."""

import csv
import io
import tarfile
from pathlib import Path
from time import process_time
from xml.etree import ElementTree as ET

import pytest

from model.findings import Certainty
from model.labeler import Convention, explain, label_report

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


# Observations of CheXpert, and one class outside them, by the name of their gold column.
GOLD = {
    "Atelectasis": ("Atelectasis",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Pleural Effusion": ("Effusion",),
    "Pneumothorax": ("Pneumothorax",),
    "Edema": ("Edema",),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia",),
    "Lung Lesion": ("Nodule", "Mass"),
    "Emphysema": ("Emphysema",),
}


@pytest.fixture(scope="module")
def openi() -> list[tuple[str, dict[str, bool]]]:
    if not OPENI.is_dir():
        pytest.skip(f"{OPENI} is absent: the OpenI reports and their gold labels stand there")
    gold = {row["filename"]: row for row in csv.DictReader((OPENI / "gold_labels.csv").open(newline=""))}
    pairs = []
    with tarfile.open(OPENI / "NLMCXR_reports.tgz") as archive:
        for member in archive:
            if not member.name.endswith(".xml"):
                continue
            tree = ET.parse(io.BytesIO(archive.extractfile(member).read()))  # noqa: S314
            row = gold.get(tree.find("uId").get("id"))
            parts = {part.get("Label"): part.text or "" for part in tree.iter("AbstractText")}
            if row is not None:
                text = f"{parts.get('FINDINGS', '')}\n\n{parts.get('IMPRESSION', '')}"
                pairs.append((text, {n: any(row[c] == "1" for c in columns) for n, columns in GOLD.items()}))
    return pairs


def test_openi_gold_labels(openi: list[tuple[str, dict[str, bool]]]) -> None:
    """3,080 reports with human labels; a script of keywords and negations reaches 0.845 on these nine classes."""
    started = process_time()
    sure = (Certainty.DEFINITE, Certainty.LIKELY)
    read = [{e.observation for e in explain(text) if e.certainty in sure} for text, _ in openi]
    seconds = process_time() - started
    cells = [(name in found, truth[name]) for found, (_, truth) in zip(read, openi, strict=True) for name in GOLD]
    true, false, missed = (cells.count(cell) for cell in [(True, True), (True, False), (False, True)])
    assert len(openi) == 3080
    assert 2 * true / (2 * true + false + missed) > 0.925
    assert true / (true + missed) > 0.97
    assert len(openi) / seconds > 250, "reports a second and core, with room for a busy machine"
