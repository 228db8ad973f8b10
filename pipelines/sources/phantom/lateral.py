"""The same chest from its left side, the patient facing the picture's left: what is large enough to see.

Coordinates: x in [-1, 1] from front to back, y as in `anatomy`. Plausible, not measured; such a picture has no masks.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.sources.phantom.abnormalities import Abnormality, Form
from pipelines.sources.phantom.airspace import Patch
from pipelines.sources.phantom.anatomy import Body, Frame, Pose
from pipelines.sources.phantom.changes import contrast
from pipelines.sources.phantom.depiction import depict
from pipelines.sources.phantom.exposure import Exposure
from pipelines.sources.phantom.fields import Field, Stream, bump, clamp, clouds, inside, periodic, smooth
from pipelines.sources.phantom.mediastinum import measure
from pipelines.sources.phantom.pleura import Effusion
from pipelines.sources.phantom.projection import Projection
from pipelines.sources.phantom.strokes import Point, curve, distance

PIXELS_AT_ONCE = 12288


@dataclass(frozen=True, slots=True)
class Profile:
    """The chest from the side at the points (x, y); distance-like fields, positive inside."""

    frame: Frame
    x: Field
    y: Field
    front: Field  # x of the breastbone
    back: Field  # x of the lungs' hind edge
    dome: Field  # y of the diaphragm
    lung: Field

    @classmethod
    def at(cls, frame: Frame, x: Field, y: Field) -> "Profile":
        """A heavy or barrel-chested patient is deeper."""
        t = clamp((y - frame.top) / frame.height, 0.0, 1.2)
        depth = 0.44 + 0.06 * frame.body.taper + 0.06 * frame.body.fat
        front = -depth * (0.30 + 0.72 * smooth(0.1 + t / 1.1))
        back = depth * (0.62 + 0.62 * np.sqrt(t * np.maximum(2.0 - t, 0.0)) - 0.14 * t)
        behind, before = np.maximum(x + 0.05, 0.0), np.maximum(-0.05 - x, 0.0)
        dome = frame.base - frame.body.dome - 0.04 + 0.75 * behind * behind + 0.35 * before * before
        return cls(
            frame,
            x,
            y,
            front,
            back,
            dome,
            np.minimum(np.minimum(x - front, back - x), np.minimum(dome - y, y - frame.top)),
        )


def lateral_radiograph(
    body: Body,
    pose: Pose,
    exposure: Exposure,
    abnormalities: tuple[Abnormality, ...],
    key: tuple[int | str, ...],
    rows: int,
    columns: int,
) -> Field:
    """Draw one study from its side: float64 (rows, columns), 0 black to 1 white."""
    key = (*key, "lateral")
    frame, projection = Frame(body, pose, measure(abnormalities, body, key)), Projection(pose, rows, columns)
    mottle = (
        clouds(Stream(*key, "mottle"), rows, columns, 9) + clouds(Stream(*key, "fine mottle"), rows, columns, 43) - 1.0
    )
    x, y = projection.coordinates()
    image = np.empty((rows, columns))
    height = max(1, PIXELS_AT_ONCE // columns)
    for strip in (slice(top, min(top + height, rows)) for top in range(0, rows, height)):
        profile = Profile.at(frame, x[strip], y[strip])
        air, added = np.ones_like(profile.x), np.zeros_like(profile.x)
        for abnormality in abnormalities:
            _lay(abnormality, profile, key, air, added)
        density = _density(profile, air, mottle[strip]) + added
        density *= inside(_outline(profile), 0.04)
        image[strip] = exposure.film(density, projection.across, projection.down[strip])
    return exposure.finish(image, frame, projection, key)


def _outline(profile: Profile) -> Field:
    """Positive inside the body: chest and back, the raised arms above, the belly below."""
    body, top = profile.frame.body, profile.frame.top
    thick = 0.07 + 0.12 * body.fat
    breast = 0.20 * body.breast * bump(profile.y - profile.frame.base + 0.34, 0.34)
    arms = 0.5 * smooth((top + 0.10 - profile.y) / 0.3)
    return np.minimum(profile.x - profile.front + thick + breast + arms, profile.back + 0.16 + thick + arms - profile.x)


def _density(profile: Profile, air: Field, mottle: Field) -> Field:
    """Soft tissue, heart and great vessels, diaphragm, spine and breastbone, less the air that is left in the lungs."""
    frame, body, x, y = profile.frame, profile.frame.body, profile.x, profile.y
    ratio = frame.measures.heart_ratio / 0.43
    across, down = (x + 0.20) / (0.38 * ratio), (y - frame.base + 0.37 + 0.35 * (x + 0.20)) / (0.32 * ratio)
    heart = smooth(1.8 * (1.0 - np.sqrt(across * across + down * down)))
    arch = distance(
        curve(
            (
                (-0.16, frame.base - 0.6),
                (-0.10, frame.top + 0.36),
                (0.10, frame.top + 0.26),
                (0.24, frame.top + 0.45),
                (0.26, frame.base),
            )
        ),
        x,
        y,
    )
    vessels = (0.05 + 0.04 * body.aorta) * inside(0.075 + frame.measures.widening - arch, 0.06)
    hilum_x, hilum_y = x - 0.06, y - frame.top - 0.52 * frame.height
    hila = 0.09 * bump(np.sqrt(hilum_x * hilum_x + hilum_y * hilum_y), 0.17)
    pipe = 0.09 * bump(x - 0.03 - 0.10 * (y - frame.top), 0.05) * inside(frame.top + 0.44 * frame.height - y, 0.1)
    depth = inside(profile.lung, 0.03) * (0.22 + 0.16 * smooth(profile.lung / 0.3))
    depth *= frame.pose.lucency * (1.0 - 0.55 * heart) * air
    abdomen = 0.14 * inside(y - profile.dome, 0.03) * inside(profile.back - x, 0.2)
    shoulders = 0.16 * smooth((frame.top + 0.25 - y) / 0.4)
    tissue = 0.46 + 0.06 * body.fat + 0.14 * heart + vessels + hila + np.maximum(abdomen, shoulders)
    return tissue - depth - pipe + (0.02 + 0.10 * depth) * mottle + _bones(profile, depth)


def _bones(profile: Profile, depth: Field) -> Field:
    frame, x, y = profile.frame, profile.x, profile.y
    spine = x - profile.back + 0.09
    discs = bump(periodic(y - frame.top, 0.13), 0.03)
    column = inside(0.085 - np.abs(spine), 0.03) * (0.09 - 0.07 * discs)
    sternum = 0.07 * bump(x - profile.front + 0.015, 0.04) * inside(y - frame.top - 0.15, 0.1)
    ribs = bump(periodic(y - 0.55 * x - frame.top, 1.1 * frame.body.rib_spacing), 0.028)
    return column + sternum * inside(frame.base - y, 0.1) + (0.02 + 0.10 * depth) * ribs


def _lay(abnormality: Abnormality, profile: Profile, key: tuple[int | str, ...], air: Field, added: Field) -> None:
    """Take away air and add density, in place, for what shows from the side."""
    frame, strength = profile.frame, contrast(abnormality)
    shape = depict(abnormality, frame, key)
    match shape:
        case Patch():
            z = Stream(*key, "depth", abnormality.observation).between(-0.12, 0.22)
            across, down = profile.x - z, profile.y - shape.y
            noise = shape.noise.at(across / (0.7 * shape.radius), down / (0.7 * shape.radius))
            patch = inside(1.0 - np.sqrt(across * across + down * down) / shape.radius + 0.5 * noise, 0.6)
            added += 0.13 * strength * patch
        case Effusion():
            behind = smooth((profile.x + 0.1) / 0.6)
            level = frame.base - shape.extent * frame.height + 0.16 - 0.18 * behind
            air *= 1.0 - 0.9 * strength * inside(profile.y - level, 0.05)
    if abnormality.observation == "Edema":
        air *= 1.0 - 0.35 * strength
    elif abnormality.form is Form.LOBAR_ATELECTASIS:
        behind = np.minimum(profile.x - 0.08, profile.y - frame.top - 0.55 * frame.height)
        added += 0.14 * strength * inside(behind, 0.04) * inside(profile.lung, 0.03)
    elif course := _courses(frame).get(abnormality.form):
        added += 0.16 * strength * bump(distance(course, profile.x, profile.y), 0.018)


def _courses(frame: Frame) -> dict[Form | None, tuple[Point, ...]]:
    """Where the devices run, as seen from the side."""
    top, base, height = frame.top, frame.base, frame.height
    return {
        Form.ENDOTRACHEAL_TUBE: ((-0.05, top - 0.6), (0.03, top), (0.06, top + 0.3 * height)),
        Form.GASTRIC_TUBE: curve(
            ((0.06, top - 0.6), (0.09, top), (0.16, top + 0.5 * height), (0.12, base - 0.1), (-0.1, base + 0.1))
        ),
        Form.CENTRAL_LINE: curve(((-0.05, top - 0.6), (-0.06, top + 0.1), (-0.02, top + 0.5 * height))),
        Form.PACEMAKER: curve(
            ((-0.30, top + 0.16), (-0.12, top + 0.12), (-0.03, top + 0.4), (-0.1, base - 0.3), (-0.3, base - 0.2))
        ),
    }
