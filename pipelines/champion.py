"""`radassist champion`: bring the figures of the model that is served now, for the gate to compare with.

MLflow's alias `champion` names a version of the registered model, and its run holds `evaluation/statistics.parquet`.
What is written stands in `pipelines.gate.champion`.
"""

import argparse
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pipelines.evidence.identity import MODEL_NAME
from pipelines.gate.champion import FILE, FOLDER, ChampionFile
from pipelines.mlflow_client import existing
from pipelines.provenance import digest
from pipelines.statistics import FILE as STATISTICS

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALIAS = "champion"


def bring_champion(root: Path = Path()) -> ChampionFile:
    """Write `champion/` in `root` anew, and return what it says. A registry that does not exist yet has no champion."""
    out = root / FOLDER
    out.mkdir(exist_ok=True)
    (out / STATISTICS).unlink(missing_ok=True)
    client = existing(root)
    found = ChampionFile(asked=True) if client is None else ask_registry(client, out)
    (out / FILE).write_text(json.dumps(found.model_dump(exclude_none=True), indent=1) + "\n")
    return found


def ask_registry(client: "MlflowClient", out: Path) -> ChampionFile:
    """The champion of the registry, its statistics in `out` where its run has them."""
    models = client.search_registered_models(f"name = '{MODEL_NAME}'")
    if not models or ALIAS not in models[0].aliases:
        return ChampionFile(asked=True)
    version = client.get_model_version(MODEL_NAME, models[0].aliases[ALIAS])
    path = f"evaluation/{STATISTICS}"
    if path in {item.path for item in client.list_artifacts(version.run_id, "evaluation")}:
        with TemporaryDirectory() as folder:
            shutil.move(client.download_artifacts(version.run_id, path, folder), out / STATISTICS)
    return ChampionFile(
        asked=True,
        version=str(version.version),
        mlflow_run_id=version.run_id,
        model_sha256=version.tags.get("model.sha256"),
        statistics_sha256=digest(out / STATISTICS),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def main(args: argparse.Namespace) -> int:  # noqa: ARG001 - every command is called so
    found = bring_champion()
    print("there is no champion yet" if found.version is None else f"the champion is version {found.version}")
    return 0
