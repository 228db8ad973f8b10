"""What an abnormality does to the chest: fluid, gas, density, and the mask of it.

Cardiomegaly is a cardiothoracic ratio above one half (Danzer 1919). An effusion is a meniscus that climbs towards the
chest wall. In a pneumothorax the lung shrinks towards its base and leaves gas without vessels beyond a thin line, the
pleura. A consolidation is fluid in a cloudy patch, with air bronchograms; a lesion a round density. Sizes are ranges
with gaps between them, so that the size word can be read from the pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from model.findings import Side, Zone
from pipelines.sources.phantom.abnormalities import Abnormality, Size
from pipelines.sources.phantom.anatomy import SIGN, Body, Chest, Pose
from pipelines.sources.phantom.fields import Field, Stream, bump, clamp, clouds, inside, smooth
from pipelines.sources.phantom.regions import Mask

EXTENT = {
    "Cardiomegaly": ((0.53, 0.555), (0.595, 0.62), (0.665, 0.70)),  # cardiothoracic ratio
    "Pleural Effusion": ((0.17, 0.205), (0.32, 0.38), (0.53, 0.62)),  # share of the lung's height
    "Pneumothorax": ((0.09, 0.11), (0.22, 0.26), (0.43, 0.50)),  # share by which the lung shrinks
    "Consolidation": ((0.095, 0.11), (0.155, 0.175), (0.23, 0.26)),  # radius in chest coordinates
    "Lung Lesion": ((0.047, 0.054), (0.076, 0.088), (0.12, 0.14)),  # radius in chest coordinates
}
ZONE_CENTRE = {Zone.UPPER: 0.24, Zone.MIDDLE: 0.50, Zone.LOWER: 0.74}  # share of the lung's height


@dataclass(frozen=True, slots=True)
class Shape:
    """An abnormality with its measures: `extent` as EXTENT says, the centre, and the outline's raggedness."""

    abnormality: Abnormality
    extent: float
    x: float
    y: float
    ragged: Field  # float64 (side, side), mean near 0; (side, 1) of zeros for a smooth outline

    @property
    def side(self) -> Side:
        """The side of an abnormality that has one side."""
        return self.abnormality.side or Side.RIGHT


@dataclass(slots=True)
class Changes:
    """What the abnormalities do at some points of a chest, by field, and where each of them shows."""

    fluid: Field  # share of the air that is replaced, 0 to 1
    gas: Field  # share of pleural gas, 0 to 1
    pleura: Field  # the line at a collapsed lung's edge, 0 to 1
    density: Field  # soft tissue added
    airways: Field  # where air bronchograms show, 0 to 1
    masks: dict[Abnormality, Mask] = field(default_factory=dict)


def heart_ratio(abnormalities: Sequence[Abnormality], body: Body, stream: Stream) -> float:
    """The cardiothoracic ratio that the picture shows."""
    enlarged = next((a for a in abnormalities if a.observation == "Cardiomegaly"), None)
    return body.heart_ratio if enlarged is None else _extent(enlarged, stream)


def _extent(abnormality: Abnormality, stream: Stream) -> float:
    return stream.between(*EXTENT[abnormality.observation][tuple(Size).index(abnormality.size)])


def draw_shape(abnormality: Abnormality, body: Body, pose: Pose, ratio: float, stream: Stream, side: int) -> Shape:
    """Measure the abnormality out; a patch or a lesion is centred in its zone where the lung shows at that height."""
    extent = _extent(abnormality, stream)
    lift, aside = stream.between(-0.05, 0.05), stream.between(-1.0, 1.0)
    ragged = np.zeros((side, 1))
    if abnormality.observation == "Consolidation":
        ragged = clouds(stream, side, 16) + 0.6 * clouds(stream, side, 34) - 0.8
    if abnormality.zone is None or abnormality.side is None:
        return Shape(abnormality, extent, 0.0, 0.0, ragged)
    sign = SIGN[abnormality.side]
    level = body.top + (ZONE_CENTRE[abnormality.zone] + lift) * (body.base + pose.breath - body.top)
    across = np.arange(400) / 400.0
    line = Chest(body, pose, ratio, sign * across, np.full(400, level))
    shown = across[line.aerated[abnormality.side] > 0]
    inner, outer = float(shown.min()), float(shown.max())
    slack = max(0.0, 0.5 * (outer - inner) - extent)
    return Shape(abnormality, extent, sign * (0.5 * (inner + outer) + aside * slack), level, ragged)


