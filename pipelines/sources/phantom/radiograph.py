"""The picture from the front: what tissue, bone and air along each ray add up to, on film.

A displayed radiograph is near-linear in the logarithm of the exposure, so attenuations simply add: soft tissue and bone
brighten, air darkens. Fluid in the lung takes its air away; pleural gas has no vessels.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.sources.phantom import vessels
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.anatomy import Body, Chest, Frame, Pose
from pipelines.sources.phantom.changes import Changes, Shape
from pipelines.sources.phantom.depiction import depict
from pipelines.sources.phantom.exposure import Exposure
from pipelines.sources.phantom.fields import Field, Stream, clouds, inside
from pipelines.sources.phantom.mediastinum import measure
from pipelines.sources.phantom.projection import Projection
from pipelines.sources.phantom.regions import Mask, Region, regions_of
from pipelines.sources.phantom.skeleton import bones
from pipelines.sources.phantom.tissue import air, markings, outline, soft_tissue

PIXELS_AT_ONCE = 12288  # a strip's fields stay in the processor's cache; the picture does not depend on it


@dataclass(frozen=True, slots=True)
class Radiograph:
    """`image` float64 (rows, columns), 0 black to 1 white; masks bool (rows, columns)."""

    image: Field
    masks: dict[Abnormality, Mask]
    regions: dict[Region, Mask]


def radiograph(
    body: Body,
    pose: Pose,
    exposure: Exposure,
    abnormalities: tuple[Abnormality, ...],
    key: tuple[int | str, ...],
    rows: int,
    columns: int,
) -> Radiograph:
    """Draw one study. Each random part has its own stream under `key`: taking a finding away changes no noise."""
    frame, projection = Frame(body, pose, measure(abnormalities, body, key)), Projection(pose, rows, columns)
    shapes = {abnormality: depict(abnormality, frame, key) for abnormality in abnormalities}
    x, y = projection.coordinates()
    branches = vessels.shadow(frame, projection, x, y)
    mottle = clouds(Stream(*key, "mottle"), rows, columns, 9) - 0.75
    mottle += 0.5 * clouds(Stream(*key, "fine mottle"), rows, columns, 37)
    image = np.empty((rows, columns))
    masks = {abnormality: np.zeros((rows, columns), bool) for abnormality in abnormalities}
    regions = {region: np.empty((rows, columns), bool) for region in Region}
    height = max(1, PIXELS_AT_ONCE // columns)
    for strip in (slice(top, min(top + height, rows)) for top in range(0, rows, height)):
        chest = Chest.at(frame, x[strip], y[strip])
        changes = Changes.none(chest.x.shape)
        for abnormality, shape in shapes.items():
            _lay(shape, chest, changes, projection, strip, masks[abnormality])
        density = _density(chest, changes, branches[strip], mottle[strip])
        image[strip] = exposure.film(density, projection.across, projection.down[strip])
        for region, mask in regions_of(chest).items():
            regions[region][strip] = mask
    shut = np.ones((rows, columns), bool)
    shut[exposure.lit(frame, projection)] = False
    for mask in (*masks.values(), *regions.values()):
        mask[shut] = False
    return Radiograph(exposure.finish(image, frame, projection, key), masks, regions)


def _lay(shape: Shape, chest: Chest, changes: Changes, projection: Projection, strip: slice, mask: Mask) -> None:
    """Lay the shape over the part of a strip that it can reach; `mask` is the whole picture's."""
    rows, columns = projection.window(*shape.bounds)
    top, bottom = max(rows.start, strip.start), min(rows.stop, strip.stop)
    if top < bottom and columns.start < columns.stop:
        within = slice(top - strip.start, bottom - strip.start), columns
        mask[top:bottom, columns] = shape.lay(chest.part(within), changes.part(within))


def _density(chest: Chest, changes: Changes, branches: Field, mottle: Field) -> Field:
    """All that a ray passes through, added up; about 0 for air to 1 for bone over the abdomen."""
    lungs, depth = air(chest, changes), outline(chest)
    density = soft_tissue(chest, depth) - lungs + 0.02 * mottle + bones(chest, changes.displaced) * (0.4 + 1.7 * lungs)
    density += markings(chest, branches, mottle, changes)
    return (density + changes.density) * inside(depth, 0.03)
