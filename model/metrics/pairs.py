"""All figures of words and findings for pairs of reports."""

from collections.abc import Sequence

from model.errors import BadInput
from model.labeler import label_report
from model.metrics.bootstrap import estimates
from model.metrics.figures import Figure, mean_figure
from model.metrics.findings import findings_figures
from model.metrics.text import BLEU_VALUES, bleu_statistics, cider, rouge_l, rouge_l_f1


def text_figures(references: Sequence[str], candidates: Sequence[str]) -> tuple[Figure, ...]:
    """`bleu_1` to `bleu_4`, `meteor_exact_stem`, `rouge_l`, `rouge_l_f1` and `cider`, one row of statistics a study."""
    from model.metrics.meteor import meteor_exact_stem

    counted = bleu_statistics(references, candidates)
    pairs = list(zip(references, candidates, strict=True))
    return (
        *(Figure(name, counted, value) for name, value in BLEU_VALUES.items()),
        mean_figure("meteor_exact_stem", [meteor_exact_stem(*pair) for pair in pairs]),
        mean_figure("rouge_l", [rouge_l(*pair) for pair in pairs]),
        mean_figure("rouge_l_f1", [rouge_l_f1(*pair) for pair in pairs]),
        mean_figure("cider", cider(references, candidates)),
    )


def score_pairs(
    references: Sequence[str],
    candidates: Sequence[str],
    patients: Sequence[str] | None = None,
    extras: Sequence[Figure] = (),
) -> dict[str, float]:
    """Every figure of words and findings as NAME, NAME.low and NAME.high, with `n_studies` and `n_patients`.

    A report may be empty where it is drafted, never where it is the reference. Without `patients` each pair is a
    patient of its own. `extras` are figures of the same pairs that need more than their words, such as the weights of
    an encoder; they get the same intervals.

    Raises:
        BadInput: no pair at all, lists of different lengths, or an empty reference.
    """
    if not references or len(references) != len(candidates):
        raise BadInput(
            f"{len(references)} references, {len(candidates)} candidates",
            "each reference has one candidate, and there is at least one pair",
            "give as many of the one as of the other",
        )
    empty = next((index for index, reference in enumerate(references) if not reference.strip()), None)
    if empty is not None:
        raise BadInput(f"reference {empty}", "a reference holds words", "leave out studies without a report")
    groups = [str(index) for index in range(len(references))] if patients is None else list(patients)
    if len(groups) != len(references):
        raise BadInput(f"{len(groups)} patients", f"each of {len(references)} pairs has a patient", "name one for each")
    labelled = [[label_report(report) for report in side] for side in (references, candidates)]
    figures = [*text_figures(references, candidates), *findings_figures(*labelled), *extras]
    return estimates(figures, groups) | {
        "n_studies": len(references),
        "n_patients": len(set(groups)),
    }
