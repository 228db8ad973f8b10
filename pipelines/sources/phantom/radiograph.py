"""The picture: what tissue, bone and air along each ray add up to, on film.

A displayed radiograph is near-linear in the logarithm of the exposure, so attenuations simply add: soft tissue and bone
brighten, air darkens. Fluid in the lung takes its air away; pleural gas has no vessels.
"""

from dataclasses import dataclass

import numpy as np

from model.findings import Side
from pipelines.sources.phantom import vessels
from pipelines.sources.phantom.abnormalities import Abnormality
from pipelines.sources.phantom.anatomy import SIGN, Body, Chest, Pose
from pipelines.sources.phantom.changes import Changes, apply, draw_shape, heart_ratio
from pipelines.sources.phantom.fields import Field, Stream, bump, clamp, clouds, inside, smooth
from pipelines.sources.phantom.regions import Mask, Region, regions_of

PIXELS_AT_ONCE = 12288  # a strip's fields stay in the processor's cache; the picture does not depend on it


@dataclass(frozen=True, slots=True)
class Radiograph:
    """`image` float64 (side, side), 0 black to 1 white; masks bool (side, side)."""

    image: Field
    masks: dict[Abnormality, Mask]
    regions: dict[Region, Mask]


def radiograph(
    body: Body, pose: Pose, abnormalities: tuple[Abnormality, ...], key: tuple[int | str, ...], side: int
) -> Radiograph:
    """Draw one study. Each random part has its own stream under `key`: taking a finding away changes no noise."""
    ratio = heart_ratio(abnormalities, body, Stream(*key, "heart"))
    shapes = [draw_shape(a, body, pose, ratio, Stream(*key, a.observation), side) for a in abnormalities]
    branches = vessels.shadow(body, pose, side)
    mottle = clouds(Stream(*key, "mottle"), side, 9) + 0.5 * clouds(Stream(*key, "fine mottle"), side, 37) - 0.75
    image = np.empty((side, side))
    masks = {a: np.empty((side, side), bool) for a in abnormalities}
    regions = {region: np.empty((side, side), bool) for region in Region}
    height = max(1, PIXELS_AT_ONCE // side)
    for rows in (slice(top, min(top + height, side)) for top in range(0, side, height)):
        chest = Chest(body, pose, ratio, *pose.coordinates(side, rows, slice(0, side)))
        changes = apply(shapes, chest, rows)
        image[rows] = _film(_density(chest, changes, branches[rows], mottle[rows]), pose)
        for abnormality, mask in changes.masks.items():
            masks[abnormality][rows] = mask
        for region, mask in regions_of(chest).items():
            regions[region][rows] = mask
    image += pose.grain * Stream(*key, "grain").grain(side, side)
    return Radiograph(clamp(image, 0.0, 1.0), masks, regions)


def _density(chest: Chest, changes: Changes, branches: Field, mottle: Field) -> Field:
    """All that a ray passes through, added up; about 0 for air to 1 for bone over the abdomen."""
    air, outline = _air(chest, changes), _body_outline(chest)
    density = _soft_tissue(chest, outline) - air + 0.02 * mottle + _bones(chest) * (0.4 + 1.7 * air)
    density += _markings(chest, branches, mottle, changes)
    density += changes.density + 0.11 * changes.pleura
    density *= inside(outline, 0.03)
    return density


def _body_outline(chest: Chest) -> Field:
    """Positive inside the body: neck, shoulders, arms, and the flanks below them."""
    out = np.abs(chest.x)
    slope = smooth((chest.y - chest.top + 0.32) / 0.36)
    shoulders = 0.20 + 0.03 * chest.body.fat + 1.2 * slope
    flank = chest.body.width + 0.13 + 0.20 * chest.body.fat
    below_arms = smooth((chest.y - chest.top - 0.42) / 0.4)
    return shoulders * (1.0 - below_arms) + flank * below_arms - out


def _soft_tissue(chest: Chest, outline: Field) -> Field:
    """Chest wall, heart and mediastinum, liver and the abdomen below the diaphragm."""
    wall = 0.40 + 0.04 * chest.body.fat + 0.10 * smooth(outline / 0.6)
    heart = 0.12 * smooth(chest.heart / 0.25 + 0.10) + 0.03 * inside(chest.heart, 0.03)
    mediastinum = 0.09 * smooth(chest.mediastinum / 0.14 + 0.1) + 0.02 * inside(chest.mediastinum, 0.03)
    leftward = smooth(chest.x / 0.24 + 0.5)
    floor = (1.0 - leftward) * chest.diaphragm(Side.RIGHT, clamp(-chest.x, 0.0, chest.body.width))
    floor += leftward * chest.diaphragm(Side.LEFT, clamp(chest.x, 0.0, chest.body.width))
    beside = smooth((np.abs(chest.x) - chest.body.width) / 0.2)
    abdomen = smooth((chest.y - floor) / (0.022 + 0.5 * beside) + 0.5) * smooth(outline / 0.2)
    abdomen *= 0.17 - 0.04 * leftward
    across, down = chest.x - 0.36, chest.y - chest.base + chest.body.dome - 0.02 - chest.pose.stomach
    abdomen -= 0.10 * inside(chest.pose.stomach - np.sqrt(0.5 * across * across + down * down), 0.04)
    central = np.maximum(heart, mediastinum) + 0.4 * np.minimum(heart, mediastinum)
    return wall + np.maximum(central, 0.85 * abdomen + 0.3 * central) + _breasts(chest)


def _breasts(chest: Chest) -> Field:
    if chest.body.sex != "F":
        return np.zeros_like(chest.x)
    across = (np.abs(chest.x) - 0.42) / 0.36
    down = (chest.y - chest.base + 0.26) / (0.27 + 0.05 * chest.body.fat)
    return (0.035 + 0.03 * chest.body.fat) * inside(1.0 - np.sqrt(across * across + down * down), 0.25)


def _bones(chest: Chest) -> Field:
    """Ribs, clavicles, spine, scapulae."""
    return _ribs(chest) + _clavicles(chest) + _spine(chest) + _scapulae(chest)


def _band(distance: Field, half_width: float) -> Field:
    """A bone in profile: its cortex brighter than its middle."""
    body = inside(half_width - np.abs(distance), half_width * 0.5)
    return body * (0.62 + 0.38 * smooth(np.abs(distance) / half_width))


def _ribs(chest: Chest) -> Field:
    body, out = chest.body, np.abs(chest.x - 0.5 * chest.pose.turned)
    cage = inside(chest.wall + 0.02 - out, 0.05) * inside(chest.base - 0.08 - chest.y, 0.22)
    cage *= inside(chest.y - chest.top + 0.08, 0.1)
    bend = np.maximum(out - 0.14, 0.0)
    behind = chest.y - chest.top + 0.10 * out - 0.72 * bend * bend - body.rib_offset * body.rib_spacing
    posterior = _band(_periodic(behind, body.rib_spacing), 0.034) * smooth((out - 0.04) / 0.1)
    inward = np.maximum(body.width - out, 0.0)
    front = chest.y - chest.top - 0.62 * inward + 0.25 * inward * inward - body.rib_offset * body.rib_spacing
    anterior = _band(_periodic(front, body.rib_spacing * 1.12), 0.042)
    anterior = anterior * smooth((out - 0.24) / 0.22) * smooth((chest.y - chest.top - 0.2) / 0.2)
    edge = bump(out - chest.wall - 0.02, 0.06)
    return cage * (0.085 * posterior + 0.05 * anterior + 0.05 * edge)


def _periodic(position: Field, spacing: float) -> Field:
    """Signed distance from the nearest multiple of `spacing`."""
    return position - spacing * np.floor(position / spacing + 0.5)


def _clavicles(chest: Chest) -> Field:
    out = np.abs(chest.x - chest.pose.turned)
    line = chest.top + 0.25 - chest.body.clavicle_slope * out + 0.14 * out * out
    ends = smooth((out - 0.05) / 0.06) * smooth((0.86 - out) / 0.1)
    return 0.10 * _band(chest.y - line, 0.034) * ends


def _spine(chest: Chest) -> Field:
    x = chest.x - 0.3 * chest.pose.turned
    column = inside(0.085 - np.abs(x), 0.07)
    discs = bump(_periodic(chest.y - chest.top, 0.125), 0.025)
    spinous = bump(x, 0.02) * bump(_periodic(chest.y - chest.top - 0.03, 0.125), 0.045)
    windpipe = inside(0.040 - np.abs(chest.x - chest.pose.turned), 0.03)
    windpipe *= inside(chest.top + 0.36 * chest.height - chest.y, 0.25)
    return column * (0.035 - 0.02 * discs) + 0.015 * spinous - 0.13 * windpipe


def _scapulae(chest: Chest) -> Field:
    """Shoulder blades and the heads of the upper arms, at the edge of the film."""
    out = np.abs(chest.x)
    down = chest.y - chest.top
    medial = 0.70 + 0.10 * np.abs(down - 0.25)
    blade = inside(np.minimum(out - medial, np.minimum(0.62 - down - 0.3 * (out - 0.7), down - 0.10)), 0.05)
    joint_x, joint_y = out - 1.02, down - 0.16
    head = inside(0.16 - np.sqrt(joint_x * joint_x + joint_y * joint_y), 0.06)
    return 0.028 * blade + 0.06 * head


def _air(chest: Chest, changes: Changes) -> Field:
    """How much the air along the ray darkens the film: all of the lung's depth, little behind the heart."""
    air = np.zeros_like(chest.x)
    for lung in chest.lung.values():
        air += inside(lung, 0.022) * (0.25 + 0.11 * smooth(lung / 0.24))
    air *= 1.0 - 0.75 * inside(chest.shadow, 0.035)
    return air * (1.0 - changes.fluid) * (1.0 + 0.28 * changes.gas)


def _markings(chest: Chest, branches: Field, mottle: Field, changes: Changes) -> Field:
    """Vessels in aerated lung; in consolidated lung the airways show dark instead."""
    lung = inside(np.maximum(*chest.lung.values()) + 0.02, 0.05) * (1.0 - 0.85 * inside(chest.shadow, 0.05))
    aerated = lung * (1.0 - changes.fluid) * (1.0 - changes.gas)
    texture = 0.10 * branches + 0.04 * mottle
    return aerated * texture + lung * (0.05 * _hila(chest) - 0.05 * branches * changes.airways)


def _hila(chest: Chest) -> Field:
    hila = np.zeros_like(chest.x)
    for side, lift in ((Side.RIGHT, 0.0), (Side.LEFT, 0.04)):
        across = SIGN[side] * chest.x - 0.18
        down = 0.7 * (chest.y - chest.top - 0.50 * chest.height + lift)
        hila += bump(np.sqrt(across * across + down * down), 0.13)
    return hila


def _film(density: Field, pose: Pose) -> Field:
    """Tone curve: contrast about mid-grey, then x / (x + c (1 - x)), which keeps black and white in place."""
    exposed = clamp(0.46 + pose.contrast * (density - 0.40) * 1.25 + pose.brightness, 0.0, 1.0)
    return exposed / (exposed + pose.curve * (1.0 - exposed))
