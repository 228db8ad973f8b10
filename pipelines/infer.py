"""`radassist infer PATH... --model DIR_OR_URI --out DIR`: grounded reports from DICOM files.

Folders are gone through at any depth. Each study with a frontal radiograph gets a folder below --out, see
`pipelines.inference.study_folder`; each file without a draft is listed in refused.jsonl with the reason. A study that
this model and variant have drafted is passed over, so that an interrupted run goes on where it stopped; delete a folder
to have it drafted anew. What lies below --out is no film. A finding that rests on no region is withheld. Films are read
and drafts written while others are drafted.
"""

import argparse
import json
import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from model.artefact import VARIANTS
from model.fhir import ReportStatus
from model.microbatch import MOST, MicroBatcher
from model.report import GroundedReport
from model.workers import map_in_order
from pipelines.checkout import tracking_uri
from pipelines.inference.films import (
    ANSWERS,
    Film,
    Label,
    Refused,
    choose,
    find_files,
    lost_film,
    lost_label,
    read_film,
    read_label,
)
from pipelines.inference.study_folder import is_drafted, write_study
from pipelines.progress import Meter, track

if TYPE_CHECKING:
    from model.engine import Engine

AHEAD = 2 * MOST
"""Films that may wait for their drafts: a batch that is drafted, and the next."""
FAILED = "draft_failed"
"""The reason where a draft ended with an error that no limit explains."""
PROVIDERS = ("cpu", "cuda", "tensorrt")
"""`model.engine.Provider`, whose module is slow to import."""
REFUSED = "refused.jsonl"


def infer(
    paths: Sequence[Path],
    model: Path,
    out: Path,
    status: ReportStatus,
    *,
    provider: str = "cpu",
    variant: str = "fp32",
) -> Counter[str]:
    """Draft every study of the files; return how many were `drafted`, `drafted before`, or refused, by reason.

    Raises:
        BadInput: a path or model that is none; a model without a calibration; a provider or variant that is not there.
    """
    from model.engine import Engine, Provider

    engine = Engine(model, Provider(provider), variant)
    _ = engine.calibration  # a model without one is refused before thousands of files are read
    files = find_files(paths, out)
    out.mkdir(parents=True, exist_ok=True)
    processes = os.cpu_count() or 1
    read = map_in_order(read_label, files, lost_label, processes, answers=ANSWERS)
    labels = list(track(read, "headers", len(files)))
    chosen, refused = choose(label for label in labels if isinstance(label, Label))
    refused += [label for label in labels if isinstance(label, Refused)]
    waiting = [label for label in chosen if not is_drafted(out / label.study, engine.artefact.version, variant)]
    films = map_in_order(
        partial(read_film, params=engine.artefact.pixels), waiting, lost_film, processes, answers=ANSWERS
    )
    drafted = 0
    with Meter("drafts", len(waiting)) as meter:
        for film, draft in drafts(engine, kept(films, refused, meter)):
            if isinstance(draft, Refused):
                refused.append(draft)
            else:
                write_study(
                    out / film.label.study,
                    film,
                    draft.withhold_ungrounded(),
                    status=status,
                    weights_sha256=engine.artefact.weights_sha256,
                    variant=variant,
                    drafted_at=datetime.now(UTC),
                )
                drafted += 1
            meter.advance()
    with (out / REFUSED).open("w") as lines:
        for one in refused:
            lines.write(json.dumps({"file": one.path, "refused": one.reason, "detail": one.detail}) + "\n")
    counted = Counter({"drafted": drafted, "drafted before": len(chosen) - len(waiting)})
    return counted + Counter(one.reason for one in refused)


def kept(films: Iterable[Film | Refused], refused: list[Refused], meter: Meter) -> Iterator[Film]:
    """The films that were read; what was not is added to `refused`."""
    for film in films:
        if isinstance(film, Refused):
            refused.append(film)
            meter.advance()
        else:
            yield film


def drafts(engine: "Engine", films: Iterable[Film]) -> Iterator[tuple[Film, GroundedReport | Refused]]:
    """Each film with its draft, in their order. An error stays with its own film."""

    def report(batch: Sequence[Film]) -> Sequence[GroundedReport]:
        size = engine.artefact.pixels.size
        studies = [(film.label.study, film.model_input(size)) for film in batch]
        return engine.report(studies, [film.label.prompt for film in batch])

    under_way: deque[tuple[Film, Future[GroundedReport]]] = deque()
    with MicroBatcher(report, queue=AHEAD) as batcher:
        try:
            for film in films:
                under_way.append((film, batcher.submit(film)))
                if len(under_way) == AHEAD:
                    yield ended(*under_way.popleft())
            while under_way:
                yield ended(*under_way.popleft())
        finally:
            for _, unwanted in under_way:
                unwanted.cancel()


def ended(film: Film, future: "Future[GroundedReport]") -> tuple[Film, GroundedReport | Refused]:
    """The film's draft once it is there, or why there is none."""
    from model.engine import LimitPassed

    try:
        return film, future.result()
    except LimitPassed as passed:
        return film, Refused(film.label.path, passed.reason, str(passed))
    except Exception as error:  # noqa: BLE001 - one study of thousands ends without a draft, and says so
        return film, Refused(film.label.path, FAILED, type(error).__name__)


def local_model(name: str) -> Path:
    """The folder of a model; one that MLflow names, such as models:/radassist-reporter@champion, is fetched."""
    if ":/" not in name:
        return Path(name)
    import mlflow

    mlflow.set_tracking_uri(tracking_uri(Path()))  # to be told by argument, download_artifacts does not pass it on
    return Path(mlflow.artifacts.download_artifacts(name))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="DICOM, PNG or JPEG files, or folders of them"
    )
    parser.add_argument(
        "--model", required=True, metavar="DIR_OR_URI", help="an exported model's folder, or models:/NAME@ALIAS"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the studies' folders are written")
    parser.add_argument(
        "--status",
        type=ReportStatus,
        choices=list(ReportStatus),
        default=ReportStatus.PARTIAL,
        help="what FHIR is told of a draft that nobody has reviewed (default: partial)",
    )
    parser.add_argument("--provider", choices=PROVIDERS, default="cpu", help="what runs the model (default: cpu)")
    parser.add_argument(
        "--variant", choices=VARIANTS, default="fp32", help="in which numbers it reckons (default: fp32)"
    )


def main(args: argparse.Namespace) -> int:
    model = local_model(args.model)
    counted = infer(args.paths, model, args.out, args.status, provider=args.provider, variant=args.variant)
    print(f"{args.out}: " + ", ".join(f"{count} {what}" for what, count in counted.items()))
    if any(counted[reason] for reason in counted if not reason.startswith("drafted")):
        print(f"what has no draft, and why: {args.out / REFUSED}")
    return 0
