"""What every page is rendered with: the templates of this package, all text escaped, a missing value an error."""

import base64
import io
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
