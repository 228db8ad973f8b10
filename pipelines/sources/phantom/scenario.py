"""What a set is like: its sites and their machines, how often each observation occurs, a subgroup that went wrong.

A scenario is a YAML file (`docs/phantom/two_sites.yaml` is one); what it leaves out is as in `Scenario()`.
"""

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from model.errors import BadInput
from pipelines.sources.phantom.abnormalities import DEPICTED
from pipelines.sources.phantom.exposure import Habit

RACES = ("WHITE", "BLACK/AFRICAN AMERICAN", "HISPANIC OR LATINO", "ASIAN", "OTHER", "UNKNOWN")
"""As MIMIC-IV names them."""

Share = Annotated[float, Field(ge=0, le=1)]

PREVALENCE: dict[str, float] = {
    "Support Devices": 0.22,
    "Lung Opacity": 0.12,
    "Consolidation": 0.15,
    "Pneumonia": 0.12,
    "Atelectasis": 0.21,
    "Edema": 0.11,
    "Lung Lesion": 0.14,
    "Pleural Effusion": 0.20,
    "Pleural Other": 0.12,
    "Pneumothorax": 0.16,
    "Cardiomegaly": 0.17,
    "Enlarged Cardiomediastinum": 0.06,
    "Fracture": 0.12,
}
"""Share of the studies for which a place is looked for; where others hide every place, the observation is not there."""


class Part(BaseModel):
    """A part of a scenario: an unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Machine(Part):
    """What is done to each picture beside the patient's own exposure; see `exposure.Habit`."""

    brightness: Annotated[float, Field(ge=-0.3, le=0.3)] = 0.0
    contrast: Annotated[float, Field(ge=0.4, le=1.6)] = 1.0
    noise: Annotated[float, Field(ge=0, le=6)] = 1.0
    sharpness: Annotated[float, Field(ge=0.2, le=2)] = 1.0

    def after(self, other: "Machine") -> Habit:
        """This machine's doing on top of another's, within the ranges of each."""
        return Habit(
            brightness=min(max(self.brightness + other.brightness, -0.3), 0.3),
            contrast=min(max(self.contrast * other.contrast, 0.4), 1.6),
            noise=min(self.noise * other.noise, 6.0),
            sharpness=min(max(self.sharpness * other.sharpness, 0.2), 2.0),
        )


class Site(Part):
    """A hospital: `share` of the patients relative to the other sites', `portable` the share of bedside AP views.

    `device` stands in the DICOM header as the model of the machine, `size` is the longer side of its pictures in px
    where it is not the set's.
    """

    name: str = Field(min_length=1)
    share: float = Field(gt=0)
    device: str = Field(min_length=1, max_length=64)  # VR LO (PS3.5 6.2)
    modality: Literal["CR", "DX"]
    portable: Share = 0.4
    size: Annotated[int | None, Field(ge=64, le=4096)] = None
    machine: Machine = Machine()


class Who(Part):
    """A subgroup: who has all that is named. `ages` are in years, both ends included."""

    sex: Literal["F", "M"] | None = None
    ages: tuple[int, int] | None = None
    race: str | None = None
    site: str | None = None
    view: Literal["PA", "AP"] | None = None
    device: str | None = None

    @field_validator("ages")
    @classmethod
    def _in_order(cls, ages: tuple[int, int] | None) -> tuple[int, int] | None:
        if ages and ages[0] > ages[1]:
            raise ValueError("the younger age comes first")
        return ages


class Report(Part):
    """What goes wrong with a report: left and right swapped, a share of its findings left out."""

    swap_sides: bool = False
    omit: Share = 0.0


class Corruption(Part):
    """What goes wrong for a share of a subgroup's studies."""

    who: Who
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    picture: Machine = Machine()
    report: Report = Report()


class Scenario(Part):
    """`healthy` is the share of patients that nothing befalls; chance spares some more."""

    sites: Annotated[tuple[Site, ...], Field(min_length=1)] = (
        Site(name="main", share=0.6, device="Phantom DX", modality="DX", portable=0.4),
        Site(name="annex", share=0.3, device="Phantom CR", modality="CR", portable=0.5, machine=Machine(noise=1.3)),
        Site(name="clinic", share=0.1, device="Phantom DX Mini", modality="DX", portable=0.1),
    )
    healthy: Annotated[float, Field(ge=0, lt=1)] = 0.16
    prevalence: dict[str, Share] = PREVALENCE
    corruption: Corruption | None = None

    @field_validator("sites")
    @classmethod
    def _each_once(cls, sites: tuple[Site, ...]) -> tuple[Site, ...]:
        twice = [name for name, count in Counter(site.name for site in sites).items() if count > 1]
        if twice:
            raise ValueError(f"a site has a name of its own, and {twice[0]!r} is there twice")
        return sites

    @field_validator("prevalence")
    @classmethod
    def _known(cls, prevalence: dict[str, float]) -> dict[str, float]:
        for name in prevalence:
            if name not in DEPICTED:
                raise ValueError(f"{name!r} is none of {', '.join(DEPICTED)}")
        return PREVALENCE | prevalence

    @model_validator(mode="after")
    def _consistent(self) -> "Scenario":
        for name, share in self.prevalence.items():
            if share > 1 - self.healthy:
                raise ValueError(f"prevalence of {name} {share} and healthy {self.healthy} are more than 1 together")
        who = Who() if self.corruption is None else self.corruption.who
        for key, wanted, known in (
            ("site", who.site, [site.name for site in self.sites]),
            ("device", who.device, [site.device for site in self.sites]),
            ("race", who.race, RACES),
        ):
            if wanted is not None and wanted not in known:
                raise ValueError(f"corruption.who.{key} {wanted!r} is none of {', '.join(known)}")
        return self

    @property
    def sha256(self) -> str:
        """Of the content, whatever the file looks like."""
        return sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()


def load_scenario(path: Path) -> Scenario:
    """Read and check a scenario.

    Raises:
        BadInput: the file is missing or no YAML, or a key is unknown or its value out of range.
    """
    if not path.is_file():
        raise BadInput(f"--scenario {path}", "no such file", "pass a YAML file such as docs/phantom/two_sites.yaml")
    try:
        content = json.dumps(yaml.safe_load(path.read_text()), default=str)  # JSON has lists where Python wants tuples
        return Scenario.model_validate_json(content)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise BadInput(f"--scenario {path} line {line}", "a scenario is YAML", "correct that line") from fault
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        value = f"--scenario {path}" + (f" {key} {first['input']!r}" if key else "")
        raise BadInput(value, first["msg"].removeprefix("Value error, "), "correct that key") from error
