"""What is read from the heart's and the mediastinum's outlines, and how abnormalities change the geometry.

Cardiomegaly is a cardiothoracic ratio above one half (Danzer 1919).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.findings import Side
from pipelines.sources.phantom.abnormalities import Abnormality, Form
from pipelines.sources.phantom.anatomy import Body, Chest, Measures
from pipelines.sources.phantom.changes import EVERYWHERE, Box, Changes, contrast, extent
from pipelines.sources.phantom.fields import Stream
from pipelines.sources.phantom.regions import Mask

CARDIOTHORACIC = ((0.545, 0.565), (0.60, 0.625), (0.67, 0.705))
UPPER_LIMIT = 0.50  # of a normal ratio
WIDENING = ((0.06, 0.07), (0.09, 0.105), (0.125, 0.145))  # of each half, in chest coordinates
RAISED = ((0.04, 0.05), (0.06, 0.07), (0.08, 0.095))  # hemidiaphragm over a collapsed lobe, in chest coordinates


def measure(abnormalities: Sequence[Abnormality], body: Body, key: tuple[int | str, ...]) -> Measures:
    """The geometry that the picture shows. A faint enlargement goes half as far beyond what is normal."""
    ratio, widening, raised = body.heart_ratio, 0.0, dict[Side, float]()
    for abnormality in abnormalities:
        stream, strength = Stream(*key, "measure", abnormality.observation), contrast(abnormality)
        if abnormality.observation == "Cardiomegaly":
            ratio = UPPER_LIMIT + strength * (extent(abnormality, CARDIOTHORACIC, stream) - UPPER_LIMIT)
        elif abnormality.observation == "Enlarged Cardiomediastinum":
            widening = strength * extent(abnormality, WIDENING, stream)
        elif abnormality.form is Form.LOBAR_ATELECTASIS and abnormality.side:
            raised[abnormality.side] = strength * extent(abnormality, RAISED, stream)
    return Measures(ratio, widening, raised)


@dataclass(frozen=True, slots=True)
class EnlargedHeart:
    """The whole heart."""

    bounds: Box = EVERYWHERE

    def lay(self, chest: Chest, _changes: Changes) -> Mask:
        return chest.heart > 0


@dataclass(frozen=True, slots=True)
class WideMediastinum:
    """The vessels' column from the apices down to the heart."""

    bounds: Box = EVERYWHERE

    def lay(self, chest: Chest, _changes: Changes) -> Mask:
        frame = chest.frame
        between = (chest.y > frame.top + 0.04 * frame.height) & (chest.y < frame.top + 0.60 * frame.height)
        return (chest.mediastinum > 0) & between
