"""What can be wrong with the chest, and which of it a study shows."""

from dataclasses import dataclass
from enum import StrEnum

from model.findings import Side, Zone
from pipelines.sources.phantom.fields import Stream

DEPICTED = ("Cardiomegaly", "Consolidation", "Lung Lesion", "Pleural Effusion", "Pneumothorax")
"""The observations that a phantom study can show, in the order in which a report speaks of them."""

LARGEST_FIRST = ("Cardiomegaly", "Pleural Effusion", "Pneumothorax", "Consolidation", "Lung Lesion")
HEALTHY_SHARE = 0.26
PREVALENCE_AMONG_REST = 0.36
TRIES = 8  # to place one that the others do not hide


class Size(StrEnum):
    SMALL = "small"
    MODERATE = "moderate"
    LARGE = "large"


@dataclass(frozen=True, slots=True)
class Abnormality:
    """One observation that is there, with all that can be read of it from the picture."""

    observation: str
    size: Size
    side: Side | None = None
    zone: Zone | None = None


def draw_abnormalities(stream: Stream) -> tuple[Abnormality, ...]:
    """None in a share of studies; else each observation by chance, where the others do not hide it."""
    if stream.chance(HEALTHY_SHARE):
        return ()
    drawn: list[Abnormality] = []
    for observation in LARGEST_FIRST:
        if stream.chance(PREVALENCE_AMONG_REST):
            wishes = [_wish(observation, stream) for _ in range(TRIES)]
            drawn += [wish for wish in wishes if not any(_hides(other, wish) for other in drawn)][:1]
    return tuple(sorted(drawn, key=lambda a: DEPICTED.index(a.observation)))


def _wish(observation: str, stream: Stream) -> Abnormality:
    size, side, zone = stream.pick(tuple(Size)), stream.pick((Side.RIGHT, Side.LEFT)), stream.pick(tuple(Zone))
    match observation:
        case "Cardiomegaly":
            return Abnormality(observation, size)
        case "Pleural Effusion":
            return Abnormality(observation, size, Side.BILATERAL if stream.chance(1 / 3) else side)
        case "Pneumothorax":
            return Abnormality(observation, size, side)
        case _:
            return Abnormality(observation, size, side, zone)


def _hides(other: Abnormality, wish: Abnormality) -> bool:
    """True where the wished-for abnormality could not be read beside the other one."""
    same_side = Side.BILATERAL in (other.side, wish.side) or other.side is wish.side
    match other.observation:
        case "Cardiomegaly":
            on_left = wish.side in (Side.LEFT, Side.BILATERAL)
            if wish.observation == "Pleural Effusion":
                drowned, covered = wish.size is Size.LARGE, wish.size is Size.SMALL and other.size is Size.LARGE
                return on_left and (drowned or covered)
            return on_left and wish.zone is Zone.LOWER and other.size is not Size.SMALL
        case "Pleural Effusion":
            flooded = wish.zone is Zone.LOWER or (wish.zone is Zone.MIDDLE and other.size is not Size.SMALL)
            return same_side and (flooded or wish.observation == "Pneumothorax")
        case "Pneumothorax":
            return same_side
        case _:
            return same_side and other.zone is wish.zone
