"""Where a point of the original image lies in the model's square input, and back.

Coordinates are those of `model.geometry`: (0, 0) is the corner of the first pixel and pixel j covers [j, j + 1), so its
centre is at j + 0.5. Scaling an axis from n to m pixels then maps x to x m / n, with no half-pixel offset; m is the
rounded number of pixels that the image really has, so the two axes scale by slightly different factors.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from model.geometry import Box

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Geometry:
    """The image, `scaled` and placed at (`pad_left`, `pad_top`) in a square of `size` pixels. All in pixels."""

    original_width: int
    original_height: int
    scaled_width: int
    scaled_height: int
    pad_left: int
    pad_top: int
    size: int

    @classmethod
    def fit(cls, width: int, height: int, size: int) -> "Geometry":
        """The largest image of the same aspect that the square holds, in its middle; an odd pad is longer below."""
        longest = max(width, height)
        scaled_width = max(1, (2 * width * size + longest) // (2 * longest))
        scaled_height = max(1, (2 * height * size + longest) // (2 * longest))
        pad_left, pad_top = (size - scaled_width) // 2, (size - scaled_height) // 2
        return cls(width, height, scaled_width, scaled_height, pad_left, pad_top, size)

    @property
    def scale_x(self) -> float:
        """Input pixels per original pixel, along a row."""
        return self.scaled_width / self.original_width

    @property
    def scale_y(self) -> float:
        """Input pixels per original pixel, along a column."""
        return self.scaled_height / self.original_height

    def to_input(self, box: Box) -> Box:
        """A box in original pixels as a box in the model's input."""
        return Box(
            box.x0 * self.scale_x + self.pad_left,
            box.y0 * self.scale_y + self.pad_top,
            box.x1 * self.scale_x + self.pad_left,
            box.y1 * self.scale_y + self.pad_top,
        )

    def to_original(self, box: Box) -> Box | None:
        """A box in the model's input as a box in original pixels, clipped to the image; None if it is all padding."""
        x0, x1 = np.clip([(x - self.pad_left) / self.scale_x for x in (box.x0, box.x1)], 0, self.original_width)
        y0, y1 = np.clip([(y - self.pad_top) / self.scale_y for y in (box.y0, box.y1)], 0, self.original_height)
        return Box(float(x0), float(y0), float(x1), float(y1)) if x0 < x1 and y0 < y1 else None

    def patch(self, row: int, column: int, grid: tuple[int, int]) -> Box | None:
        """The original pixels that a patch shows, `grid` = (rows, columns); None for a patch of padding alone."""
        height, width = self.size / grid[0], self.size / grid[1]
        return self.to_original(Box(column * width, row * height, (column + 1) * width, (row + 1) * height))

    def mask_to_input(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """How much of each input pixel a mask covers.

        Args:
            mask: bool (original_height, original_width).

        Returns:
            float32 (size, size) in [0, 1], zero in the padding.

        Raises:
            ValueError: the mask is not of the original image's size.
        """
        if mask.shape != (self.original_height, self.original_width):
            raise ValueError(f"mask {mask.shape}: the image is {(self.original_height, self.original_width)}")
        return self.pad(self.resample(mask.astype(np.float32))).clip(0, 1)

    def map_to_original(self, grid_map: NDArray[np.float32]) -> NDArray[np.float32]:
        """A patch map at the original's resolution: bilinear between patch centres, the padding cropped.

        Args:
            grid_map: float (rows, columns) over the padded input.

        Returns:
            float32 (original_height, original_width), between the least and the greatest value of `grid_map`.
        """
        rows, columns = grid_map.shape
        down = _bilinear((np.arange(self.original_height) + 0.5) * self.scale_y + self.pad_top, rows, self.size)
        across = _bilinear((np.arange(self.original_width) + 0.5) * self.scale_x + self.pad_left, columns, self.size)
        return down @ grid_map.astype(np.float32) @ across.T

    def resample(self, image: NDArray[T]) -> NDArray[T]:
        """(original_height, original_width) to (scaled_height, scaled_width): area means, or bilinear if larger."""
        if image.shape == (self.scaled_height, self.scaled_width):
            return image
        kernel = cv2.INTER_LINEAR if self.upscaled else cv2.INTER_AREA
        resampled: NDArray[T] = cv2.resize(image, (self.scaled_width, self.scaled_height), interpolation=kernel)
        return resampled

    def pad(self, image: NDArray[T]) -> NDArray[T]:
        """(scaled_height, scaled_width) to (size, size), zero around it."""
        square = np.zeros((self.size, self.size), image.dtype)
        square[self.pad_top : self.pad_top + self.scaled_height, self.pad_left : self.pad_left + self.scaled_width] = (
            image
        )
        return square

    @property
    def upscaled(self) -> bool:
        """True for an image smaller than the square."""
        return max(self.original_width, self.original_height) < self.size


def _bilinear(positions: NDArray[np.floating], cells: int, size: int) -> NDArray[np.float32]:
    """(len(positions), cells): weights of `cells` equal cells along `size` pixels, constant past the outer centres."""
    cell = np.clip(positions * cells / size - 0.5, 0, cells - 1)
    weights: NDArray[np.float32] = (1 - np.abs(cell[:, None] - np.arange(cells))).clip(0).astype(np.float32)
    return weights
