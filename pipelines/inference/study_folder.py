"""The folder of one drafted study. It appears whole or not at all.

STUDY/report.json        the `GroundedReport`
STUDY/bundle.json        the same as an HL7 FHIR R4 Bundle, see `model.fhir`
STUDY/summary.png        the radiograph with every finding's region, the sentences beside it
STUDY/sentences/N.png    where sentence N rests, in the image's original size, from 1; none for one that rests nowhere
"""

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from model.drawing import draw_report
from model.fhir import ReportStatus, report_bundle
from model.report import GroundedReport, Verdict
from pipelines.inference.films import Film
from pipelines.inference.overlay import overlay

COMPRESSION = 1
"""Of the sentences' PNGs: at 2500 x 2048 px a fifth of the time of the usual 6, and a tenth more bytes."""


def is_drafted(folder: Path, model_version: str) -> bool:
    """Whether this model has drafted this study."""
    report = folder / "report.json"
    return report.is_file() and bool(json.loads(report.read_text())["model_version"] == model_version)


def write_study(
    folder: Path,
    film: Film,
    report: GroundedReport,
    *,
    status: ReportStatus,
    weights_sha256: str,
    drafted_at: datetime,
) -> None:
    """Write a study's folder anew."""
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    (draft / "sentences").mkdir(parents=True)
    pictures = {"The draft and where it rests": "summary.png"}
    shown = replace(report, sentences=report.surfaced)
    draw_report(film.display, shown, film.geometry).save(draft / "summary.png")
    for number, sentence in enumerate(shown.sentences, start=1):
        if sentence.verdict is not Verdict.UNGROUNDED:
            name = f"sentences/{number}.png"
            overlay(film.display, sentence, film.geometry).save(draft / name, compress_level=COMPRESSION)
            pictures[f"Sentence {number}"] = name
    bundle = report_bundle(
        report,
        film.label.facts,
        status=status,
        weights_sha256=weights_sha256,
        drafted_at=drafted_at,
        pictures=pictures,
    )
    (draft / "bundle.json").write_text(json.dumps(bundle, indent=1) + "\n")
    (draft / "report.json").write_text(json.dumps(report.to_json(), indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
