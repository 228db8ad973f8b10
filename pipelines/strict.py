"""YAML that people write, typed. An unknown key is an error: a misspelt one must not silently do nothing."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from model.errors import BadInput

Kind = TypeVar("Kind", bound=BaseModel)


def read_yaml(path: Path, kind: type[Kind], label: str) -> Kind:
    """Read a file that is there and check it.

    Args:
        label: what an error calls the file.

    Raises:
        BadInput: no YAML; or a key is unknown, missing or out of range: the first such key.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise BadInput(label, f"not YAML: {' '.join(str(error).split())}", "correct that file") from error
    return checked(content, kind, label)


def read_policy(path: Path, kind: type[Kind], rule: str, way_out: str = "pass --policy FILE") -> Kind:
    """Read and check a policy.

    Args:
        rule: who needs one, where there is none.

    Raises:
        BadInput: no such file, or an unknown, missing or impossible key.
    """
    if not path.is_file():
        raise BadInput(f"policy {path}", rule, way_out)
    return read_yaml(path, kind, f"policy {path}")


def checked(content: object, kind: type[Kind], label: str) -> Kind:
    """What YAML holds, typed. An error shows the value: what people write for the project is no patient's.

    Raises:
        BadInput: a key is unknown, missing or out of range: the first such key.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        value = "" if first["type"] == "value_error" else f"={first['input']!r}"  # such a rule says what it found
        rule = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{label} {key}{value}", rule, "correct that key") from error
