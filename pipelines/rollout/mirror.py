"""MLflow's aliases as a mirror of the records: who drafts, who is on the way, who did before.

    challenger   the version that was registered last, until it has traffic or its rollout ends
    canary       the candidate that drafts for a share of the studies
    champion     the version that drafts for everybody else
    previous     the one that did before it

The records decide; an alias that was set by hand, or not set because MLflow was down, is put right with the next tick.
The version of a rollout's candidate says in tags where it stands.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from pipelines.champion import ALIAS as CHAMPION
from pipelines.evidence.identity import MODEL_NAME
from pipelines.mlflow_client import existing
from pipelines.registry import ALIAS as CHALLENGER
from records.models import registered
from release.store import every, promoted

CANARY, PREVIOUS = "canary", "previous"


@dataclass(frozen=True, slots=True)
class Mirror:
    """What MLflow should say: the version of each alias, None where there is none, and the tags of versions."""

    aliases: dict[str, str | None]
    tags: dict[str, dict[str, str]]


def mirrored(connection: Connection) -> Mirror:
    """What the records say. Models that MLflow does not know are left out."""
    models, rollouts = registered(connection), every(connection)
    versions = {model.model: model.registry_version for model in models}
    now, before = (*islice(dict.fromkeys(promoted(connection)), 2), None, None)[:2]
    on_the_way = next((r.state for r in rollouts if not r.state.phase.is_final), None)
    had_one = {r.state.candidate for r in rollouts if r.state.phase.is_final or r.state.weight > 0}
    named = {
        CHALLENGER: next((model.model for model in models[-1:] if model.model not in had_one), None),
        CANARY: on_the_way.candidate if on_the_way and on_the_way.weight > 0 else None,
        CHAMPION: now,
        PREVIOUS: before,
    }
    tags = {
        version: {
            "rollout.id": found.state.id,
            "rollout.phase": found.state.phase.value,
            "rollout.weight": f"{found.state.weight:g}",
            "rollout.revision": str(found.state.revision),
            "rollout.policy_sha256": found.state.policy_sha256,
        }
        for found in rollouts
        if (version := versions.get(found.state.candidate))
    }
    return Mirror({alias: versions.get(name) if name else None for alias, name in named.items()}, tags)


def repair(root: Path, mirror: Mirror) -> list[str]:
    """Set what differs in MLflow, and say what that was; nothing a second time, or where there is no registry yet."""
    client = existing(root)
    models = client.search_registered_models(f"name = '{MODEL_NAME}'") if client else []
    if client is None or not models:
        return []
    found, done = models[0].aliases, []
    for alias, version in mirror.aliases.items():
        if version is None and alias in found:
            client.delete_registered_model_alias(MODEL_NAME, alias)
        elif version is not None and str(found.get(alias)) != version:
            client.set_registered_model_alias(MODEL_NAME, alias, version)
        else:
            continue
        done.append(f"{alias}: {found.get(alias) or 'none'} -> {version or 'none'}")
    for version, tags in mirror.tags.items():
        there = client.get_model_version(MODEL_NAME, version).tags
        for name, value in tags.items():
            if there.get(name) != value:
                client.set_model_version_tag(MODEL_NAME, version, name, value)
                done.append(f"version {version}, {name}: {value}")
    return done


def version_of(root: Path, alias: str) -> str | None:
    """The version of the registered model that an alias names."""
    client = existing(root)
    models = client.search_registered_models(f"name = '{MODEL_NAME}'") if client else []
    version = models[0].aliases.get(alias) if models else None
    return None if version is None else str(version)
