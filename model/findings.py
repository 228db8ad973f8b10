"""The words that every room uses for a finding: the 14 CheXpert observations, certainty, side and zone.

Source: Irvin et al. 2019, "CheXpert" (AAAI), table 1, in that order.
"""

from dataclasses import dataclass
from enum import StrEnum

OBSERVATIONS: tuple[str, ...] = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Lung Opacity",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)

COMMON_FIVE: tuple[str, ...] = ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")


class Certainty(StrEnum):
    """How sure a statement is of its finding."""

    DEFINITE = "definite"
    LIKELY = "likely"
    POSSIBLE = "possible"
    NEGATED = "negated"


class Side(StrEnum):
    """The patient's side, not the viewer's."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"


class Zone(StrEnum):
    """Thirds of a lung by height, as radiologists name them."""

    UPPER = "upper"
    MIDDLE = "middle"
    LOWER = "lower"


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation as one sentence states it. Side and zone are None where the sentence names none."""

    observation: str
    certainty: Certainty
    side: Side | None = None
    zone: Zone | None = None

    def __post_init__(self) -> None:
        if self.observation not in OBSERVATIONS:
            raise ValueError(f"observation {self.observation!r} is none of {', '.join(OBSERVATIONS)}")

    @property
    def positive(self) -> bool:
        """True for a statement that the finding is there: definite or likely."""
        return self.certainty in (Certainty.DEFINITE, Certainty.LIKELY)
