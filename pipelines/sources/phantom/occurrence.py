"""Which abnormalities a study shows: how often each, which of them together, and what was there before.

Prevalences are shares of all studies. What hides another is drawn first, so that everything drawn can be seen.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from model.findings import Side, Zone
from pipelines.sources.phantom.abnormalities import DEPICTED, Abnormality, Form, Size
from pipelines.sources.phantom.fields import Stream

HIDING_FIRST = (
    "Cardiomegaly",
    "Edema",
    "Pleural Effusion",
    "Pneumothorax",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
    "Lung Lesion",
    "Pleural Other",
    "Fracture",
)
"""All but the devices, which are put in last and lie on top of everything."""

BESIDE = {
    "Edema": ("Cardiomegaly", 2.2),
    "Pleural Effusion": ("Edema", 2.2),
}
"""How much more often an observation occurs beside another one than overall."""

SIZED = frozenset(HIDING_FIRST) - {"Atelectasis", "Pleural Other", "Fracture"}
SIZE_WEIGHTS = (0.32, 0.36, 0.32)
MOSTLY_MILD = {"Cardiomegaly", "Enlarged Cardiomediastinum", "Edema", "Pleural Effusion"}
MILD_WEIGHTS = (0.46, 0.33, 0.21)
ZONE_WEIGHTS = {"Consolidation": (0.2, 0.3, 0.5), "Pneumonia": (0.2, 0.3, 0.5)}
FAINT_SHARE = 0.12
NEVER_FAINT = ("Cardiomegaly", "Enlarged Cardiomediastinum", "Support Devices")
TRIES = 8  # to place one that the others do not hide

CHRONIC = ("Cardiomegaly", "Enlarged Cardiomediastinum", "Lung Lesion", "Pleural Other", "Fracture")
IMPLANTED = (Form.PACEMAKER, Form.STERNAL_WIRES)
STAYS, STAYS_WHEN_CHRONIC = 0.6, 0.95
GROWS, SHRINKS = 0.25, 0.25  # of those that stay

Places = frozenset[tuple[Side, Zone]]
BOTH = (Side.RIGHT, Side.LEFT)
NOWHERE: Places = frozenset()


def draw_abnormalities(
    prevalence: Mapping[str, float],
    healthy: float,
    before: Sequence[Abnormality] | None,
    portable: bool,
    stream: Stream,
) -> tuple[Abnormality, ...]:
    """What one study shows, in the order of a report.

    Args:
        prevalence: of each observation of DEPICTED.
        healthy: share of the studies to which nothing happens.
        before: what the patient's study before this one showed; None where there was none.
        portable: at the bedside, where devices are common.
    """
    was_well = before is not None and not before
    if stream.chance(STAYS if was_well else 0.0 if before else healthy):
        return ()
    drawn: list[Abnormality] = []
    for observation in HIDING_FIRST:
        rate = _rate(observation, prevalence, drawn) / (1.0 - healthy)
        drawn += _kept(before or (), observation, drawn, stream)
        onset = _onset(rate, observation) if before else rate
        if not any(a.observation == observation for a in drawn) and stream.chance(onset):
            wishes = (_wish(observation, stream) for _ in range(TRIES))
            drawn += islice((wish for wish in wishes if not _hidden(wish, drawn)), 1)
    devices = _devices(prevalence["Support Devices"] / (1.0 - healthy), before or (), portable, drawn, stream)
    return tuple(sorted((*drawn, *devices), key=lambda a: DEPICTED.index(a.observation)))


def _rate(observation: str, prevalence: Mapping[str, float], drawn: Sequence[Abnormality]) -> float:
    """The observation's prevalence, given whether what it often stands beside is there; its mean is the prevalence."""
    share = prevalence[observation]
    if observation not in BESIDE:
        return share
    companion, times = BESIDE[observation]
    beside = prevalence[companion]
    together = min(times * share, 1.0, share / beside if beside else 1.0)
    if any(a.observation == companion for a in drawn):
        return together
    return (share - beside * together) / (1.0 - beside) if beside < 1 else share


def _staying(observation: str) -> float:
    return STAYS_WHEN_CHRONIC if observation in CHRONIC else STAYS


def _onset(rate: float, observation: str) -> float:
    """How often it comes anew where it was not before, so that as many have it in the next study as in this one."""
    return rate * (1.0 - _staying(observation)) / (1.0 - rate) if rate < 0.5 else rate


def _kept(
    before: Sequence[Abnormality], observation: str, drawn: Sequence[Abnormality], stream: Stream
) -> list[Abnormality]:
    """What is still there of one observation: grown, shrunk or as it was, at its old place."""
    for old in (a for a in before if a.observation == observation):
        if stream.chance(_staying(observation)):
            now = _changed(old, stream) if observation in SIZED and observation != "Lung Lesion" else old
            return [a for a in (now, old) if not _hidden(a, drawn)][:1]
    return []


def _changed(old: Abnormality, stream: Stream) -> Abnormality:
    step = stream.pick((1, -1, 0), (GROWS, SHRINKS, 1.0 - GROWS - SHRINKS))
    sizes = tuple(Size)
    size = sizes[min(max(sizes.index(old.size) + step, 0), len(sizes) - 1)]
    return Abnormality(old.observation, size, old.side, old.zone, old.form, old.faint and size is old.size)


