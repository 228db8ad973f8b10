"""Each stage's figures: `metrics/STAGE.json`, flat, one name a figure, null where nothing was measured."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from model.errors import BadInput

Figures = Mapping[str, float | int | None]


def write_metrics(stage: str, figures: Figures, folder: Path = Path("metrics")) -> None:
    """Write one stage's figures; NaN becomes null."""
    folder.mkdir(parents=True, exist_ok=True)
    clean = {name: None if value is None or math.isnan(value) else value for name, value in figures.items()}
    (folder / f"{stage}.json").write_text(json.dumps(clean, indent=1) + "\n")


def read_metrics(stage: str, folder: Path = Path("metrics")) -> dict[str, float | None]:
    """Read one stage's figures.

    Raises:
        BadInput: the stage has not run here.
    """
    path = folder / f"{stage}.json"
    if not path.is_file():
        raise BadInput(str(path), "a stage reads the figures of the one before it", f"run radassist {stage} first")
    figures: dict[str, float | None] = json.loads(path.read_text())
    return figures
