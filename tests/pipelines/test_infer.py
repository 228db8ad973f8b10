import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from fhir.resources.R4B.bundle import Bundle
from PIL import Image
from pydicom import dcmread
from pydicom.uid import generate_uid

from model.artefact import open_artefact, seal
from model.calibration import FILE as CALIBRATION
from model.engine import Engine, Provider, TooSlow
from model.errors import BadInput
from model.fhir import ReportStatus, StudyFacts
from model.microbatch import MOST
from model.pixels import Geometry, PixelParams
from model.report import GroundedReport
from model.tokenizer import ReportTokenizer
from pipelines import infer as command
from pipelines.infer import drafts, infer
from pipelines.inference import study_folder
from pipelines.inference.films import Film, Label, read_label
from pipelines.phantom import PhantomArguments, write_phantom
from tests.exported import untrained, write_exported
from tests.tiny import MODEL

PARTIAL = ReportStatus.PARTIAL
DRAFTS = """
import sys
from pathlib import Path

from model.fhir import ReportStatus
from pipelines.infer import infer

if __name__ == "__main__":
    films, model, out = map(Path, sys.argv[1:])
    assert infer([films], model, out, ReportStatus.PARTIAL)["drafted"] == 4
    assert not {"torch", "timm", "transformers", "nltk"} & set(sys.modules)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = ReportTokenizer.train(["The heart is enlarged.", "No pneumothorax.", "Left pleural effusion."], 300)
    reporter = untrained({**MODEL, "size": 64, "max_tokens": 12}, tokenizer)
    return write_exported(tmp_path_factory.mktemp("exported"), reporter, tokenizer, PixelParams(size=64))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four studies in nested folders, a file that is none, and one that is cut short."""
    root = tmp_path_factory.mktemp("films")
    write_phantom(root / "phantom", PhantomArguments(4, 5, 160))
    (root / "films").mkdir()
    (root / "phantom" / "files").rename(root / "films" / "files")
    first = sorted((root / "films").rglob("*.dcm"))[0]
    (root / "films" / "notes.txt").write_text("not a radiograph")
    (root / "films" / "cut.dcm").write_bytes(first.read_bytes()[:3000])
    return root / "films"


def drafted(out: Path) -> dict[str, GroundedReport]:
    return {p.parent.name: GroundedReport.from_json(json.loads(p.read_text())) for p in out.glob("*/report.json")}


def test_every_file_ends_with_a_report_or_a_reason(films: Path, model: Path, tmp_path: Path) -> None:
    counted = infer([films], model, tmp_path, PARTIAL)
    files = [path for path in films.rglob("*") if path.is_file()]
    refused = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert counted["drafted"] == len(drafted(tmp_path)) == 4
    assert len(refused) + counted["drafted"] == len(files)
    reasons = {Path(line["file"]).name: line["refused"] for line in refused}
    assert reasons["notes.txt"] == "not_dicom"
    assert reasons["cut.dcm"] in ("corrupt", "no_pixels")


def test_a_study_has_its_report_its_bundle_and_its_pictures(films: Path, model: Path, tmp_path: Path) -> None:
    infer([films], model, tmp_path, PARTIAL)
    for study, report in drafted(tmp_path).items():
        header = next(h for p in films.rglob("s*/*.dcm") if (h := dcmread(p)).StudyInstanceUID == study)
        bundle = json.loads((tmp_path / study / "bundle.json").read_text())
        Bundle.model_validate(bundle)
        document = bundle["entry"][0]["resource"]
        assert document["subject"]["identifier"]["value"] == header.PatientID
        assert (report.image_width, report.image_height) == (header.Columns, header.Rows)
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] == "Media":
                picture = Image.open(tmp_path / study / entry["resource"]["content"]["url"])
                picture.load()
                if entry["resource"]["content"]["url"] != "summary.png":
                    assert picture.size == (header.Columns, header.Rows)


