"""The policy of the monitors, read from its file."""

from pathlib import Path

from model.errors import BadInput
from monitoring.policy import Policy
from pipelines.strict import read_yaml

POLICY = Path("policy/drift.yaml")


def load_policy(path: Path) -> Policy:
    """
    Raises:
        BadInput: no such file, or an unknown, missing or impossible key.
    """
    if not path.is_file():
        raise BadInput(f"policy {path}", "monitors need a policy file", "pass --policy FILE")
    return read_yaml(path, Policy, f"policy {path}")
