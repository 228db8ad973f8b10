"""`radassist label` and `radassist score`, as a person calls them."""

import csv
import json
from pathlib import Path

import pytest

from model.findings import OBSERVATIONS
from pipelines.cli import main


def labelled(out: Path) -> list[dict[str, str]]:
    with out.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_label_writes_the_fourteen_beside_what_was_there(tmp_path: Path) -> None:
    reports, out = tmp_path / "reports.csv", tmp_path / "new/labels.csv"
    reports.write_text('id,report\n7,"No pneumothorax,\nsmall left effusion. Possible edema."\n8,\n', encoding="utf-8")
    assert main(["label", str(reports), "--out", str(out)]) == 0
    first, second = labelled(out)
    assert list(first) == ["id", "report", *OBSERVATIONS]
    assert (first["id"], first["Pneumothorax"], first["Pleural Effusion"], first["Edema"]) == ("7", "0", "1", "-1")
    assert first["No Finding"] == first["Fracture"] == ""
    assert all(second[name] == "" for name in OBSERVATIONS)


def test_label_by_assertion(tmp_path: Path) -> None:
    reports, out = tmp_path / "reports.csv", tmp_path / "labels.csv"
    reports.write_text("report\nPossible edema.\nProbable edema.\n", encoding="utf-8")
    assert main(["label", str(reports), "--out", str(out), "--convention", "assertion"]) == 0
    assert [row["Edema"] for row in labelled(out)] == ["0", "1"]


def test_label_explains_itself(tmp_path: Path) -> None:
    reports, reasons = tmp_path / "reports.csv", tmp_path / "new/reasons.csv"
    reports.write_text("report\nLungs clear.\nThe heart is not enlarged. History of pneumonia.\n", encoding="utf-8")
    assert main(["label", str(reports), "--out", str(tmp_path / "labels.csv"), "--explain", str(reasons)]) == 0
    assert [tuple(row.values()) for row in labelled(reasons)] == [
        ("2", "Cardiomegaly", "negated", "heart ... enlarged ... not", "The heart is not enlarged."),
        ("2", "Pneumonia", "", "pneumonia ... History of", "History of pneumonia."),
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"text\nNo edema.\n", "one column is `report`"),
        (b"report,Edema\nNo edema.,0\n", "column 'Edema'"),
        (b"report\nNo edema, no effusion.\n", "row 1"),
        (b"report\n\xff\xfe\n", "UTF-8"),
        (b"", "one column is `report`"),
        (None, "name one that exists"),
    ],
)
def test_label_refuses_in_one_line(
    content: bytes | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reports, out = tmp_path / "reports.csv", tmp_path / "labels.csv"
    if content is not None:
        reports.write_bytes(content)
    assert main(["label", str(reports), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_score_writes_flat_figures_with_intervals(tmp_path: Path) -> None:
    pairs, out = tmp_path / "pairs.json", tmp_path / "new/metrics.json"
    same = "The heart is enlarged. Small left pleural effusion."
    pairs.write_text(
        json.dumps(
            [
                {"reference": same, "candidate": same, "patient": "a"},
                {"reference": "Right upper lobe opacity with edema.", "candidate": "No edema.", "patient": "a"},
                {"reference": "No pneumothorax is seen.", "candidate": "", "patient": "b"},
            ]
        ),
        encoding="utf-8",
    )
    assert main(["score", str(pairs), "--out", str(out)]) == 0
    figures = json.loads(out.read_text(encoding="utf-8"))
    assert (figures["n_studies"], figures["n_patients"]) == (3, 2)
    names = ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "meteor_exact_stem", "rouge_l", "rouge_l_f1", "cider"]
    names += ["findings_micro_f1", "findings_macro_f1", "findings_micro_f1_5"]
    for name in names:
        assert figures[f"{name}.low"] <= figures[name] <= figures[f"{name}.high"]
    # Cardiomegaly and effusion found; opacity, edema and the third "No Finding" missed; one "No Finding" false.
    assert figures["findings_micro_f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 3))
    # The reviewer writes the one reference for "No edema.", 5 words beside "edema.", and adds no denial; who signed
    # the references wrote those 4 words too.
    assert figures["edit_rate"] == pytest.approx(5 / (8 + 6))
    assert figures["edit_rate_sentences"] == pytest.approx(1 / 3)
    assert figures["word_error_rate"] == pytest.approx((5 + 4) / (8 + 6 + 4))


def test_score_refuses_bert_score_without_an_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs, out = tmp_path / "pairs.json", tmp_path / "metrics.json"
    pairs.write_text('[{"reference": "No edema.", "candidate": "Edema."}]', encoding="utf-8")
    assert main(["score", str(pairs), "--out", str(out), "--bert-score", str(tmp_path)]) == 2
    assert "BERTScore needs an encoder" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[", "JSON"),
        ("[]", "at least one pair"),
        ('[{"reference": "a"}]', "0.candidate"),
        ('[{"reference": "", "candidate": "a"}]', "holds words"),
        ('[{"reference": 3, "candidate": "a"}]', "0.reference"),
        ('[{"reference":"a","candidate":"a","patient":"p"},{"reference":"a","candidate":"a"}]', "or none does"),
        (None, "name one that exists"),
    ],
)
def test_score_refuses_in_one_line(
    content: str | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, out = tmp_path / "pairs.json", tmp_path / "metrics.json"
    if content is not None:
        pairs.write_text(content, encoding="utf-8")
    assert main(["score", str(pairs), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not out.exists()
