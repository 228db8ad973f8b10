"""Does the audit find a bias that is there, and keep silent where there is none? Tried on a model's own drafts.

A bias is planted into cached drafts, no model is trained: whatever finding the draft of a study in one group states is
left out with probability q. Everything else is chance: each patient is given an age, a sex, a site ... at random.

    python -m benchmarks.fairness [--evaluation evaluation] [--runs 50]
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.labeler import label_report
from model.metrics import Figure
from model.metrics.findings import counts
from model.report import GroundedReport, GroundedSentence
from pipelines.examples import read_drafts
from pipelines.fairness import Groups, Status, Subgroup, compare_groups
from pipelines.fairness_figures import Better, audited
from pipelines.statistics import FILE, Statistics, read_statistics

ATTRIBUTES: dict[str, dict[str | None, float]] = {
    "age": {"18 to 39": 0.2, "40 to 64": 0.5, "65 to 79": 0.2, "80 and over": 0.1},
    "sex": {"F": 0.5, "M": 0.5},
    "race_ethnicity": {"a": 0.6, "b": 0.2, "c": 0.1, None: 0.1},
    "site": {"a": 0.6, "b": 0.3, "c": 0.1},
    "view": {"PA": 0.6, "AP": 0.4},
}
"""How common each made-up group is. A view is a study's own, all else a patient's; the device is the site's."""

BIASED = "c"
PLANTED = ((30, 0.15), (30, 0.25), (40, 0.15), (40, 0.2), (60, 0.1), (60, 0.15))
"""Patients of site c, and how often a finding of theirs is left out."""
LARGE = 2000
REGIONS = ("iou_norm_0.1", "pointing_game", "statements_found")
TOLD = ("findings_micro_f1", "needs_no_correction", *REGIONS)
"""The figures that follow the planted bias; those of edits and verdicts are left out."""


Stated = tuple[str, str]
"""An observation and its side, empty where none is told."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """A model's evaluation: its figures, its drafts, the references, and the statements that have a region."""

    statistics: Statistics
    reports: tuple[GroundedReport, ...]
    references: tuple[dict[str, int], ...]
    statements: pd.DataFrame

    @classmethod
    def read(cls, evaluation: Path) -> "Drafts":
        statistics = read_statistics(evaluation / FILE)
        told = replace(statistics, figures={name: statistics.figures[name] for name in TOLD})
        lines = list(read_drafts(evaluation / "drafts.jsonl"))
        return cls(
            told,
            tuple(GroundedReport.from_json(line["draft"]) for line in lines),
            tuple(label_report(f"{line['reference']['findings']} {line['reference']['impression']}") for line in lines),
            pd.read_parquet(evaluation / "statements.parquet"),
        )

    def without(self, studies: NDArray[np.int_], q: float, rng: np.random.Generator) -> Statistics:
        """The audited figures after each finding in the drafts of these studies was left out with probability q."""
        rows = {name: figure.statistics.copy() for name, figure in self.statistics.figures.items()}
        reports = list(self.reports)
        for study in studies.tolist():
            reports[study], lost = forgetful(self.reports[study], q, rng)
            if not lost:
                continue
            labels = counts([self.references[study]], [label_report(reports[study].text)])
            rows["findings_micro_f1"][study] = labels.reshape(-1)
            rows["needs_no_correction"][study, 0] = 0.0
            own = self.statements[(self.statements.study == study) & self.statements.matched]
            said = [answered(*told, lost) for told in zip(own.observation, own.side.fillna(""), strict=True)]
            gone = own[np.array(said, bool)]
            rows["statements_found"][study, 0] -= len(gone)
            for name in ("iou_norm_0.1", "pointing_game"):
                rows[name][study, 0] -= gone[name].sum()
        figures = {name: Figure(name, rows[name], f.value) for name, f in self.statistics.figures.items()}
        return audited(replace(self.statistics, figures=figures), reports)


def stated(sentences: Iterable[GroundedSentence]) -> set[Stated]:
    """What these sentences say is there."""
    return {(f.observation, f.side or "") for s in sentences for f in s.findings if f.positive}


