"""Two processes that share each batch out, as `torchrun` starts them, against one that has it whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.pipelines.test_train import PARAMS, write_prepared

ROOT = Path(__file__).parents[2]

LEARN = """
import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file

import model.training
from model.configurations import build_reporter
from model.training import train_one_epoch
from pipelines.batches import batches_of_like_length, loader
from pipelines.params import Params
from pipelines.prepared import PreparedSet, prepared_config
from pipelines.train import model_config, train

model.training.fast_precision = lambda device: torch.float32  # the rounding of bfloat16 would hide what differs
params, accelerator = Params.model_validate_json(Path("params.json").read_text()), Accelerator(cpu=True)
place = (accelerator.process_index, accelerator.num_processes)
torch.manual_seed(0)
reporter = build_reporter(model_config(prepared_config(Path("prepared")), params))
studies = PreparedSet(Path("prepared"), "train", reporter.grid)
batches = [list(range(at, min(at + 4, len(studies)))) for at in range(0, len(studies), 4)]
summed = accelerator.reduce if place[1] > 1 else None
optimizer = torch.optim.SGD(reporter.parameters(), lr=0.1)
train_one_epoch(reporter, loader(studies, batches, *place), optimizer, 1.0, 0.5, summed=summed)
out = Path(sys.argv[1])
if accelerator.is_main_process:
    out.mkdir()
    save_file({name: value.contiguous() for name, value in reporter.state_dict().items()}, out / "sgd.safetensors")
train(Path("prepared"), out / "trained", out / "checkpoints", params, checkpoint_seconds=0)
"""


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `one` and `two`: 25 studies in batches of 4, so that the second process has no part in the last."""
    root = tmp_path_factory.mktemp("shared")
    write_prepared(root / "prepared", {"train": 25, "validate": 7, "test": 1})
    encoder = {"stem_channels": [8, 8, 16], "stem_blocks": [0, 0, 1], "depths": [1], "num_heads": [2], "window_size": 8}
    decoder = PARAMS["model"]["decoder"] | {"dropout": 0.0}
    settings = PARAMS["train"] | {"epochs": 2, "accumulation": 2}
    (root / "params.json").write_text(
        json.dumps(PARAMS | {"train": settings, "model": PARAMS["model"] | {"encoder": encoder, "decoder": decoder}})
    )
    (root / "learn.py").write_text(LEARN)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "RADASSIST_PROGRESS": str(root / "progress.jsonl")}
    for name, launcher in (("one", []), ("two", launch)):
        command = [sys.executable, *launcher, "learn.py", name]
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    return root


def test_two_processes_learn_what_one_learns_from_the_same_batches(learned: Path) -> None:
    one, two = (load_file(learned / name / "sgd.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=1e-5, msg=name)


def test_the_first_process_writes_the_figures_of_all(learned: Path) -> None:
    one, two = (
        [json.loads(line) for line in (learned / name / "trained/history.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    )
    assert len(one) == len(two) == 2
    for alone, shared in zip(one, two, strict=True):
        assert alone.keys() == shared.keys()
        for name in ("train_loss", "train_ground", "validate_loss", "validate_findings", "attention_entropy_std"):
            assert shared[name] == pytest.approx(alone[name], rel=2e-3), name
    assert not list((learned / "two/checkpoints").iterdir())
