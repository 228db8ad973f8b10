"""The folder of one drafted study. It appears whole or not at all.

STUDY/report.json        the `GroundedReport`, and the variant of the graphs that drafted it
STUDY/bundle.json        the same as an HL7 FHIR R4 Bundle, see `model.fhir`
STUDY/summary.png        the radiograph with every finding's region, the sentences beside it
STUDY/sentences/N.png    where sentence N rests, in the image's original size, from 1; none for one that rests nowhere
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from model.drawing import draw_report
from model.fhir import ReportStatus, report_bundle
from model.report import GroundedReport, GroundedSentence, Verdict
from pipelines.inference.films import Film
from pipelines.inference.overlay import overlay

PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)
"""Of the sentences' pictures: at 2500 x 2048 px half the time of a filter chosen for each row, in fewer bytes."""


def is_drafted(folder: Path, model_version: str, variant: str) -> bool:
    """Whether this variant of this model has drafted this study."""
    path = folder / "report.json"
    if not path.is_file():
        return False
    report = json.loads(path.read_text())
    return bool((report["model_version"], report.get("variant")) == (model_version, variant))


def write_study(
    folder: Path,
    film: Film,
    report: GroundedReport,
    *,
    status: ReportStatus,
    weights_sha256: str,
    variant: str,
    drafted_at: datetime,
) -> None:
    """Write a study's folder anew."""
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "sentences").mkdir(parents=True)
    shown = replace(report, sentences=report.surfaced)
    resting = {n: one for n, one in enumerate(shown.sentences, start=1) if one.verdict is not Verdict.UNGROUNDED}
    pictures = {"The draft and where it rests": "summary.png"} | {f"Sentence {n}": sentence_file(n) for n in resting}

    def draw(number: int, sentence: GroundedSentence) -> None:
        write_picture(draft / sentence_file(number), overlay(film.display, sentence, film.geometry))

    def summarise() -> None:
        write_picture(draft / "summary.png", np.asarray(draw_report(film.display, shown, film.geometry)))

    with ThreadPoolExecutor() as pool:
        summary = pool.submit(summarise)
        list(pool.map(draw, resting.keys(), resting.values()))
        summary.result()
    bundle = report_bundle(
        report,
        film.label.facts,
        status=status,
        weights_sha256=weights_sha256,
        variant=variant,
        drafted_at=drafted_at,
        pictures=pictures,
    )
    (draft / "bundle.json").write_text(json.dumps(bundle, indent=1) + "\n")
    (draft / "report.json").write_text(json.dumps(report.to_json() | {"variant": variant}, indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def sentence_file(number: int) -> str:
    return f"sentences/{number}.png"


def write_picture(path: Path, picture: NDArray[np.uint8]) -> None:
    """A picture, RGB uint8 (H, W, 3), as PNG.

    Raises:
        OSError: it cannot be written.
    """
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), PNG)[1]
    path.write_bytes(encoded.tobytes())
