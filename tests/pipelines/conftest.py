"""A workspace as the stages before gate, report and register leave it, made by hand and small."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.artefact import GRAPHS, VARIANTS, graph_file, seal
from model.findings import Certainty, Finding, Side, Zone
from model.geometry import Box
from model.metrics import mean_figure
from model.pixels import Geometry, PixelParams
from model.report import GroundedReport, GroundedSentence, Verdict
from model.study import Section
from pipelines.cli import main
from pipelines.manifest import SCHEMA, write_manifest
from pipelines.provenance import digest
from pipelines.shards import ShardWriter
from pipelines.statistics import Statistics, write_statistics
from tests.pipelines.receiving import Receiver

WIDTH, HEIGHT, SIZE, GRID = 300, 360, 128, 16
SHIPPED = Path(__file__).parents[2]

FIGURES: dict[str, float | None] = {
    "n_studies": 5,
    "n_patients": 60,
    "bleu_1": 0.75,
    "bleu_4": 0.61,
    "bleu_4.low": 0.55,
    "bleu_4.high": 0.66,
    "meteor_exact_stem": 0.70,
    "rouge_l": 0.72,
    "cider": 2.31,
    "findings_micro_f1": 0.82,
    "findings_micro_f1.low": 0.78,
    "findings_micro_f1.high": 0.86,
    "findings_macro_f1": 0.71,
    "iou_norm_0.1": 0.55,
    "iou_norm_0.1.low": 0.51,
    "iou_norm_0.1.high": 0.58,
    "pointing_game": 0.93,
    "teacher_forced.iou_norm_0.1": 0.62,
    "occlusion_ratio": 6.2,
    "occlusion.fall_grounded": 0.93,
    "occlusion.fall_random": 0.15,
    "needs_no_correction": 0.61,
    "confidence.brier": 0.14,
    "edit_rate": 0.22,
    "ungrounded_positive_share": 0.03,
    "constant.bleu_4": 0.31,
    "constant.findings_micro_f1": 0.30,
    "constant.meteor_exact_stem": 0.42,
    "nearest.bleu_4": 0.33,
    "nearest.findings_micro_f1": 0.36,
    "shuffled.bleu_4": 0.28,
    "shuffled.findings_micro_f1": 0.34,
    "shuffled.iou_norm_0.1": 0.11,
    "mean_mask.iou_norm_0.1": 0.29,
}

PER_FINDING = {
    "observation": ["Pleural Effusion", "Fracture"],
    "true_positives": [3, 0],
    "false_positives": [1, 0],
    "false_negatives": [0, 0],
    "precision": [0.75, float("nan")],
    "recall": [1.0, float("nan")],
    "f1": [6 / 7, float("nan")],
    "statements": [3, float("nan")],
    "iou_norm_0.1": [0.56, float("nan")],
    "pointing_game": [1.0, float("nan")],
    "occlusion_ratio": [5.5, float("nan")],
}

RELIABILITY = {
    "of": ["confidence", "confidence", "confidence"],
    "low": [0.2, 0.5, 0.8],
    "high": [0.3, 0.6, 0.9],
    "n": [4, 0, 6],
    "predicted": [0.24, float("nan"), 0.86],
    "observed": [0.25, float("nan"), 0.83],
}


def radiograph(seed: int) -> NDArray[np.uint8]:
    """Two dark lungs, a heart and noise: enough to look at."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH] / np.array([HEIGHT, WIDTH])[:, None, None]

    def ellipse(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.float64]:
        return np.clip(1.6 - 1.6 * (((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2), 0, 1)

    lungs = ellipse(0.29, 0.47, 0.2, 0.38) + ellipse(0.71, 0.47, 0.2, 0.38)
    image = 150 - 105 * lungs + 80 * ellipse(0.54, 0.62, 0.2, 0.18) + 60 * ellipse(0.5, 0.4, 0.07, 0.7)
    noise = np.random.default_rng(seed).normal(0, 5, image.shape)
    clipped: NDArray[np.uint8] = np.clip(image + noise, 0, 255).astype(np.uint8)
    return clipped


def sentence(text: str, section: Section, centre: tuple[float, float] | None, *findings: Finding) -> GroundedSentence:
    """A sentence whose map is a spot at `centre` (x, y in [0, 1] of the image), or spread evenly."""
    geometry = Geometry.fit(WIDTH, HEIGHT, SIZE)
    if centre is None:
        even = np.full((GRID, GRID), 1 / GRID**2, np.float32)
        return GroundedSentence(text, section, even, 0.0, (), 0.0, Verdict.UNGROUNDED, findings)
    x, y = centre[0] * WIDTH, centre[1] * HEIGHT
    spot = geometry.to_input(Box(x - 1, y - 1, x + 1, y + 1))
    rows, columns = (np.mgrid[0:GRID, 0:GRID] + 0.5) * SIZE / GRID
    heat = np.exp(-(((columns - spot.x0) / 12) ** 2 + ((rows - spot.y0) / 12) ** 2)).astype(np.float32)
    box = Box(max(0.0, x - 35), max(0.0, y - 35), min(WIDTH, x + 35), min(HEIGHT, y + 35))
    return GroundedSentence(text, section, heat / heat.sum() * 0.9, 0.1, (box,), 0.86, Verdict.GROUNDED, findings)


EFFUSION = Finding("Pleural Effusion", Certainty.DEFINITE, Side.RIGHT, Zone.LOWER)
LESION = Finding("Lung Lesion", Certainty.LIKELY, Side.LEFT, Zone.UPPER)
NO_PNEUMOTHORAX = Finding("Pneumothorax", Certainty.NEGATED)
SAID = {
    "effusion": sentence("There is a right pleural effusion.", Section.FINDINGS, (0.27, 0.72), EFFUSION),
    "lesion": sentence("A lesion lies in the left upper zone.", Section.FINDINGS, (0.7, 0.35), LESION),
    "no pneumothorax": sentence("No pneumothorax.", Section.FINDINGS, None, NO_PNEUMOTHORAX),
    "clear": sentence("The lungs are clear.", Section.FINDINGS, None),
    "summary": sentence("Right pleural effusion.", Section.IMPRESSION, (0.27, 0.72), EFFUSION),
    "normal": sentence("No acute disease.", Section.IMPRESSION, None, Finding("No Finding", Certainty.DEFINITE)),
}
# study: what was drafted, what the reference says, BLEU-4
STUDIES: dict[str, tuple[list[str], list[str], float]] = {
    "s1": (["effusion", "lesion", "no pneumothorax", "summary"], ["effusion", "lesion", "summary"], 0.7),
    "s2": (["clear", "no pneumothorax", "normal"], ["clear", "no pneumothorax", "normal"], 1.0),
    "s3": (["lesion", "normal"], ["effusion", "no pneumothorax", "summary"], 0.1),
    "s4": (["effusion", "summary"], ["effusion", "summary"], 0.9),
    "s5": (["clear", "normal"], ["lesion", "normal"], 0.4),
}


def drafts_line(study_id: str) -> dict[str, Any]:
    said, true, bleu = STUDIES[study_id]
    drafted = GroundedReport(study_id, tuple(SAID[s] for s in said), WIDTH, HEIGHT, "0" * 12, "0" * 64, 0.8)
    reference = replace(drafted, sentences=tuple(SAID[s] for s in true))
    return {
        "study_id": study_id,
        "draft": drafted.to_json(),
        "reference": {
            "findings": reference.section(Section.FINDINGS),
            "impression": reference.section(Section.IMPRESSION),
            "sentences": [
                {
                    "text": s.text,
                    "section": s.section.value,
                    "groundable": None,
                    "has_mask": False,
                    "findings": [asdict(f) for f in s.findings],
                }
                for s in reference.sentences
            ],
        },
        "figures": {"bleu_4": bleu, "iou_norm_0.1": None},
    }


def write_data(data: Path) -> None:
    """Manifest and one shard: the five test studies, and one each to train and validate."""
    splits = {**dict.fromkeys(STUDIES, "test"), "t1": "train", "v1": "validate"}
    (data / "shards").mkdir(parents=True)
    with TemporaryDirectory() as folder, closing(ShardWriter(Path(folder))) as writer:
        for index, study_id in enumerate(splits):
            png = io.BytesIO()
            Image.fromarray(radiograph(index)).save(png, "PNG")
            writer.add(0, {f"{study_id}/image_0.png": png.getvalue()})
        shard = writer.finish(data / "shards")[0]
    rows = [
        {
            **dict.fromkeys(SCHEMA.names),
            "study_id": study_id,
            "patient_id": f"{index:064x}",
            "split": split,
            "source": "mimic_cxr",
            "shard": shard,
            "images": [{"member": f"{study_id}/image_0.png", "view": "PA"}],
            "image_sha256": "0" * 64,
            "pixels_sha256": "0" * 64,
            "content_sha256": "0" * 64,
            "width": WIDTH,
            "height": HEIGHT,
            "sentences": [],
        }
        for index, (study_id, split) in enumerate(splits.items())
    ]
    write_manifest(data, pa.Table.from_pylist(rows, SCHEMA))
    test = {"name": "mimic_cxr-0a1b2c3d", "n_patients": 5, "n_studies": 5, "patients": [f"{i:064x}" for i in range(5)]}
    (data / "splits.json").write_text(json.dumps({"test": test, "patient_key": "k"}))
    reasons = ["corrupt: 12 of 40 bytes", "corrupt: 9 of 40 bytes", "image files/p10/s5.dcm is missing"]
    refused = {"study_id": ["s8", "s9", "s10"], "reason": reasons}
    pd.DataFrame(refused).to_parquet(data / "quarantine.parquet")


def write_validation(folder: Path) -> None:
    """What stage validate found: one expectation of each outcome that lets a run go on."""
    expectation = {"severity": "warning", "because": "a subgroup that nobody knows cannot be audited"}
    outcomes = {
        "sex known": ("passed", "all of 7 studies"),
        "site known": ("warning", "missing in 4 of 7 studies (57.1 %)"),
        "prevalence": ("not measured", "there is no version before"),
    }
    expectations = [
        {**expectation, "name": name, "outcome": outcome, "found": found} for name, (outcome, found) in outcomes.items()
    ]
    policy = {"path": "policy/data.yaml", "sha256": "e" * 64}
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps({"passed": True, "policy": policy, "expectations": expectations}))


def statistics_of(figures: Mapping[str, float | None], patients: int = 60, spread: float = 0.02) -> Statistics:
    """As many studies as patients, every second one `spread` above a figure and the others below, so that its mean is
    the figure; None for a figure that no study has."""
    signs = np.resize([spread, -spread], patients)
    names = tuple(f"{index:04d}" for index in range(patients))
    means = {
        name: mean_figure(name, signs + (np.nan if value is None else value))
        for name, value in figures.items()
        if not name.endswith((".low", ".high")) and not name.startswith("n_")
    }
    return Statistics(names, names, means)


def write_subgroups(path: Path, *rows: tuple[str, str, str, int, float, float, float, str]) -> None:
    """Stage audit's table of rows attribute, group, figure, patients, value, low, high, status; the gaps are alike."""
    columns = ("attribute", "group", "figure", "n_patients", "value", "low", "high", "status")
    found = pd.DataFrame(rows, columns=list(columns))
    about = found.figure.map(lambda name: "words" if name.startswith("findings") else "attention")
    gaps = {"gap": -0.04, "gap_low": -0.07, "gap_high": -0.01, "p": 0.001, "p_adjusted": 0.004}
    path.parent.mkdir(exist_ok=True)
    found.assign(n_studies=found.n_patients, about=about, better="higher", **gaps).to_parquet(path)


SUBGROUPS = (
    ("sex", "F", "findings_micro_f1", 34, 0.80, 0.72, 0.88, "measured"),
    ("sex", "M", "findings_micro_f1", 31, 0.84, 0.77, 0.90, "measured"),
    ("sex", "F", "iou_norm_0.1", 34, 0.54, 0.50, 0.58, "measured"),
    ("sex", "M", "iou_norm_0.1", 31, 0.56, 0.51, 0.61, "gap"),
)


def write_model(folder: Path, policy: Path, *extra: str) -> None:
    """A model folder of a training that began under `policy`."""
    folder.mkdir()
    pixels = asdict(PixelParams(size=SIZE))
    config = {"architecture": "swin_transformer", "pixels": pixels, "size": SIZE, "grid": [GRID, GRID]}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("model.safetensors", "tokenizer.json", *extra):
        (folder / name).write_bytes(f"the bytes of {name}".encode())
    seal(folder, {"data_md5": "d" * 32, "git_commit": None, "policy_sha256": digest(policy), "lock_sha256": None})


def history() -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "train_loss": 3 / epoch,
            "train_ce": 2 / epoch,
            "train_ground": 1 / epoch,
            "validate_loss": 3.2 / epoch,
            "validate_ce": 2.1 / epoch,
            "validate_ground": 1.1 / epoch,
            "attention_entropy": 4 - 0.3 * epoch,
            "learning_rate": 1e-3 / epoch,
            "images_per_second": 100.0,
            "seconds": 12.5,
        }
        for epoch in range(1, 7)
    ]