def forgetful(report: GroundedReport, q: float, rng: np.random.Generator) -> tuple[GroundedReport, set[Stated]]:
    """The report after each finding was forgotten with probability q, and what it no longer says."""
    forgotten = {finding for finding in sorted(stated(report.surfaced)) if rng.random() < q}
    lost = [sentence for sentence in report.sentences if stated([sentence]) & forgotten]
    kept = tuple(sentence for sentence in report.sentences if not stated([sentence]) & forgotten)
    return replace(report, sentences=kept), stated(lost)


def answered(observation: str, side: str, by: set[Stated]) -> bool:
    """Whether one of these answers a statement of the reference: one without a side takes any."""
    sides = {told for name, told in by if name == observation}
    return bool(sides) and (not side or side in sides)


def made_up(patients: NDArray[np.int_], biased: int, rng: np.random.Generator) -> Groups:
    """Groups that mean nothing; site c has `biased` patients, or as many as chance gives it where that is 0."""
    groups: dict[str, NDArray[np.object_]] = {}
    for attribute, shares in ATTRIBUTES.items():
        of = np.arange(len(patients)) if attribute == "view" else patients
        drawn = rng.choice(np.array(list(shares), object), of.max() + 1, p=list(shares.values()))
        if attribute == "site" and biased:
            drawn[drawn == BIASED] = "a"
            drawn[rng.permutation(len(drawn))[:biased]] = BIASED
        groups[attribute] = drawn[of]
    groups["device"] = groups["site"]
    return {attribute: values.tolist() for attribute, values in groups.items()}


def claims(rows: list[Subgroup]) -> list[Subgroup]:
    return [row for row in rows if row.status is Status.GAP]


def worse(row: Subgroup) -> bool:
    """Whether a claimed gap says that site c fares worse."""
    side = {Better.HIGHER: row.gap < 0, Better.LOWER: row.gap > 0, None: False}[row.better]
    return (row.attribute, row.group) == ("site", BIASED) and side


def enlarged(statistics: Statistics, rng: np.random.Generator) -> Statistics:
    """LARGE studies and more, of patients drawn with replacement, each a patient of its own."""
    of: dict[str, list[int]] = {}
    for index, patient in enumerate(statistics.patient_ids):
        of.setdefault(patient, []).append(index)
    rows: list[int] = []
    names: list[str] = []
    while len(rows) < LARGE:
        own = of[rng.choice(list(of))]
        rows += own
        names += [f"{len(rows)}"] * len(own)
    return replace(statistics.of(rows), patient_ids=tuple(names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluation", type=Path, default=Path("evaluation"))
    parser.add_argument("--runs", type=int, default=50)
    args = parser.parse_args()
    drafts = Drafts.read(args.evaluation)
    _, patients = np.unique(np.array(drafts.statistics.patient_ids), return_inverse=True)
    print(json.dumps({"studies": len(patients), "patients": int(patients.max() + 1), "runs": args.runs}))
    sound = drafts.without(np.array([], int), 0.0, np.random.default_rng(0))
    silent = sum(
        not claims(compare_groups(sound, made_up(patients, 0, np.random.default_rng(run)))) for run in range(args.runs)
    )
    print(json.dumps({"planted": None, "none claimed": silent}), flush=True)
    for size, q in PLANTED:
        found = elsewhere = 0
        missed: list[float] = []
        for run in range(args.runs):
            rng = np.random.default_rng(run)
            groups = made_up(patients, size, rng)
            biased = np.flatnonzero([site == BIASED for site in groups["site"]])
            rows = compare_groups(drafts.without(biased, q, rng), groups)
            found += any(worse(row) for row in claims(rows))
            elsewhere += any(row.attribute not in ("site", "device") for row in claims(rows))
            missed += [
                row.gap for row in rows if (row.attribute, row.group, row.figure) == ("site", BIASED, "miss_rate")
            ]
        print(
            json.dumps(
                {
                    "planted": {"patients": size, "q": q, "mean gap in miss rate": round(float(np.mean(missed)), 3)},
                    "found": found,
                    "claimed of another attribute": elsewhere,
                }
            ),
            flush=True,
        )
    many = enlarged(sound, np.random.default_rng(0))
    _, of_many = np.unique(np.array(many.patient_ids), return_inverse=True)
    groups = made_up(of_many, 0, np.random.default_rng(0))
    started = process_time()
    rows = compare_groups(many, groups)
    took = round(process_time() - started, 1)
    print(json.dumps({"studies": len(of_many), "rows": len(rows), "seconds": took}))


if __name__ == "__main__":
    main()
