"""Training as the pipeline runs it: on prepared arrays, through the command, killed and resumed."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from model.artefact import open_artefact
from model.pixels import Geometry
from model.study import Section
from model.tokenizer import ReportTokenizer
from pipelines.batches import batches_of_like_length
from pipelines.params import Params
from pipelines.prepared import finding_patches
from pipelines.prepared_studies import Packed, PreparedRow, PreparedWriter
from pipelines.progress import Meter
from pipelines.train import train
from tests.tiny import MODEL

SIZE = 64
PARAMS: dict[str, Any] = {
    "pixels": {"size": SIZE, "clahe_clip_limit": 2.0, "clahe_tiles": 8},
    "prepare": {"tokenizer": {"bpe": 400}, "max_tokens": 24, "prompt_tokens": 4},
    "train": {
        "seed": 7,
        "epochs": 4,
        "batch_size": 4,
        "optimizer": "muon",
        "augment": {"turn": 5, "shift": 0.05, "zoom": 0.1, "exposure": 0.2},
        "learning_rate": 1e-3,
        "weight_decay": 0.05,
        "warmup_fraction": 0.1,
        "clip_norm": 1.0,
        "lambda_ground": 1.0,
        "lambda_entropy": 0.0,
        "patience": 6,
        "processes": 1,
        "accumulation": 1,
        "gradient_checkpointing": False,
        "freeze": {},
    },
    "model": MODEL,
}


def write_prepared(folder: Path, splits: dict[str, int]) -> None:
    """Bright left or right halves, and a sentence that says which; every sentence's mask is its half."""
    folder.mkdir(parents=True)
    texts = ["The left side is bright.", "The right side is bright."]
    tokenizer = ReportTokenizer.train(texts, 400)
    tokenizer.save(folder / "tokenizer.json")
    names = [split for split, count in splits.items() for _ in range(count)]
    generator = np.random.default_rng(0)
    images = generator.integers(0, 60, (len(names), SIZE, SIZE), dtype=np.uint8)
    half = np.zeros((2, SIZE, SIZE), bool)
    half[0, :, : SIZE // 2] = half[1, :, SIZE // 2 :] = True
    with PreparedWriter(folder) as writer:
        for index, split in enumerate(names):
            side = int(generator.integers(2))
            images[index][half[side]] += 150
            encoded = tokenizer.encode([(Section.FINDINGS, texts[side])], 24)
            row: PreparedRow = {
                "study_id": f"s{index}",
                "patient_id": f"p{index}",
                "split": split,
                "prompt": f"{index % 9}0s female.",
                "ids": encoded.ids,
                "sentence": encoded.sentence,
                "cut": False,
                "sentence_text": [texts[side]],
                "sentence_section": ["findings"],
                "sentence_groundable": [True],
                "sentence_findings": [[side + 1]],
                "sentence_mask": [0],
                "geometry": asdict(Geometry.fit(SIZE, SIZE, SIZE)),
                "input_sha256": hashlib.sha256(images[index].tobytes()).hexdigest(),
            }
            writer.add(row, Packed.of(images[index], [half[side]]))
    config = {"pixels": PARAMS["pixels"], "max_tokens": 24, "prompt_tokens": 4}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_prepared(tmp_path / "prepared", {"train": 24, "validate": 8, "test": 4})
    write_params(tmp_path, 1)
    return tmp_path


def write_params(project: Path, processes: int) -> None:
    params = PARAMS | {"train": PARAMS["train"] | {"processes": processes}}
    (project / "params.yaml").write_text(yaml.safe_dump({"preset": "tiny", "presets": {"tiny": params}}))


def start(project: Path, *args: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pipelines.cli", "train", *args]
    env = {**os.environ, "RADASSIST_PROGRESS": str(project / "progress.jsonl")}
    return subprocess.Popen(command, cwd=project, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_run_goes_on_and_ends_with_the_same_weights(project: Path, processes: int) -> None:
    write_params(project, processes)
    whole = start(project, "--out", "whole", "--checkpoints", "elsewhere")
    _, errors = whole.communicate(timeout=300)
    assert whole.returncode == 0, errors

    killed = start(project, "--checkpoint-seconds", "0")
    checkpoint = project / "checkpoints" / "train.safetensors"
    deadline = time.monotonic() + 300
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (project / "trained" / "manifest.json").exists()

    resumed = start(project)
    printed, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors
    assert "resuming after epoch" in printed
    assert not checkpoint.exists()

    wanted, given = (load_file(project / name / "model.safetensors") for name in ("whole", "trained"))
    assert wanted.keys() == given.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(value, given[name], err_msg=name)
    lines = [json.loads(line) for line in (project / "trained" / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]

    artefact = open_artefact(project / "trained")
    assert artefact.config["size"] == SIZE
    progress = [json.loads(line) for line in (project / "progress.jsonl").read_text().splitlines()]
    assert progress[-1]["done"] == progress[-1]["total"] == 24


@pytest.mark.parametrize("signalled_at", [3, 6, 17])
def test_a_signal_stops_after_the_step_and_the_run_goes_on_bit_for_bit(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], signalled_at: int
) -> None:
    """In the middle of an epoch, at its end, and in a later one; also where it is asked to go on as two processes."""
    params = Params.model_validate(PARAMS)
    shared = Params.model_validate(PARAMS | {"train": PARAMS["train"] | {"processes": 2}})
    monkeypatch.chdir(project)
    monkeypatch.setenv("RADASSIST_PROGRESS", str(project / "progress.jsonl"))
    whole = train(Path("prepared"), Path("whole"), Path("elsewhere"), params)
    advance = Meter.advance

    def interrupting(meter: Meter, by: int = 1, note: str | None = None) -> None:
        advance(meter, by, note)
        if meter.done == signalled_at:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Meter, "advance", interrupting)
        with pytest.raises(KeyboardInterrupt):
            train(Path("prepared"), Path("trained"), Path("checkpoints"), params)
    epochs, batches = divmod(signalled_at, 6) if signalled_at % 6 else (signalled_at // 6 - 1, 6)
    where = f"after epoch {epochs} and {batches} batches"
    assert f"stopped {where}; the same command goes on" in capsys.readouterr().err
    figures = train(Path("prepared"), Path("trained"), Path("checkpoints"), shared)
    assert f"resuming {where}" in capsys.readouterr().out
    assert figures["train_loss"] == whole["train_loss"]
    assert (project / "trained/model.safetensors").read_bytes() == (project / "whole/model.safetensors").read_bytes()


def test_the_policy_is_noted_as_it_is_when_training_starts_and_another_begins_anew(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = Params.model_validate(PARAMS)
    monkeypatch.chdir(project)
    monkeypatch.setenv("RADASSIST_PROGRESS", str(project / "progress.jsonl"))
    policy = project / "policy" / "gate.yaml"
    policy.parent.mkdir()
    policy.write_text("promised")
    advance = Meter.advance

    def changing(meter: Meter, by: int = 1, note: str | None = None) -> None:
        advance(meter, by, note)
        policy.write_text("changed while it ran")
        if meter.done == 8:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Meter, "advance", changing)
        with pytest.raises(KeyboardInterrupt):
            train(Path("prepared"), Path("trained"), Path("checkpoints"), params)
    policy.write_text("promised")
    train(Path("prepared"), Path("trained"), Path("checkpoints"), params)
    assert "resuming" in capsys.readouterr().out
    assert open_artefact(project / "trained").manifest["policy_sha256"] == hashlib.sha256(b"promised").hexdigest()

    with monkeypatch.context() as interrupted:
        interrupted.setattr(Meter, "advance", changing)
        with pytest.raises(KeyboardInterrupt):
            train(Path("prepared"), Path("trained"), Path("checkpoints"), params)
    train(Path("prepared"), Path("trained"), Path("checkpoints"), params)
    assert "resuming" not in capsys.readouterr().out


def test_an_empty_split_is_one_clear_line(project: Path) -> None:
    shutil.rmtree(project / "prepared")
    write_prepared(project / "prepared", {"train": 4})
    refused = start(project)
    _, errors = refused.communicate(timeout=300)
    assert refused.returncode == 2
    assert errors.strip().splitlines()[-1].startswith("radassist train: split validate with 0 studies")
    assert "Traceback" not in errors


def test_an_epoch_has_every_study_once_in_batches_of_like_length() -> None:
    lengths = np.random.default_rng(3).integers(10, 120, 1000)
    batches = batches_of_like_length(lengths, 16, np.random.default_rng(5))
    assert sorted(row for batch in batches for row in batch) == list(range(1000))
    assert max(map(len, batches)) == 16
    spread = [np.ptp(lengths[batch]) for batch in batches]
    assert np.mean(spread) < 20 < np.mean([np.ptp(lengths[k : k + 16]) for k in range(0, 1000, 16)])
    assert batches != batches_of_like_length(lengths, 16, np.random.default_rng(6))


def test_a_finding_lies_on_the_patches_that_its_region_covers_best() -> None:
    effusion, heart = np.array([0, 0.2, 0.5, 1]), np.array([0.3, 0.1, 0, 0])
    lies = finding_patches([effusion, heart, None], [[10], [2], [10, 7]], 4)
    assert lies[:, 10].tolist() == [0, 0, 1, 1]
    assert lies[:, 2].tolist() == [1, 0, 0, 0]
    assert np.isnan(lies[:, 7]).all()  # said, and nobody said where
    assert (lies[:, [0, 1, 3]] == 0).all()
    assert np.isnan(finding_patches([None], [[2]], 4)).all()
