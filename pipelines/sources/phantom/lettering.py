"""Letters as a marker or a label prints them on the film."""

import numpy as np

from pipelines.sources.phantom.projection import Projection
from pipelines.sources.phantom.regions import Mask

GLYPHS = {
    "A": ".###. #...# #...# ##### #...# #...# #...#",
    "B": "####. #...# #...# ####. #...# #...# ####.",
    "E": "##### #.... #.... ####. #.... #.... #####",
    "L": "#.... #.... #.... #.... #.... #.... #####",
    "O": ".###. #...# #...# #...# #...# #...# .###.",
    "P": "####. #...# #...# ####. #.... #.... #....",
    "R": "####. #...# #...# ####. #.#.. #..#. #...#",
    "T": "##### ..#.. ..#.. ..#.. ..#.. ..#.. ..#..",
}
"""Five columns by seven rows each."""


def letters(text: str, x: float, y: float, cell: float, projection: Projection) -> Mask:
    """Where the text prints, bool (rows, columns).

    Its upper left corner stands at (x, y) of the film, whose middle square is [-1, 1]; `cell` is the side of a dot.
    """
    lines = [" ".join(rows) for rows in zip(*(GLYPHS[letter].split() for letter in text), strict=True)]
    dots = np.array([[dot == "#" for dot in line] for line in lines])
    column = np.floor((projection.across - x) / cell).astype(np.int64)
    row = np.floor((projection.down - y) / cell).astype(np.int64)
    columns, rows = (column >= 0) & (column < dots.shape[1]), (row >= 0) & (row < dots.shape[0])
    printed = np.zeros((projection.rows, projection.columns), bool)
    printed[np.ix_(rows, columns)] = dots[np.ix_(row[rows], column[columns])]
    return printed
