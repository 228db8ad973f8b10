from pathlib import Path

import numpy as np
import pytest

from model.errors import BadInput
from model.faithfulness import Occlusion, occlusion_figures
from model.labeler import label_report
from model.metrics import estimates, findings_figures, mean_figure, text_figures
from pipelines.statistics import Statistics, read_statistics, write_statistics

REFERENCES = ["Small left pleural effusion.", "No pneumothorax.", "The heart is enlarged."]
CANDIDATES = ["Left pleural effusion.", "The lungs are clear.", "Cardiomegaly."]
IDS, PATIENTS = ("s1", "s2", "s3"), ("p1", "p1", "p2")


def statistics() -> Statistics:
    labels = [[label_report(report) for report in side] for side in (REFERENCES, CANDIDATES)]
    figures = [
        *text_figures(REFERENCES, CANDIDATES),
        *findings_figures(*labels),
        *occlusion_figures([Occlusion(0, "Cardiomegaly", 3.0, 0.5), Occlusion(2, "Edema", 2.0, 1.0)], 3),
        mean_figure("miou", [0.5, float("nan"), 0.25]),
    ]
    return Statistics(IDS, PATIENTS, {figure.name: figure for figure in figures})


def test_figures_and_their_intervals_come_back_from_the_file(tmp_path: Path) -> None:
    written = statistics()
    write_statistics(written, tmp_path / "statistics.parquet")
    read = read_statistics(tmp_path / "statistics.parquet")
    assert (read.study_ids, read.patient_ids) == (IDS, PATIENTS)
    before, after = (estimates(list(s.figures.values()), s.patient_ids) for s in (written, read))
    assert before.keys() == after.keys()
    np.testing.assert_array_equal(list(before.values()), list(after.values()))


def test_some_studies_alone_give_their_own_figures() -> None:
    some = statistics().of([2, 0])
    assert some.patient_ids == ("p2", "p1")
    assert some.figures["miou"]() == 0.375
    assert some.figures["findings_micro_f1"]() == 1.0
    assert some.figures["occlusion_ratio"]() == pytest.approx(2.5 / 0.75)


def test_a_model_that_was_not_evaluated_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="radassist evaluate"):
        read_statistics(tmp_path / "statistics.parquet")
