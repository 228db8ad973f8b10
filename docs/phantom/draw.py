"""Draw the pictures of docs/phantom.md: every finding, bare and with the outline of its mask.

.venv/bin/python docs/phantom/draw.py
"""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from model.drawing import BACKGROUND, PLAIN, font
from model.findings import Side, Zone
from model.overlay import PALETTE
from pipelines.sources.phantom.abnormalities import Abnormality, Form, Size
from pipelines.sources.phantom.anatomy import Body, Pose
from pipelines.sources.phantom.exposure import WIDE_OPEN, Exposure, Habit
from pipelines.sources.phantom.fields import Field, Stream
from pipelines.sources.phantom.lateral import lateral_radiograph
from pipelines.sources.phantom.radiograph import Radiograph, radiograph

SIDE, CAPTION, GAP, GREYS = 224, 22, 6, 48
TEXT = 6.5  # half the letters' size in pixels: the font is made for pages drawn at twice their size

RIGHT, LEFT = Side.RIGHT, Side.LEFT
MODERATE, SMALL, LARGE = Size.MODERATE, Size.SMALL, Size.LARGE


def device(form: Form, side: Side | None = None) -> Abnormality:
    return Abnormality("Support Devices", MODERATE, side, form=form)


SHEETS: dict[str, tuple[Abnormality, ...]] = {
    "airspace": (
        Abnormality("Lung Opacity", MODERATE, RIGHT, Zone.MIDDLE),
        Abnormality("Consolidation", MODERATE, LEFT, Zone.UPPER),
        Abnormality("Pneumonia", LARGE, RIGHT, Zone.LOWER),
        Abnormality("Edema", MODERATE),
        Abnormality("Lung Lesion", SMALL, LEFT, Zone.MIDDLE),
        Abnormality("Lung Lesion", LARGE, RIGHT, Zone.UPPER, faint=True),
        Abnormality("Atelectasis", MODERATE, LEFT, form=Form.LINEAR_ATELECTASIS),
        Abnormality("Atelectasis", LARGE, RIGHT, form=Form.LOBAR_ATELECTASIS),
    ),
    "pleura": (
        Abnormality("Pleural Effusion", SMALL, RIGHT),
        Abnormality("Pleural Effusion", MODERATE, Side.BILATERAL),
        Abnormality("Pneumothorax", SMALL, LEFT),
        Abnormality("Pneumothorax", LARGE, RIGHT),
        Abnormality("Pleural Other", MODERATE, RIGHT, form=Form.PLEURAL_THICKENING),
        Abnormality("Pleural Other", MODERATE, LEFT, form=Form.PLEURAL_PLAQUE),
    ),
    "heart_and_bones": (
        Abnormality("Cardiomegaly", SMALL),
        Abnormality("Cardiomegaly", LARGE),
        Abnormality("Enlarged Cardiomediastinum", SMALL),
        Abnormality("Enlarged Cardiomediastinum", LARGE),
        Abnormality("Fracture", MODERATE, LEFT, Zone.MIDDLE, Form.RIB_FRACTURE),
        Abnormality("Fracture", MODERATE, RIGHT, form=Form.CLAVICLE_FRACTURE),
    ),
    "devices": (
        device(Form.ENDOTRACHEAL_TUBE),
        device(Form.GASTRIC_TUBE),
        device(Form.CENTRAL_LINE, RIGHT),
        device(Form.PACEMAKER, LEFT),
        device(Form.CHEST_TUBE, RIGHT),
        device(Form.STERNAL_WIRES),
    ),
}


def chest(number: int, *, portable: bool) -> tuple[Body, Pose, Exposure]:
    """Somebody in some pose; even numbers are women."""
    stream = Stream("docs", number)
    body = Body.draw(stream, "FM"[number % 2], stream.whole(20, 90))
    return body, Pose.draw(stream, portable), Exposure.draw(stream, portable, Habit())


def picture(number: int, found: Abnormality) -> Radiograph:
    body, pose, exposure = chest(number, portable=number % 3 == 0)
    return radiograph(body, pose, replace(exposure, shutters=WIDE_OPEN), (found,), ("docs", number), SIDE, SIDE)


def outlined(drawn: Radiograph, found: Abnormality) -> NDArray[np.uint8]:
    canvas = coloured(drawn.image)
    outlines, _ = cv2.findContours(drawn.masks[found].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.polylines(canvas, outlines, isClosed=True, color=PALETTE[0], thickness=1)
    return canvas


def coloured(image: Field) -> NDArray[np.uint8]:
    return np.repeat(np.rint(image * 255).astype(np.uint8)[..., None], 3, axis=2)


def caption(found: Abnormality) -> str:
    sized = found.observation not in ("Fracture", "Support Devices")
    words = ["faint" if found.faint else "", found.size if sized else "", found.side or "", found.zone or ""]
    return " ".join(filter(None, (*words, found.form or found.observation.lower())))


def sheet(path: Path, tiles: list[tuple[str, list[NDArray[np.uint8]]]], columns: int) -> None:
    """Tiles of captioned pictures, from left to right and top to bottom, in a small palette."""
    width, height = (SIDE + GAP) * len(tiles[0][1]) + GAP, SIDE + CAPTION + GAP
    page = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height), BACKGROUND)
    pen = ImageDraw.Draw(page)
    for k, (text, pictures) in enumerate(tiles):
        left, top = k % columns * width, k // columns * height
        pen.text((left, top + 4), text, font=font(TEXT), fill=PLAIN)
        for j, pixels in enumerate(pictures):
            page.paste(Image.fromarray(pixels), (left + j * (SIDE + GAP), top + CAPTION))
    page.quantize(palette=_greys_and_one_colour(), dither=Image.Dither.NONE).save(path, optimize=True)


def _greys_and_one_colour() -> Image.Image:
    palette = Image.new("P", (1, 1))
    greys = [(grey, grey, grey) for grey in np.linspace(0, 255, GREYS).astype(int).tolist()]
    palette.putpalette([value for colour in (*greys, BACKGROUND, PALETTE[0]) for value in colour])
    return palette


def healthy(number: int, *, portable: bool) -> NDArray[np.uint8]:
    return coloured(radiograph(*chest(number, portable=portable), (), ("docs", number), SIDE, SIDE).image)


def from_the_side(number: int, *found: Abnormality) -> NDArray[np.uint8]:
    return coloured(lateral_radiograph(*chest(number, portable=False), found, ("docs", number), SIDE, SIDE))


def main() -> None:
    folder = Path(__file__).parent
    people = [("PA, no finding", [healthy(number, portable=False)]) for number in (1, 2, 3, 4)]
    people += [("portable AP, no finding", [healthy(number, portable=True)]) for number in (5, 6, 7, 8)]
    sheet(folder / "healthy.png", people, 4)
    seen = (SHEETS["pleura"][1], SHEETS["heart_and_bones"][1], SHEETS["airspace"][1])
    sides = [("LATERAL, no finding", [from_the_side(11)])]
    sides += [(caption(found), [from_the_side(12 + k, found)]) for k, found in enumerate(seen)]
    sheet(folder / "lateral.png", sides, 4)
    for name, findings in SHEETS.items():
        tiles = []
        for number, found in enumerate(findings):
            drawn = picture(number + 20, found)
            tiles.append((caption(found), [coloured(drawn.image), outlined(drawn, found)]))
        sheet(folder / f"{name}.png", tiles, 2)


if __name__ == "__main__":
    main()