def build_run(root: Path, **changes: float | None) -> Path:
    """Write a run into `root`, `evaluate`'s figures changed as asked. No verdict is written."""
    for folder in ("data", "metrics", "policy", "evaluation", "champion"):
        (root / folder).mkdir(parents=True)
    write_data(root / "data")
    write_validation(root / "validation")
    (root / "data.dvc").write_text(f"outs:\n- md5: {'d' * 32}.dir\n  path: data\n")
    (root / "dvc.lock").write_text("schema: '2.0'\nstages:\n  train:\n    outs:\n    - path: trained\n      md5: abc\n")
    for name in ("params.yaml", "policy/gate.yaml", "policy/waivers.yaml"):
        (root / name).write_bytes((SHIPPED / name).read_bytes())
    (root / "champion" / "champion.json").write_text('{"asked": true}')
    write_subgroups(root / "audit" / "subgroups.parquet", *SUBGROUPS)
    write_statistics(statistics_of(FIGURES | changes), root / "evaluation" / "statistics.parquet")
    write_model(root / "trained", root / "policy" / "gate.yaml")
    (root / "trained" / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in history()))
    graphs = [graph_file(graph, variant) for graph in GRAPHS for variant in VARIANTS]
    write_model(root / "exported", root / "policy" / "gate.yaml", *graphs)
    figures = {
        "prepare": {"n_studies": 7, "n_train": 1, "n_masks": 4},
        "train": {"epochs": 6, "best_epoch": 6, "validate_loss": 0.53},
        "evaluate": FIGURES | changes,
        "audit": {"n_subgroups": 2, "n_insufficient": 0, "n_gaps": 1},
        "export": {"encoder_mb": 2.5},
        "parity": {"n_studies": 5, "torch.findings_micro_f1": 0.8, "passed": 1}
        | {f"{variant}.map_max_difference": 3e-7 for variant in VARIANTS}
        | {f"{variant}.passed": 1 for variant in VARIANTS},
    }
    for stage, values in figures.items():
        (root / "metrics" / f"{stage}.json").write_text(json.dumps(values))
    lines = [json.dumps(drafts_line(study_id)) + "\n" for study_id in STUDIES]
    (root / "evaluation" / "drafts.jsonl").write_text("".join(lines))
    pd.DataFrame(PER_FINDING).to_parquet(root / "evaluation" / "per_finding.parquet")
    pd.DataFrame(RELIABILITY).to_parquet(root / "evaluation" / "reliability.parquet")
    return root


@pytest.fixture
def finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Build a run in tmp_path and stand in it."""

    def build(**changes: float | None) -> Path:
        root = build_run(tmp_path / "run", **changes)
        monkeypatch.chdir(root)
        return root

    return build


@pytest.fixture(scope="session")
def passed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that passed the gate and has its report: to read, or to copy."""
    root = build_run(tmp_path_factory.mktemp("passed") / "run")
    with contextlib.chdir(root):
        assert main(["gate"]) == 0
        assert main(["report"]) == 0
    return root


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: the migrations take some ten seconds."""
    import mlflow

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Whom notices go to."""
    receiver = Receiver()
    monkeypatch.setenv("RADASSIST_WEBHOOK_URL", receiver.address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield receiver
    receiver.close()
