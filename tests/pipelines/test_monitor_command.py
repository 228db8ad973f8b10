"""From a finished run to a watched model: the reference, a stream replayed into the records, and what is said of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model.artefact import open_artefact
from model.engine import Engine
from model.errors import BadInput
from model.pixels import PixelParams
from model.report import GroundedReport, GroundedSentence, Verdict
from model.tokenizer import ReportTokenizer
from monitoring.columns import CATEGORIES, NUMBERS, Family
from monitoring.stream import EARLIEST, LATEST, features
from monitoring.watched import Watched
from pipelines.cli import main
from pipelines.evaluation_set import EvaluationStudy, PreparedEvaluation
from pipelines.ingest import ingest
from pipelines.metrics import read_metrics
from pipelines.monitors.look import fetch
from pipelines.params import Params
from pipelines.phantom import PhantomArguments, write_phantom
from pipelines.prepare import prepare
from pipelines.sources import open_source
from records.database import open_database, reading, writing
from records.models import enter_model
from records.windows import window
from tests.exported import untrained, write_exported
from tests.pipelines.test_train import PARAMS, SIZE
from tests.records import drafts
from tests.tiny import MODEL

POLICIES = Path(__file__).parents[2] / "policy"
STUDIES, GRID, START = 24, 8, "2026-03-02T08:00:00+00:00"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stages up to export leave behind, of an untrained model and two dozen phantoms."""
    root = tmp_path_factory.mktemp("run")
    write_phantom(root / "phantom", PhantomArguments(STUDIES, 5, 128))
    ingest(open_source("mimic_cxr", root / "phantom"), "mimic_cxr", root / "data", processes=0)
    prepare(root / "data", root / "prepared", Params.model_validate(PARAMS), processes=0)
    (root / "exported").mkdir()
    tokenizer = ReportTokenizer.load(root / "prepared" / "tokenizer.json")
    reporter = untrained({**MODEL, "size": SIZE, "max_tokens": 12}, tokenizer)
    write_exported(root / "exported", reporter, tokenizer, PixelParams(**PARAMS["pixels"]))
    (root / "evaluation").mkdir()
    test = PreparedEvaluation(root / "prepared", "test")
    with (root / "evaluation" / "drafts.jsonl").open("w") as lines:
        lines.writelines(json.dumps({"draft": as_signed(test[n]).to_json()}) + "\n" for n in range(len(test)))
    (root / "policy").mkdir()
    few = (POLICIES / "drift-demo.yaml").read_text().replace("window_studies: 100", "window_studies: 10")
    (root / "policy" / "drift.yaml").write_text(few)
    return root


def as_signed(study: EvaluationStudy) -> GroundedReport:
    """A draft in the reference's own words, each sentence with even attention."""
    even = np.full((GRID, GRID), 1 / GRID**2, np.float32)
    sentences = (
        GroundedSentence(said.text, said.section, even, 0.0, (), 0.5, Verdict.WEAK, said.findings)
        for said in study.sentences
    )
    return GroundedReport(study.study_id, tuple(sentences), 128, 128, "m", study.model_input.sha256, 0.5)


@pytest.fixture(scope="module")
def watching(run: Path) -> Iterator[Path]:
    """The run with its reference, and its phantoms drafted into records as one day's stream."""
    before, url = Path.cwd(), f"sqlite:///{run / 'records.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADASSIST_RECORDS_URL", url)
        os.chdir(run)
        assert main(["monitor", "reference"]) == 0
        with writing(open_database(url)) as connection:
            enter_model(connection, drafts.model(open_artefact(run / "exported").version))
        reference = ("--reference", "reference/reference.safetensors")
        assert main(["monitor", *reference, "replay", "--root", "phantom", "--start", START]) == 0
        yield run
        os.chdir(before)


def look(*arguments: str) -> int:
    return main(["monitor", "--reference", "reference/reference.safetensors", "--out", "out", *arguments])


def test_the_reference_is_bound_to_the_model_and_watches_every_kind_of_feature(watching: Path) -> None:
    watched = Watched.load(watching / "reference" / "reference.safetensors")
    assert watched.model_version == open_artefact(watching / "exported").version
    families = {name.split(".")[0] for name in (*watched.reference.numbers, *watched.reference.findings)}
    assert families == {"image", "attention", "text", "embedding", "finding"}
    assert set(watched.reference.categories) == {"image.view", "image.device"}
    assert read_metrics("reference", watching / "metrics")["n_pictures"] == watched.reference.moments["image.noise"].n
    assert "edit_rate" in watched.validated


def test_a_replayed_study_has_what_the_monitors_read(watching: Path) -> None:
    with reading(open_database(os.environ["RADASSIST_RECORDS_URL"])) as connection:
        found = features(window(connection, EARLIEST, LATEST))
    assert len(found) == STUDIES
    assert found[[*NUMBERS[Family.DATA], *CATEGORIES, "attention.entropy", "embedding"]].notna().all(axis=None)