def _wish(observation: str, stream: Stream) -> Abnormality:
    size, faint = _size(observation, stream), stream.chance(FAINT_SHARE) and observation not in NEVER_FAINT
    side, zone = stream.pick(BOTH), stream.pick(tuple(Zone), ZONE_WEIGHTS.get(observation))
    match observation:
        case "Cardiomegaly" | "Enlarged Cardiomediastinum" | "Edema":
            return Abnormality(observation, size, faint=faint)
        case "Pleural Effusion":
            return Abnormality(observation, size, Side.BILATERAL if stream.chance(1 / 3) else side, faint=faint)
        case "Pneumothorax":
            return Abnormality(observation, size, side, faint=faint)
        case "Atelectasis":
            form = stream.pick((Form.LINEAR_ATELECTASIS, Form.LOBAR_ATELECTASIS), (0.55, 0.45))
            return Abnormality(observation, size, side, form=form, faint=faint)
        case "Pleural Other":
            form = stream.pick((Form.PLEURAL_THICKENING, Form.PLEURAL_PLAQUE), (0.6, 0.4))
            return Abnormality(observation, size, side, form=form, faint=faint)
        case "Fracture":
            if stream.chance(0.35):
                return Abnormality(observation, size, side, form=Form.CLAVICLE_FRACTURE, faint=faint)
            return Abnormality(observation, size, side, zone, Form.RIB_FRACTURE, faint)
        case _:
            return Abnormality(observation, size, side, zone, faint=faint)


def _size(observation: str, stream: Stream) -> Size:
    if observation not in SIZED:
        return Size.MODERATE
    return stream.pick(tuple(Size), MILD_WEIGHTS if observation in MOSTLY_MILD else SIZE_WEIGHTS)


def _devices(
    rate: float, before: Sequence[Abnormality], portable: bool, drawn: Sequence[Abnormality], stream: Stream
) -> list[Abnormality]:
    """Tubes and lines at the bedside, implants anywhere; a chest tube where there is something to drain."""
    kept = [
        a for a in before if a.observation == "Support Devices" and stream.chance(1.0 if a.form in IMPLANTED else STAYS)
    ]
    share = min(0.95, rate * (1.9 if portable else 0.45)) * (1.0 - STAYS if before else 1.0)
    if not stream.chance(share):
        return kept
    drained = next((a.side for a in drawn if a.observation == "Pneumothorax"), None)
    chances = {
        Form.ENDOTRACHEAL_TUBE: 0.40 if portable else 0.0,
        Form.GASTRIC_TUBE: 0.35 if portable else 0.0,
        Form.CENTRAL_LINE: 0.50 if portable else 0.35,
        Form.CHEST_TUBE: 0.60 if drained else 0.04,
        Form.PACEMAKER: 0.15 if portable else 0.40,
        Form.STERNAL_WIRES: 0.15 if portable else 0.30,
    }
    wished = [form for form, chance in chances.items() if stream.chance(chance)] or [Form.CENTRAL_LINE]
    sides = {
        Form.CENTRAL_LINE: stream.pick(BOTH, (0.7, 0.3)),
        Form.PACEMAKER: stream.pick(BOTH, (0.15, 0.85)),
        Form.CHEST_TUBE: drained or stream.pick(BOTH),
    }
    there = {a.form for a in kept}
    new = [Abnormality("Support Devices", Size.MODERATE, sides.get(f), form=f) for f in wished if f not in there]
    return sorted((*kept, *new), key=lambda a: tuple(Form).index(a.form or Form.CENTRAL_LINE))


def _hidden(wish: Abnormality, drawn: Sequence[Abnormality]) -> bool:
    """True where the wished-for abnormality could not be told apart beside the others, or they beside it."""
    return any(_covered(other) & _needed(wish) for other in drawn)


def _lung(sides: Sequence[Side], *zones: Zone) -> Places:
    return frozenset((side, zone) for side in sides for zone in zones)


def _sides(abnormality: Abnormality) -> tuple[Side, ...]:
    return BOTH if abnormality.side in (None, Side.BILATERAL) else (abnormality.side,)


def _covered(other: Abnormality) -> Places:
    """The parts of the lungs in which nothing else can be read."""
    match other.observation:
        case "Cardiomegaly":
            return NOWHERE if other.size is Size.SMALL else _lung((Side.LEFT,), Zone.LOWER)
        case "Edema":
            return _lung(BOTH, Zone.MIDDLE, *((Zone.LOWER,) if other.size is Size.LARGE else ()))
        case "Pleural Effusion":
            return _lung(_sides(other), Zone.LOWER, *(() if other.size is Size.SMALL else (Zone.MIDDLE,)))
        case "Pneumothorax":
            return _lung(_sides(other), *Zone)
        case "Atelectasis":
            return _lung(_sides(other), Zone.LOWER)
        case "Consolidation" | "Pneumonia" | "Lung Opacity" | "Lung Lesion":
            return _lung(_sides(other), *([other.zone] if other.zone else ()))
        case _:
            return NOWHERE


def _needed(wish: Abnormality) -> Places:
    """The parts of the lungs that must be free for it to be read."""
    match wish.observation:
        case "Pleural Effusion":  # it drowns what is small, and a great heart covers a small one on the left
            return NOWHERE if wish.size is Size.MODERATE else _lung(_sides(wish), Zone.LOWER)
        case "Pneumothorax":
            return _lung(_sides(wish), Zone.UPPER, Zone.MIDDLE)
        case "Atelectasis":
            return _lung(_sides(wish), Zone.LOWER)
        case "Pleural Other":
            return _lung(_sides(wish), Zone.MIDDLE)
        case _ if wish.zone is not None:
            return _lung(_sides(wish), wish.zone)
        case _:
            return NOWHERE
