"""The policy of the monitors, read from its file."""

from pathlib import Path

from monitoring.policy import Policy
from pipelines.strict import read_policy

POLICY = Path("policy/drift.yaml")


def load_policy(path: Path) -> Policy:
    """
    Raises:
        BadInput: no such file, or an unknown, missing or impossible key.
    """
    return read_policy(path, Policy, "monitors need a policy file")
