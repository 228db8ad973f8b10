"""How a picture came out: exposure, contrast, tone, sharpness, grain, collimation and the marker on the film.

`Exposure` is drawn for one picture, after the `Habit` of the site that makes it; `anatomy.Pose` holds what is geometry.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.sources.phantom.anatomy import Frame
from pipelines.sources.phantom.fields import Field, Stream, bump, clamp
from pipelines.sources.phantom.lettering import letters
from pipelines.sources.phantom.projection import Projection, Window

WIDE_OPEN = 9.0, 9.0, 9.0, 9.0
INK, UNEXPOSED = 1.0, 0.0
MARKER_CELL, LABEL_CELL = 0.014, 0.0095


@dataclass(frozen=True, slots=True)
class Habit:
    """What a site's machines do to every picture: 0, 1, 1, 1 for a site like the others.

    Attributes:
        brightness: added to the picture's grey values, -0.3 to 0.3.
        contrast: factor of the contrast, 0.4 to 1.6.
        noise: factor of the grain, 0 to 6.
        sharpness: 1 as it is; below 1 blurs, down to 0.2; above 1 is sharper than most, up to 2.
    """

    brightness: float = 0.0
    contrast: float = 1.0
    noise: float = 1.0
    sharpness: float = 1.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one picture came out. Lengths as shares of half the film's shorter side."""

    brightness: float
    contrast: float
    curve: float  # of the tone curve: below 1 brighter mid-tones, above 1 darker ones
    slope_x: float  # share of density that the film gains from its middle to an edge
    slope_y: float
    blur: float  # radius
    grain: float  # deviation
    shutters: tuple[float, float, float, float]  # room left beyond the lungs: left, above, right, below
    marker: str  # the letter of the side it lies on
    marker_at: tuple[float, float]  # distance from the midline, y
    label: str

    @classmethod
    def draw(cls, stream: Stream, portable: bool, habit: Habit) -> "Exposure":
        """`portable` (AP, in bed) is flatter, grainier, less sharp, and labelled as such."""
        loose = 1.5 if portable else 1.0
        room = [stream.between(0.06, 0.3) for _ in range(4)]
        shutters = (room[0], room[1], room[2], room[3]) if stream.chance(0.45) else WIDE_OPEN
        return cls(
            brightness=stream.between(-0.10, 0.10) + habit.brightness,
            contrast=stream.between(0.78, 1.12) * (0.92 if portable else 1.0) * habit.contrast,
            curve=stream.between(0.7, 1.45),
            slope_x=loose * stream.between(-0.07, 0.07),
            slope_y=loose * stream.between(-0.10, 0.10),
            blur=loose * stream.between(0.002, 0.009) / habit.sharpness + 0.008 * max(0.0, 1.0 / habit.sharpness - 1.0),
            grain=loose * stream.between(0.006, 0.014) * habit.noise,
            shutters=shutters,
            marker=stream.pick(("L", "R", ""), (0.5, 0.3, 0.2)),
            marker_at=(stream.between(0.72, 0.88), stream.between(-0.95, -0.62)),
            label=stream.pick(("PORTABLE", "AP", ""), (0.5, 0.2, 0.3)) if portable else "",
        )

    def film(self, density: Field, across: Field, down: Field) -> Field:
        """Grey values in [0, 1] at (down, across) of the film.

        Tone curve: contrast about mid-grey, then x / (x + c (1 - x)), which keeps black and white in place.
        """
        light = density * (1.0 + self.slope_x * across + self.slope_y * down[:, None])
        exposed = clamp(0.46 + self.contrast * (light - 0.40) * 1.25 + self.brightness, 0.0, 1.0)
        return exposed / (exposed + self.curve * (1.0 - exposed))

    def lit(self, frame: Frame, projection: Projection) -> Window:
        """The part of the picture that the shutters leave open."""
        left, above, right, below = self.shutters
        width = frame.body.width
        return projection.window(-width - left, frame.top - above, width + right, frame.base + below)

    def finish(self, image: Field, frame: Frame, projection: Projection, key: tuple[int | str, ...]) -> Field:
        """What happens to the film's picture as a whole: blur, grain, shutters, letters."""
        image = _blurred(image, self.blur / projection.pixel)
        image += self.grain * Stream(*key, "grain").grain(*image.shape)
        image = clamp(image, 0.0, 1.0)
        finished, lit = np.full(image.shape, UNEXPOSED), self.lit(frame, projection)
        finished[lit] = image[lit]
        x, y = self.marker_at
        if self.marker:
            sign = 1.0 if self.marker == "L" else -1.0
            finished[letters(self.marker, sign * x - 2.5 * MARKER_CELL, y, MARKER_CELL, projection)] = INK
        if self.label:
            finished[letters(self.label, -0.95, -y - 0.08, LABEL_CELL, projection)] = INK
        return finished


def _blurred(image: Field, radius: float) -> Field:
    """The image under the separable kernel (1 - (d / r)^2)^2, `radius` in pixels; below 1 pixel it is as it was."""
    reach = int(np.ceil(radius)) - 1
    if reach < 1:
        return image.copy()
    weights = bump(np.arange(reach + 1, dtype=np.float64), radius).tolist()
    total = weights[0]
    for weight in weights[1:]:
        total += 2.0 * weight
    for _ in range(2):  # down the columns, then, transposed, along the rows
        rows = len(image)
        padded = np.pad(image, ((reach, reach), (0, 0)), mode="edge")
        image = weights[0] * image
        for k in range(1, reach + 1):
            image += weights[k] * (padded[reach - k : reach - k + rows] + padded[reach + k : reach + k + rows])
        image = (image / total).T
    return np.ascontiguousarray(image)