def test_what_is_withheld_stands_in_no_picture(
    films: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictured: dict[str, int] = {}

    def draw(_image: object, report: GroundedReport, _geometry: object) -> Image.Image:
        pictured[report.study_id] = len(report.sentences)
        return Image.new("RGB", (1, 1))

    withheld = GroundedReport.withhold_ungrounded
    monkeypatch.setattr(study_folder, "draw_report", draw)
    monkeypatch.setattr(
        GroundedReport,
        "withhold_ungrounded",
        lambda report: replace(
            withheld(report), sentences=tuple(replace(s, withheld=n > 0) for n, s in enumerate(report.sentences * 2))
        ),
    )
    infer([films], model, tmp_path, PARTIAL)
    assert set(pictured.values()) == {1}
    assert all(len(list((folder / "sentences").glob("*"))) <= 1 for folder in tmp_path.iterdir() if folder.is_dir())


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(
    films: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, written = command.write_study, []

    def stops_at_the_third(folder: Path, *arguments: object, **others: object) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        whole(folder, *arguments, **others)  # type: ignore[arg-type]
        written.append(folder.name)

    monkeypatch.setattr(command, "write_study", stops_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        infer([films], model, tmp_path, PARTIAL)
    monkeypatch.undo()
    assert set(drafted(tmp_path)) == set(written)
    version = open_artefact(model).version
    assert [study_folder.is_drafted(tmp_path / written[0], version, variant) for variant in ("fp32", "int8")] == [
        True,
        False,
    ]
    counted = infer([films], model, tmp_path, PARTIAL)
    assert (counted["drafted"], counted["drafted before"]) == (2, 2)
    assert infer([films], model, tmp_path, PARTIAL)["drafted"] == 0


def test_a_folder_that_holds_its_own_drafts_is_drafted_once(films: Path, model: Path, tmp_path: Path) -> None:
    pacs, out = tmp_path / "pacs", tmp_path / "pacs" / "drafts"
    shutil.copytree(films, pacs)
    first, again = (infer([pacs], model, out, PARTIAL) for _ in range(2))
    assert again == first - Counter(drafted=4) + Counter({"drafted before": 4})
    with pytest.raises(BadInput, match="there is no file within"):
        infer([out], model, out, PARTIAL)


def test_what_nobody_waits_for_any_more_is_not_drafted() -> None:
    begun, go, drafted = threading.Event(), threading.Event(), []

    def report(studies: list[tuple[str, object]], _prompts: list[str]) -> list[str]:
        drafted.extend(study for study, _ in studies)
        begun.set()
        assert go.wait(10)
        return [study for study, _ in studies]

    def films() -> Iterator[Film]:
        for number in range(7):
            label = Label("film.dcm", str(number), "PA", StudyFacts(), "")
            yield Film(label, bytes(64**2), bytes(64**2), Geometry.fit(64, 64, 64), "")
        assert begun.wait(10)
        threading.Timer(0.2, go.set).start()
        raise KeyboardInterrupt

    engine = SimpleNamespace(artefact=SimpleNamespace(pixels=PixelParams(size=64)), report=report)
    with pytest.raises(KeyboardInterrupt):
        list(drafts(engine, films()))  # type: ignore[arg-type]
    assert len(drafted) <= MOST


def test_of_a_study_s_images_the_better_frontal_one_is_drafted(films: Path, model: Path, tmp_path: Path) -> None:
    header = dcmread(sorted(films.rglob("s*/*.dcm"))[0])
    for view in ("LL", "AP", "PA"):
        header.ViewPosition, header.SOPInstanceUID = view, generate_uid()
        header.save_as(tmp_path / f"{view}.dcm")
    counted = infer([tmp_path / f"{view}.dcm" for view in ("LL", "AP", "PA")], model, tmp_path / "out", PARTIAL)
    assert counted == {"drafted": 1, "not_frontal": 1, "another_image_drafted": 1}
    lines = [json.loads(line) for line in (tmp_path / "out" / "refused.jsonl").read_text().splitlines()]
    assert not any(line["file"].endswith("PA.dcm") for line in lines)


def test_a_file_whose_uid_would_leave_the_folder_gets_a_name_of_its_content(
    films: Path, model: Path, tmp_path: Path
) -> None:
    header = dcmread(sorted(films.rglob("s*/*.dcm"))[0])
    header.StudyInstanceUID = "../../etc/x"
    header.save_as(tmp_path / "odd.dcm")
    infer([tmp_path / "odd.dcm"], model, tmp_path / "out", PARTIAL)
    (study,) = drafted(tmp_path / "out")
    assert study.startswith("image-")


def test_a_changed_model_and_a_missing_path_are_refused(films: Path, model: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(model, changed)
    (changed / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match="sha256 differs"):
        infer([films], changed, tmp_path / "out", PARTIAL)
    with pytest.raises(BadInput, match="give one that exists"):
        infer([films / "nowhere"], model, tmp_path / "out", PARTIAL)


def test_a_model_without_a_calibration_is_refused_before_any_file_is_read(
    films: Path, model: Path, tmp_path: Path
) -> None:
    uncalibrated = tmp_path / "uncalibrated"
    shutil.copytree(model, uncalibrated)
    (uncalibrated / CALIBRATION).unlink()
    seal(uncalibrated, {})
    with pytest.raises(BadInput, match=r"holds a calibration\.json"):
        infer([films / "nowhere"], uncalibrated, tmp_path / "out", PARTIAL)


@pytest.mark.parametrize(
    ("day", "offset", "said"),
    [
        ("20230228", "+0100", "2023-02-28T09:58:00+01:00"),
        ("20230228", "", "2023-02-28"),
        ("20230228", "+1400", "2023-02-28T09:58:00+14:00"),
        ("20230228", "+1430", "2023-02-28"),
        ("20230231", "+0100", None),
        ("", "+0100", None),
    ],
)
def test_a_film_was_taken_at_a_time_that_fhir_takes(
    films: Path, tmp_path: Path, day: str, offset: str, said: str | None
) -> None:
    header = dcmread(sorted(films.rglob("s*/*.dcm"))[0])
    header.StudyDate, header.StudyTime, header.TimezoneOffsetFromUTC = day, "095800", offset
    header.save_as(tmp_path / "film.dcm")
    label = read_label(str(tmp_path / "film.dcm"))
    assert isinstance(label, Label)
    assert label.facts.taken == said


def test_an_error_stays_with_its_own_study(
    films: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Engine.report
    slow, broken = sorted({str(dcmread(p).StudyInstanceUID) for p in films.rglob("s*/*.dcm")})[:2]

    def report(engine: Engine, studies: list[tuple[str, object]], prompts: list[str]) -> list[GroundedReport]:
        ids = [study for study, _ in studies]
        if slow in ids:
            raise TooSlow("no draft after 120 s")
        if broken in ids:
            raise ValueError("an axis too many")
        return whole(engine, studies, prompts)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "report", report)
    counted = infer([films], model, tmp_path, PARTIAL)
    assert (counted["drafted"], counted["too_slow"], counted["draft_failed"]) == (2, 1, 1)
    assert not {slow, broken} & set(drafted(tmp_path))


def test_the_command_names_the_engine_s_providers() -> None:
    assert tuple(Provider) == command.PROVIDERS


def test_drafting_imports_no_torch(films: Path, model: Path, tmp_path: Path) -> None:
    (tmp_path / "drafts.py").write_text(DRAFTS)
    command = [sys.executable, tmp_path / "drafts.py", films, model, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
