"""Each stage's figures: `metrics/STAGE.json`, flat, one name a figure, null where nothing was measured."""

import json
import math
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

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
        BadInput: the stage has not run here; or the file is not a flat mapping of names to numbers or null.
    """
    path = folder / f"{stage}.json"
    if not path.is_file():
        raise BadInput(str(path), "a stage reads the figures of the one before it", f"run radassist {stage} first")
    try:
        return TypeAdapter(dict[str, float | None]).validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"figures {path} {where}", first["msg"], f"run radassist {stage} again") from error
