"""Where the model fails, as stage errors left it, and the pictures that show it."""

import json
import shutil
from pathlib import Path

from pipelines.evidence import NOT_MEASURED, Content


def errors_section(errors: Path, pictures: Path) -> Content:
    """What the stage left in `errors`, its gallery copied into the report's `pictures` and named there.

    A section that says so where the stage did not run.
    """
    if not (errors / "errors.json").is_file():
        return {"status": NOT_MEASURED}
    found = json.loads((errors / "errors.json").read_text())
    gallery = [{**shown, "picture": _copied(errors / shown["picture"], pictures)} for shown in found["pictures"]]
    return {"status": "measured", **found, "pictures": gallery}


def _copied(picture: Path, pictures: Path) -> str:
    copy = pictures / f"error_{picture.name}"
    shutil.copyfile(picture, copy)
    return f"{pictures.name}/{copy.name}"
