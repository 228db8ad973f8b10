"""What a person who opens the exploration relies on: it is right, the same each time, whole, and names nobody."""

import base64
import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from pipelines.cli import main
from pipelines.exploration import figures
from pipelines.exploration.regions import GRID, mean_regions
from pipelines.explore import explore
from pipelines.manifest import SCHEMA, read_manifest, write_manifest
from pipelines.params import load_params
from pipelines.prepare import prepare

SHIPPED = Path(__file__).parents[2]
MEASURES = ["findings", "p5", "p25", "median", "p75", "p95", "share", "peak"]  # whole by chance, and no counts
WIDTH, HEIGHT = 200, 100  # twice as wide as high: half of the model's square input is padding
EFFUSION = "There is a small right pleural effusion."
CARDIOMEGALY = "The heart is enlarged."
NORMAL = "No pneumothorax is seen."


def study(number: int) -> dict[str, object]:
    """Every second study has an effusion, in the lower left quarter of its image; every third an enlarged heart."""
    split = "test" if number >= 36 else "validate" if number >= 33 else "train"
    findings = [NORMAL] if number % 2 else [EFFUSION, NORMAL]
    findings += [CARDIOMEGALY] if number % 3 == 0 else []
    findings += ["Quagga stripes."] if split == "test" else []
    boxes = [[0.0, 50.0, 100.0 if number < 12 else 50.0, 100.0]]
    return {
        **dict.fromkeys(SCHEMA.names),
        "study_id": f"study{number:04d}",
        "patient_id": f"{0xABC000 + number:016x}",
        "split": split,
        "source": "folder",
        "images": [{"member": f"{number}.png", "view": "LATERAL" if number in (4, 5) else "PA"}],
        "image_sha256": "0" * 64,
        "pixels_sha256": "0" * 64,
        "content_sha256": "0" * 64,
        "width": WIDTH,
        "height": HEIGHT,
        "sentences": [
            {
                "text": text,
                "section": "findings",
                "groundable": None,
                "mask": None,
                "boxes": boxes if text == EFFUSION else None,
            }
            for text in findings
        ],
        "labels": {"Pleural Effusion": 1 - number % 2},
        "site": "Northern hospital" if number < 20 else "Tiny clinic" if number < 22 else None,
    }


