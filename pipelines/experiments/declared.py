"""`experiments/NAME.yaml`, typed: a question, the studies, and the variants that answer it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import to_jsonable_python

from model.errors import BadInput
from pipelines.params import Params
from pipelines.sources import SOURCES
from pipelines.sources.phantom.scenario import Scenario, load_scenario
from pipelines.strict import checked, read_yaml
from records.strict import Strict

FOLDER = Path("experiments")

KINDS = {"architecture", "name", "bpe", "wordpiece"}
"""A mapping with one of these keys says what kind of thing it is, and stands for itself: the keys of another kind would
mean nothing to it. Any other mapping changes the keys that it names."""


def scenario_in(path: str) -> Scenario:
    return load_scenario(Path(path))


class Phantom(Strict):
    """As the command `phantom` makes it; `scenario` is given by its file."""

    studies: int = Field(ge=1)
    seed: int = Field(ge=0)
    size: int = Field(default=256, ge=64, le=4096)
    scenario: Annotated[Scenario, BeforeValidator(scenario_in)] = Scenario()


class Ingested(Strict):
    """As the command `ingest` reads it."""

    source: str
    root: Path

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source not in SOURCES:
            raise ValueError(f"a source is one of {', '.join(sorted(SOURCES))}")
        return source


def kind_of_data(content: Any) -> str:
    ingested = isinstance(content, Ingested) or (isinstance(content, dict) and "source" in content)
    return "ingested" if ingested else "phantom"


Data = Annotated[Annotated[Phantom, Tag("phantom")] | Annotated[Ingested, Tag("ingested")], Discriminator(kind_of_data)]


class Overrides(Strict):
    """Keys of params.yaml with the values that they have here."""

    pixels: dict[str, Any] = Field(default_factory=dict)
    prepare: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)

    @field_validator("train")
    @classmethod
    def _no_seed(cls, train: dict[str, Any]) -> dict[str, Any]:
        if "seed" in train:
            raise ValueError("the seeds stand under seeds")
        return train


class Variant(Overrides):
    """What a variant has of its own.

    Attributes:
        data: studies of its own to train on. after: the variant whose weights, of the same seed, it starts from.
    """

    data: Data | None = None
    after: str | None = None


Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class Experiment(Strict):
    """One experiment.

    Attributes:
        question: one sentence. preset: of params.yaml, that base and variants change.
        data: what is trained on. scored_on: by name, what every variant is scored on; by default what it trained on.
        base: what every variant has. variants: by name. reference: the one that the others are held against.
        seeds: of the training.
    """

    question: str = Field(min_length=1)
    preset: str = "demo"
    data: Data
    scored_on: dict[Name, Data] = Field(default_factory=dict)
    base: Overrides = Overrides()
    variants: dict[Name, Variant] = Field(min_length=1)
    reference: str
    seeds: tuple[int, ...] = Field(min_length=1)

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("each seed is there once")
        return seeds

    @model_validator(mode="after")
    def _refers(self) -> Self:
        if self.reference not in self.variants:
            raise ValueError(f"reference is one of the variants: {', '.join(self.variants)}")
        before: list[str] = []
        for name, variant in self.variants.items():
            if variant.after is not None and variant.after not in before:
                raise ValueError(f"{name} comes after a variant that stands before it, and {variant.after} does not")
            before.append(name)
        return self


@dataclass(frozen=True, slots=True)
class Trial:
    """One run: a variant at a seed. `after` is the run whose weights it starts from."""

    variant: str
    seed: int
    data: Phantom | Ingested
    scored_on: Mapping[str, Phantom | Ingested]
    params: Params
    after: "Trial | None"

    @property
    def name(self) -> str:
        return f"{self.variant}-{self.seed}"

    @property
    def sha256(self) -> str:
        """Of all that it is, and not of its name: experiments share the runs that they have in common."""
        before = self.after.sha256 if self.after else None
        return hashed(self.data, dict(self.scored_on), self.params, before)


def hashed(*settings: Any) -> str:
    """sha256 over settings, whatever their file looks like."""
    return sha256(json.dumps(to_jsonable_python(settings), sort_keys=True).encode()).hexdigest()


def read_experiment(name: str, folder: Path = FOLDER) -> Experiment:
    """The declared experiment of that name.

    Raises:
        BadInput: none of that name; or a key of its file is unknown, missing or out of range.
    """
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise BadInput(f"experiment {name}", f"declared are {', '.join(known) or 'none'}", f"name one of {folder}/")
    path = folder / f"{name}.yaml"
    return read_yaml(path, Experiment, str(path))


def trials(experiment: Experiment, presets: Mapping[str, Params], label: str) -> Iterator[Trial]:
    """Every run. A seed's variants come one after the other: what is done early can be compared early.

    Args:
        presets: of params.yaml. label: what an error calls the experiment.

    Raises:
        BadInput: there is no such preset; a variant names a key that params.yaml does not have there, or a value out
            of range.
    """
    if experiment.preset not in presets:
        raise BadInput(f"{label} preset={experiment.preset}", f"the presets are {', '.join(presets)}", "name one")
    shipped = presets[experiment.preset].model_dump(mode="json")
    sections = set(Overrides.model_fields)
    for seed in experiment.seeds:
        made: dict[str, Trial] = {}
        for name, variant in experiment.variants.items():
            changed = merged(merged(shipped, experiment.base.model_dump()), variant.model_dump(include=sections))
            changed["train"]["seed"] = seed
            made[name] = Trial(
                name,
                seed,
                variant.data or experiment.data,
                experiment.scored_on,
                checked(changed, Params, f"{label} {name}"),
                made[variant.after] if variant.after else None,
            )
        yield from made.values()


def merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`before` with the keys that `changes` names; see KINDS.

    >>> merged({"train": {"epochs": 10, "patience": 6}}, {"train": {"epochs": 5}})
    {'train': {'epochs': 5, 'patience': 6}}
    """
    after = dict(before)
    for key, value in changes.items():
        old = before.get(key)
        deeper = isinstance(value, Mapping) and isinstance(old, Mapping) and not KINDS & value.keys()
        after[key] = merged(old, value) if deeper else value  # type: ignore[arg-type]
    return after