def test_the_same_replay_again_drafts_nothing(watching: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Engine, "report")
    reference = ("--reference", "reference/reference.safetensors")
    assert main(["monitor", *reference, "replay", "--root", "phantom", "--start", START]) == 0


def test_a_look_prints_writes_and_says_the_same_again(watching: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert look("--as-of", "2026-03-03T08:00:00Z") == 0
    said = capsys.readouterr().out
    assert "DEMO policy" in said
    assert "windows judged" in said
    first = (watching / "out" / "snapshot.json").read_text()
    found = json.loads(first)
    assert len(found["history"]) == STUDIES // 10
    assert 1 <= found["quality"]["figures"]["satisfaction"]["value"] <= 5
    assert look("--as-of", "2026-03-03T09:00:00+01:00") == 0
    assert (watching / "out" / "snapshot.json").read_text() == first
    page = (watching / "out" / "index.html").read_text()
    shown = [found["history"][-1]["distances"], found["judged"]["sums"], found["judged"]["changes"]]
    assert page.count("<figcaption>") == sum(map(len, shown))
    assert "radassist_windows" in (watching / "out" / "radassist.prom").read_text()


def test_a_dead_webhook_ends_with_1_once_mlflow_has_the_figures(
    watching: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    uri = f"sqlite:///{watching / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("RADASSIST_WEBHOOK_URL", "http://127.0.0.1:9/nobody")
    assert look("--as-of", "2026-03-03T08:00:00Z", "--tell") == 1
    said = capsys.readouterr()
    assert said.err.splitlines()[-1] == "radassist monitor: the webhook did not take a notice: ConnectionError"
    assert "out/index.html" in said.out
    assert mlflow.MlflowClient(uri).search_runs(["1"])


def test_a_reference_comes_from_the_run_that_made_the_model(
    watching: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    uri, written = f"sqlite:///{tmp_path / 'mlflow.db'}", watching / "reference" / "reference.safetensors"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("runs", (tmp_path / "artifacts").as_uri())
    made, other = (client.create_run(experiment).info.run_id for _ in range(2))
    client.log_artifact(made, str(written), "reference")
    fetch(tmp_path, made, tmp_path / "model" / "reference.safetensors")
    assert (tmp_path / "model" / "reference.safetensors").read_bytes() == written.read_bytes()
    with pytest.raises(BadInput, match=f"MLflow run {other} has no reference"):
        fetch(tmp_path, other, tmp_path / "none.safetensors")


def test_no_study_and_no_patient_is_on_the_page(watching: Path) -> None:
    assert look("--as-of", "2026-03-03T08:00:00Z") == 0
    with reading(open_database(os.environ["RADASSIST_RECORDS_URL"])) as connection:
        rows = window(connection, EARLIEST, LATEST).predictions
    page = (watching / "out" / "index.html").read_text() + (watching / "out" / "snapshot.json").read_text()
    assert not any(name in page for name in (*rows["study"], *rows["patient"]))


def test_a_plain_look_loads_nothing_that_drafts() -> None:
    said = "import sys, pipelines.monitor_command; print(*{'onnxruntime', 'pydicom', 'torch'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_evidently_draws_the_last_window(watching: Path) -> None:
    assert look("--as-of", "2026-03-03T08:00:00Z", "--evidently", "out/evidently.html") == 0
    assert "image.noise" in (watching / "out" / "evidently.html").read_text()


def test_without_a_whole_window_evidently_draws_nothing(watching: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert look("--as-of", "2026-03-02T08:30:00Z", "--evidently", "out/none.html") == 0
    assert "no window is full yet" in capsys.readouterr().out
    assert not (watching / "out" / "none.html").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--as-of", "yesterday"], "time yesterday: a time has a date, an hour and a zone"),
        (["--as-of", "2020-01-01T00:00:00Z"], "no study had been drafted by then"),
        (["--model", "other"], "it is of model"),
    ],
)
def test_what_cannot_be_looked_at_ends_with_2_and_one_line(
    asked: list[str], said: str, watching: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look(*asked) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_backtest_shows_quiet_streams_and_planted_drifts(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--quiet", "1", "--runs", "1", "--windows", "3", "--reference", "500"]
    assert main(["monitor", "--policy", str(POLICIES / "drift.yaml"), "backtest", *few]) == 0
    said = capsys.readouterr().out
    assert "as literally specified" in said
    assert "entropy + 0.3 sd" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["backtest", "--runs", "0"], "--runs 0: it takes 1 or more"),
        (["backtest", "--reference", "5"], "--reference 5: it takes 100 or more"),
        (["--policy", "nowhere.yaml", "backtest"], "policy nowhere.yaml: monitors need a policy file"),
    ],
)
def test_what_cannot_be_ends_with_2_and_one_line(
    asked: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = [] if "--policy" in asked else ["--policy", str(POLICIES / "drift.yaml")]
    assert main(["monitor", *policy, *asked]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
