"""The figures of whole sets of reports."""

import subprocess
import sys

import pytest

from model.errors import BadInput
from model.metrics import score_pairs

NORMAL = "The heart is normal in size. The lungs are clear. No pneumothorax or pleural effusion."
SICK = "The heart is enlarged. There is a small left pleural effusion. No pneumothorax."


def test_a_constant_normal_report_may_read_well_and_find_nothing() -> None:
    figures = score_pairs([NORMAL, NORMAL, SICK, SICK], [NORMAL] * 4)
    assert figures["bleu_4"] > 0.4
    assert figures["findings_micro_f1_5"] == 0


def test_perfect_drafts() -> None:
    figures = score_pairs([NORMAL, SICK], [NORMAL, SICK])
    for name in ("bleu_4", "rouge_l", "rouge_l_f1", "findings_micro_f1", "findings_macro_f1"):
        assert (figures[name], figures[f"{name}.low"]) == pytest.approx((1, 1))


def test_patients_are_whole_in_the_interval() -> None:
    references, drafts = [NORMAL, SICK] * 10, [NORMAL] * 20
    each = score_pairs(references, drafts)
    pairs_of_one = score_pairs(references, drafts, [str(i // 2) for i in range(20)])
    assert pairs_of_one["rouge_l"] == each["rouge_l"]
    assert pairs_of_one["rouge_l.low"] == pytest.approx(pairs_of_one["rouge_l"])
    assert each["rouge_l.low"] < each["rouge_l"] - 0.01
    assert (pairs_of_one["n_studies"], pairs_of_one["n_patients"]) == (20, 10)


@pytest.mark.parametrize(
    ("references", "drafts", "patients"),
    [([], [], None), ([NORMAL], [], None), ([" "], [NORMAL], None), ([NORMAL], [NORMAL], ["a", "b"])],
)
def test_what_cannot_be_scored_is_refused(references: list[str], drafts: list[str], patients: list[str] | None) -> None:
    with pytest.raises(BadInput):
        score_pairs(references, drafts, patients)


def test_importing_the_metrics_stays_light() -> None:
    code = "import sys, model.metrics; sys.exit(bool({'torch', 'nltk', 'pandas'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
