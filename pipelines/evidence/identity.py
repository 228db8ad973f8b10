"""Which model this is, what it is for, the policy it was held against, and where it came from."""

from collections.abc import Mapping
from pathlib import Path

from model.artefact import Artefact
from pipelines.checkout import is_dirty, locked_outputs, run_of_branch
from pipelines.evidence import Content
from pipelines.git import ask
from pipelines.machine import hardware, library_versions
from pipelines.origin import origin_of
from pipelines.params import Presets
from pipelines.provenance import provenance

MODEL_NAME = "radassist-reporter"
INTENDED_USE = (
    "Drafts the findings and impression of a frontal chest radiograph, each sentence with the image region that it "
    "rests on, for a radiologist to read, correct and sign. Not for use without one, nor for any other examination."
)


def identity(root: Path, artefact: Artefact) -> Content:
    return {
        "model": MODEL_NAME,
        "version": artefact.version,
        "model_sha256": artefact.weights_sha256,
        "pixels_sha256": artefact.manifest["pixels_sha256"],
        "architecture": {
            k: artefact.config.get(k) for k in ("architecture", "size", "grid", "encoder", "decoder", "pretrained")
        },
        "run_id": run_of_branch(root),
        "reason": origin_of(root).reason,
        "intended_use": INTENDED_USE,
        "modification": "retraining by the pipeline: weights and vocabulary; the intended use stays as it is",
    }


def policy_section(root: Path, verdict: Mapping[str, object], artefact: Artefact) -> Content:
    """The policy that decided, the commit that brought it, and what it was when training started."""
    path = verdict.get("policy")
    return {
        "path": path,
        "sha256": verdict.get("policy_sha256"),
        "sha256_at_training": artefact.manifest.get("policy_sha256"),
        "committed": ask(root, "log", "-1", "--format=%H %cI", "--", str(path)) or None if path else None,
    }


def provenance_section(root: Path, presets: Presets, artefact: Artefact) -> Content:
    at_training = {key: artefact.manifest.get(key) for key in ("git_commit", "data_md5", "lock_sha256")}
    return {
        **provenance(root),
        "at_training": at_training,
        "git_dirty": is_dirty(root),
        "outputs": {path: md5 for path, md5 in locked_outputs(root).items() if path != "report"},
        "preset": presets.preset,
        "seeds": {"train": presets.chosen.train.seed},
        "libraries": library_versions(),
        "hardware": hardware(),
    }