def write_set(root: Path, rows: list[dict[str, object]]) -> None:
    (root / "params.yaml").write_bytes((SHIPPED / "params.yaml").read_bytes())
    shards = root / "data" / "shards"
    shards.mkdir(parents=True, exist_ok=True)
    with tarfile.open(shards / "shard.tar", "w") as shard:
        for number in range(len(rows)):
            png = io.BytesIO()
            gray = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8) + np.uint8(number)
            Image.fromarray(gray).save(png, "PNG")
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(png.getvalue())
            shard.addfile(member, io.BytesIO(png.getvalue()))
    table = pa.Table.from_pylist([{**row, "shard": "shard.tar"} for row in rows], SCHEMA)
    write_manifest(root / "data", table)


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set of 40 studies, explored: to read."""
    root = tmp_path_factory.mktemp("explored")
    write_set(root, [study(number) for number in range(40)])
    params = load_params(root / "params.yaml")
    prepare(root / "data", root / "prepared", params, processes=0)
    explore(root / "data", root / "prepared", root / "exploration", params)
    return root


def written(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def text_of(page: Path) -> str:
    shown = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page.read_text(), flags=re.DOTALL)
    return " ".join(shown.replace("&lt;", "<").split())


def test_the_page_tells_what_the_set_holds(explored: Path) -> None:
    text = text_of(explored / "exploration" / "index.html")
    assert "36 studies of 36 patients, 36 with a report" in text
    assert "train 33 33 33 yes validate < 5 < 5 < 5 yes test < 5 < 5 < 5 counted alone" in text
    assert "Pleural Effusion 18 0 18 0 18 0 0 18 1.00" in text
    assert "Northern hospital Tiny clinic not known" in text
    assert "Studies 20 < 5 14" in text
    assert "Cardiomegaly 35 % – < 5" in text  # 7 of 20, nothing told of two, 4 of 14
    assert "pleural effusion Pleural Effusion" in text
    assert "␣effusion" in text
    assert sorted(path.name for path in (explored / "exploration" / "figures").iterdir()) == [
        "co_occurrence.svg",
        "length_by_findings.svg",
        "observations.svg",
        "regions.png",
        "report_lengths.svg",
    ]


def test_the_page_needs_nothing_but_itself(explored: Path) -> None:
    page = (explored / "exploration" / "index.html").read_text()
    assert not re.search(r"<(script|link|iframe|object)|https?:|url\(", page)
    sources = re.findall(r'<img[^>]*src="([^"]*)" alt="([^"]+)"', page)
    assert len(sources) == page.count("<img") == 5
    for source, _ in sources:
        kind, data = source.removeprefix("data:").split(";base64,")
        assert base64.b64decode(data).startswith(b"\x89PNG" if kind == "image/png" else b"<?xml")
    targets = set(re.findall(r'href="#(\w+)"', page))
    assert targets == set(re.findall(r'<h2 id="(\w+)"', page))


def test_nobody_is_named_and_no_sentence_is_shown(explored: Path) -> None:
    rows = read_manifest(explored / "data").to_pylist()
    told = [row[name] for row in rows for name in ("study_id", "patient_id")] + [EFFUSION, CARDIOMEGALY, NORMAL]
    for name, content in written(explored / "exploration").items():
        if not name.endswith(".png"):
            assert not [one for one in told if one in content.decode()], name


def test_the_test_split_is_counted_and_read_nowhere(explored: Path) -> None:
    for name, content in written(explored / "exploration").items():
        assert b"uagga" not in content, name
    splits = pd.read_csv(explored / "exploration" / "tables" / "splits.csv")
    assert splits.split.tolist() == ["train", "validate", "test"]


def test_small_counts_are_hidden_in_the_tables_too(explored: Path) -> None:
    for path in (explored / "exploration" / "tables").iterdir():
        table = pd.read_csv(path)
        counts = table.select_dtypes("integer").drop(columns=MEASURES, errors="ignore")
        assert not ((counts > 0) & (counts < 5)).any(axis=None), path.name


def test_the_mean_region_lies_where_the_regions_lie(explored: Path) -> None:
    manifest = read_manifest(explored / "data").to_pandas()
    manifest["view"] = manifest.images.map(lambda images: images[0]["view"])
    found = mean_regions(explored / "prepared", manifest[manifest.split != "test"])
    assert found is not None
    assert found.studies == {"Pleural Effusion": 17}  # 18 less the lateral one
    share = found.share["Pleural Effusion"]
    half, quarter = GRID // 2, GRID // 4
    assert share[half + 2 :, : quarter - 1] == pytest.approx(1.0)
    assert share[half + 2 :, quarter + 2 : half - 1] == pytest.approx(5 / 17)  # numbers 0 to 10 without 4
    assert share[: half - 2] == pytest.approx(0.0)
    assert share[:, half + 2 :] == pytest.approx(0.0)
    assert found.aspect == 0.5
    assert found.radiograph is not None


def test_an_interrupted_run_leaves_no_page_and_the_next_one_gives_the_same_bytes_as_ever(
    explored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((SHIPPED / "params.yaml").read_bytes())
    command = ["explore", "--data", str(explored / "data"), "--prepared", str(explored / "prepared")]
    (tmp_path / "exploration" / "tables").mkdir(parents=True)
    (tmp_path / "exploration" / "index.html").write_text("of an earlier set")
    (tmp_path / "exploration" / "tables" / "by_modality.csv").write_text("of an earlier version")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(figures, "co_occurrence", stopped)
        assert main(command) == 130
    assert not (tmp_path / "exploration" / "index.html").exists()
    assert not (tmp_path / "metrics").exists()
    assert main(command) == 0
    assert written(tmp_path / "exploration") == written(explored / "exploration")
    measured = json.loads((tmp_path / "metrics" / "explore.json").read_text())
    assert measured["n_studies"] == 36
    assert measured["n_regions"] == 17
    assert all(value is None or isinstance(value, int | float) for value in measured.values())


def test_what_a_set_does_not_know_is_said(tmp_path: Path) -> None:
    rows = [{**study(number), "labels": None, "site": None, "images": []} for number in range(8)]
    write_set(tmp_path, rows)
    summary = explore(tmp_path / "data", tmp_path / "prepared", tmp_path / "out", load_params(SHIPPED / "params.yaml"))
    text = text_of(tmp_path / "out" / "index.html")
    for missing in ("has a region in 5 frontal studies", "no study names its view", "no study names its site"):
        assert re.search(f"Not known in this set: [a-z ]*{missing}", text)
    assert "The set brings no labels" in text
    assert "tokens in the vocabulary" in text
    assert "nan" not in text.lower().split()
    assert summary["n_regions"] == 0

    images_alone = [{**study(number), "labels": None, "sentences": []} for number in range(8)]
    write_set(tmp_path, images_alone)
    summary = explore(tmp_path / "data", tmp_path / "prepared", tmp_path / "out", load_params(SHIPPED / "params.yaml"))
    text = text_of(tmp_path / "out" / "index.html")
    assert text.count("Not known in this set") == 7
    assert "8 studies of 8 patients, 0 with a report" in text
    assert summary["median_report_words"] is None
    assert list((tmp_path / "out" / "figures").iterdir()) == []


def test_a_set_of_test_studies_alone_is_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path, [study(number) for number in (36, 37)])
    monkeypatch.chdir(tmp_path)
    assert main(["explore"]) == 2
    assert "data (2 studies): training and validation are explored" in capsys.readouterr().err
    assert main(["explore", "--data", "nowhere"]) == 2
