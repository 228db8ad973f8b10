"""The labeler against the OpenI gold labels (ncbi-nlp/NegBio), and how many reports it reads a second.

The reports fall into two halves by a hash of their id: errors are looked at in the development half alone, so that the
held-out half stays a fair judge of the rules.

    python -m benchmarks.labeler FOLDER [--errors]

FOLDER holds `NLMCXR_reports.tgz` and `gold_labels.csv`.
"""

import argparse
import csv
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np
from defusedxml import ElementTree

from model.findings import OBSERVATIONS
from model.labeler import Convention, explain, label_report
from model.metrics.findings import counts, f1, per_observation

# Observation -> its columns among the gold labels.
GOLD = {
    "Atelectasis": ("Atelectasis",),
    "Cardiomegaly": ("Cardiomegaly",),
    "Pleural Effusion": ("Effusion",),
    "Pneumothorax": ("Pneumothorax",),
    "Edema": ("Edema",),
    "Consolidation": ("Consolidation",),
    "Pneumonia": ("Pneumonia",),
    "Lung Lesion": ("Nodule", "Mass"),
}
COLUMNS = np.array([OBSERVATIONS.index(name) for name in GOLD])


@dataclass(frozen=True, slots=True)
class Report:
    """Findings and impression of one report with its gold labels, 1 or 0."""

    name: str
    text: str
    gold: dict[str, int]

    @property
    def half(self) -> str:
        return "development" if hashlib.sha256(self.name.encode()).digest()[0] < 128 else "held out"


def reports(folder: Path) -> Iterator[Report]:
    """The reports that have gold labels."""
    with (folder / "gold_labels.csv").open(newline="", encoding="utf-8") as file:
        gold = {row["filename"]: row for row in csv.DictReader(file)}
    with tarfile.open(folder / "NLMCXR_reports.tgz") as archive:
        for member in archive:
            file_of_member = archive.extractfile(member)
            if file_of_member is None or not member.name.endswith(".xml"):
                continue
            tree = ElementTree.parse(io.BytesIO(file_of_member.read()))
            row = gold.get(tree.find("uId").get("id"))
            if row is not None:
                parts = {part.get("Label"): part.text or "" for part in tree.iter("AbstractText")}
                truth = {name: int(any(row[column] == "1" for column in of)) for name, of in GOLD.items()}
                yield Report(row["filename"], f"{parts.get('FINDINGS', '')}\n\n{parts.get('IMPRESSION', '')}", truth)


def measure(chosen: list[Report], read: list[dict[str, int]]) -> dict[str, object]:
    """Micro-F1 over the eight observations, and each one's own true, false and missed."""
    truth = [report.gold for report in chosen]
    labels = [{name: found[name] for name in GOLD if name in found} for found in read]
    micro = f1(counts(truth, labels)[:, COLUMNS].sum(axis=(0, 1)))
    each = {
        s.observation: [s.true_positives, s.false_positives, s.false_negatives, round(s.f1, 3)]
        for s in per_observation(truth, labels)
        if s.observation in GOLD
    }
    return {"reports": len(chosen), "micro_f1": round(float(micro), 4), "true, false, missed, f1": each}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--errors", action="store_true", help="show what is wrong in the development half, and why")
    args = parser.parse_args()
    chosen = list(reports(args.folder))
    started = process_time()
    read = [label_report(report.text, Convention.ASSERTION) for report in chosen]
    print(json.dumps({"reports_per_second": round(len(chosen) / (process_time() - started))}))
    for half in ("development", "held out"):
        own = [index for index, report in enumerate(chosen) if report.half == half]
        print(half, json.dumps(measure([chosen[i] for i in own], [read[i] for i in own]), indent=1))
    for report, labels in zip(chosen, read, strict=True):
        wrong = [name for name in GOLD if (labels.get(name) == 1) != bool(report.gold[name])]
        if args.errors and wrong and report.half == "development":
            print(
                report.name,
                wrong,
                *(reason for reason in explain(report.text) if reason.observation in wrong),
                sep="\n  ",
            )


if __name__ == "__main__":
    main()