def apply(shapes: Sequence[Shape], chest: Chest, rows: slice) -> Changes:
    """Lay the shapes over a chest at the points of the image's rows `rows`."""
    blank = np.zeros_like(chest.x)
    changes = Changes(blank, blank, blank, blank, blank)
    for shape in shapes:
        match shape.abnormality.observation:
            case "Cardiomegaly":
                changes.masks[shape.abnormality] = chest.heart > 0
            case "Pleural Effusion":
                _effusion(shape, chest, changes)
            case "Pneumothorax":
                _pneumothorax(shape, chest, changes)
            case "Consolidation":
                _consolidation(shape, chest, changes, rows)
            case "Lung Lesion":
                _lesion(shape, chest, changes)
    return changes


def _effusion(shape: Shape, chest: Chest, changes: Changes) -> None:
    mask = np.zeros(chest.x.shape, bool)
    for side in (Side.RIGHT, Side.LEFT) if shape.abnormality.side is Side.BILATERAL else (shape.side,):
        out = SIGN[side] * chest.x / chest.body.width
        near_wall, near_heart = clamp((out - 0.35) / 0.65, 0.0, 1.0), clamp((0.35 - out) / 0.35, 0.0, 1.0)
        level = chest.base - shape.extent * chest.height + 0.11 - 0.16 * near_wall * near_wall - 0.03 * near_heart
        fluid = inside(chest.y - level, 0.05) * (out > 0)
        changes.fluid = np.maximum(changes.fluid, fluid)
        mask |= (fluid > 0.5) & (chest.aerated[side] > 0)
    changes.masks[shape.abnormality] = mask


def _pneumothorax(shape: Shape, chest: Chest, changes: Changes) -> None:
    root_x, root_y = SIGN[shape.side] * 0.12, chest.base
    shrunk = 1.0 - shape.extent * smooth((root_y - chest.y) / (0.7 * chest.height))
    y = root_y + (chest.y - root_y) / shrunk
    collapsed = chest.lung_at(shape.side, root_x + (chest.x - root_x) / shrunk, y, chest.lateral(y))
    cavity = chest.lung[shape.side]
    changes.gas = inside(-collapsed, 0.02) * inside(cavity, 0.02)
    changes.pleura = bump(collapsed, 0.02) * inside(cavity - 0.03, 0.02)
    changes.masks[shape.abnormality] = (changes.gas > 0.5) & (chest.aerated[shape.side] > 0)


def _consolidation(shape: Shape, chest: Chest, changes: Changes, rows: slice) -> None:
    cloud = inside(1.0 - _distance(shape, chest) / shape.extent + 0.8 * shape.ragged[rows], 0.9)
    changes.fluid = np.maximum(changes.fluid, 0.88 * cloud)
    changes.airways = cloud
    changes.masks[shape.abnormality] = (cloud > 0.5) & (chest.aerated[shape.side] > 0)


def _lesion(shape: Shape, chest: Chest, changes: Changes) -> None:
    reach = _distance(shape, chest) / shape.extent
    sphere = np.sqrt(np.maximum(0.0, 1.0 - reach * reach))
    changes.density = (0.17 + 0.9 * shape.extent) * (0.7 * sphere + 0.3 * inside(1.0 - reach, 0.25))
    changes.masks[shape.abnormality] = (reach < 1.0) & (chest.aerated[shape.side] > -0.02)


def _distance(shape: Shape, chest: Chest) -> Field:
    across, down = chest.x - shape.x, chest.y - shape.y
    return np.sqrt(across * across + down * down)
