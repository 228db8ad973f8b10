"""The stage errors on real files: the prepared regions, the drafts, the radiographs, and a page that stands alone."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from model.geometry import Box
from model.overlay import PALETTE
from pipelines.cli import main
from pipelines.error_analysis.pictures import HEIGHT as MOST_ROWS
from pipelines.error_analysis.pictures import WIDTH as MOST_COLUMNS
from pipelines.errors import errors
from pipelines.manifest import SCHEMA, read_manifest, write_manifest
from pipelines.metrics import read_metrics
from pipelines.params import load_params
from pipelines.prepare import prepare
from tests.pipelines.conftest import HEIGHT, SAID, SHIPPED, STUDIES, WIDTH, drafts_line, write_data

CENTRES = {"effusion": (0.27, 0.72), "lesion": (0.7, 0.35), "summary": (0.27, 0.72)}


def sentence(name: str) -> dict[str, Any]:
    """A reference sentence as the manifest has it, its region a box of 70 pixels around its centre."""
    text, section = SAID[name].text, SAID[name].section.value
    if name not in CENTRES:
        return {"text": text, "section": section, "groundable": None, "mask": None, "boxes": None}
    x, y = CENTRES[name][0] * WIDTH, CENTRES[name][1] * HEIGHT
    box = Box(x - 35, y - 35, x + 35, y + 35)
    return {"text": text, "section": section, "groundable": True, "mask": None, "boxes": [box.as_list()]}


def write_run(root: Path, *, regions: bool = True) -> None:
    """Data, prepared and evaluation of five test studies."""
    (root / "params.yaml").write_bytes((SHIPPED / "params.yaml").read_bytes())
    write_data(root / "data")
    rows = read_manifest(root / "data").to_pylist()
    for row in rows:
        true = STUDIES[row["study_id"]][1] if row["study_id"] in STUDIES else list(SAID)
        sentences = [sentence(name) | ({} if regions else {"boxes": None, "groundable": None}) for name in true]
        row |= {"sentences": sentences, "modality": "DX", "device": "a detector"}
    write_manifest(root / "data", pa.Table.from_pylist(rows, SCHEMA))
    prepare(root / "data", root / "prepared", load_params(root / "params.yaml"), processes=0)
    (root / "evaluation").mkdir()
    lines = [json.dumps(drafts_line(study_id)) + "\n" for study_id in STUDIES]
    (root / "evaluation" / "drafts.jsonl").write_text("".join(lines))


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose errors have been analysed: to read."""
    root = tmp_path_factory.mktemp("errors")
    write_run(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["errors"]) == 0
    return root


def read(root: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "errors" / "errors.json").read_text())
    return content


def test_every_statement_stands_in_the_quadrant_that_the_drafts_put_it_in(analysed: Path) -> None:
    content = read(analysed)
    # s1 and s4 say what they should and where; s3 misses two statements and invents a third; s5 misses one
    assert [content[f"n_{name}"] for name in ("statements", "found", "missed", "invented", "unjudged")] == [
        9,
        5,
        3,
        1,
        0,
    ]
    assert {row["quadrant"]: row["n"] for row in content["quadrants"]} == {
        "both_right": 5,
        "text_right_attention_wrong": 0,
        "attention_right_text_wrong": 0,
        "both_wrong": 4,
    }
    assert [(row["observation"], row["n"], row["missed"]) for row in content["per_finding"]] == [
        ("Lung Lesion", 3, 1),
        ("Pleural Effusion", 6, 2),
    ]
    assert {failure["name"]: failure["verdict"] for failure in content["known_failures"]} == dict.fromkeys(
        ("whole_chest", "small_diffuse", "modality_confused"), "undecided"
    )


def test_the_figures_are_flat_and_the_page_s_own(analysed: Path) -> None:
    content, flat = read(analysed), read_metrics("errors", analysed / "metrics")
    assert flat["both_right"] == content["quadrants"][0]["share"] == pytest.approx(5 / 9)
    assert flat["both_right.low"] == content["quadrants"][0]["low"]
    assert flat["entropy.right"] == content["entropies"]["right"]["value"]
    assert (flat["n_known_failures_seen"], flat["whole_chest"]) == (0, None)


def test_each_picture_shows_the_radiograph_the_draft_and_the_region(analysed: Path) -> None:
    pictures = read(analysed)["pictures"]
    assert [(p["kind"], p["observation"], p["study_id"]) for p in pictures if p["kind"] != "found"] == [
        ("missed", "Pleural Effusion", "s3"),
        ("missed", "Lung Lesion", "s5"),
    ]  # the study of the invented one is shown already
    for shown in pictures:
        path = analysed / "errors" / shown["picture"]
        assert sha256(path.read_bytes()).hexdigest() == shown["picture_sha256"]
        picture = Image.open(path)
        assert max(picture.width / MOST_COLUMNS, picture.height / MOST_ROWS) == 1
        colours = {colour for _, colour in picture.getcolors(picture.width * picture.height) or ()}
        assert PALETTE[1] in colours  # the reference's region
        assert (PALETTE[0] in colours) is (shown["draft"] is not None)


def test_the_page_needs_nothing_but_itself_and_tells_what_the_file_holds(analysed: Path) -> None:
    page = (analysed / "errors" / "index.html").read_text()
    assert not re.search(r"<(script|link|iframe)", page)
    sources = re.findall(r'src="([^"]{0,30})', page)
    assert len(sources) == len(read(analysed)["pictures"])
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    text = " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL).split())
    assert "9 positive statements of reference and draft in the 5 studies of 5 patients" in text
    assert "55.6 % 5 statements" in text
    assert "Missed left lung lesion: no other sentence of the draft looks at its region." in text
    assert "Reference A lesion lies in the left upper zone. study s5" in text
    assert "<title>Error analysis</title>" in page


def test_of_a_set_without_regions_the_words_are_analysed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path, regions=False)
    monkeypatch.chdir(tmp_path)
    assert main(["errors"]) == 0
    content = read(tmp_path)
    assert [content[f"n_{name}"] for name in ("found", "missed", "invented", "unjudged")] == [5, 3, 1, 9]
    assert read_metrics("errors")["both_right"] is None
    page = (tmp_path / "errors" / "index.html").read_text()
    assert "Attention cannot be judged: no sentence of the test split has a region." in page


def test_drafts_of_other_studies_are_refused(analysed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("data", "prepared"):
        (tmp_path / name).symlink_to(analysed / name)
    monkeypatch.chdir(tmp_path)
    assert main(["errors"]) == 2  # nothing was drafted
    (tmp_path / "evaluation").mkdir()
    lines = (analysed / "evaluation" / "drafts.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "evaluation" / "drafts.jsonl").write_text("".join(lines[1:]))
    assert main(["errors"]) == 2
    assert not (tmp_path / "errors").exists()


def test_the_same_run_gives_the_same_bytes(analysed: Path) -> None:
    def written() -> dict[str, bytes]:
        files = (path for path in sorted((analysed / "errors").rglob("*")) if path.is_file())
        return {path.name: path.read_bytes() for path in files}

    before = written()
    errors(analysed)
    assert written() == before
