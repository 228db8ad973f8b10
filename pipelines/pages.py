"""What every page is rendered with: the templates of this package, all text escaped, a missing value an error."""

import base64
import io
import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

INLINE_QUALITY = 88


def page_environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def inlined(picture: Path) -> str:
    """A picture as a data URL: WebP, a tenth of the PNG that lies beside the page."""
    buffer = io.BytesIO()
    Image.open(picture).save(buffer, "WEBP", quality=INLINE_QUALITY, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def percent(value: float | None) -> str:
    """A share; a dash where there is none.

    >>> percent(0.8126), percent(None), percent(math.nan)
    ('81.3 %', '–', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def number(value: float | None, digits: int = 1) -> str:
    """A measure; a dash where there is none.

    >>> number(1234.56), number(None), number(math.nan)
    ('1,234.6', '–', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
