"""The analysis as one page that needs nothing but itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from model.overlay import Colour
from pipelines import charts
from pipelines.calibrating import RIGHT_IOU
from pipelines.error_analysis.failures import FEWEST, TOLERATED
from pipelines.error_analysis.gallery import EACH, Kind
from pipelines.error_analysis.pictures import DRAFT, REFERENCE
from pipelines.error_analysis.statements import Quadrant
from pipelines.pages import inlined, page_environment, percent

QUADRANTS = {
    Quadrant.BOTH_RIGHT: "Words right, attention right",
    Quadrant.ATTENTION_WRONG: "Words right, attention wrong",
    Quadrant.TEXT_WRONG: "Words wrong, attention right",
    Quadrant.BOTH_WRONG: "Both wrong",
}
KINDS = {
    Kind.FOUND: "True positives",
    Kind.ASTRAY: "True positives with their attention astray",
    Kind.MISSED: "False negatives",
    Kind.INVENTED: "False positives",
}


def render(content: Mapping[str, Any], folder: Path) -> str:
    """The page of what errors.json holds; the pictures are read from `folder`."""
    environment = page_environment()
    environment.filters |= {
        "percent": percent,
        "points": points,
        "number": number,
        "inlined": lambda path: inlined(folder / path),
    }
    shares = content["entropies"]["histogram"]
    steps = len(shares["right"] or shares["wrong"])
    middles = [(index + 0.5) / steps for index in range(steps)]
    curves = {name: shares[name] for name in ("right", "wrong") if shares[name]}
    return environment.get_template("errors.html.j2").render(
        **content,
        quadrant_titles=QUADRANTS,
        kind_titles=KINDS,
        each=EACH,
        right_iou=RIGHT_IOU,
        tolerated=TOLERATED,
        fewest=FEWEST,
        chart=Markup(charts.line_chart(middles, curves) if curves else ""),  # noqa: S704 - numbers alone go in
        colours={"draft": css(DRAFT), "reference": css(REFERENCE)},
    )


def css(colour: Colour) -> str:
    return f"rgb({colour[0]} {colour[1]} {colour[2]})"


def points(value: float | None) -> str:
    """A difference of two shares for reading.

    >>> points(-0.0126), points(0.2)
    ('−1.3', '+20.0')
    """
    return "–" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def number(value: float | None) -> str:
    """A measure to two decimals, a dash where there is none."""
    return "–" if value is None else f"{value:.2f}".replace("-", "−")
