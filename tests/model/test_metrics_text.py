"""Figures of words against the tools that published them."""

import itertools
import string
import tarfile
from pathlib import Path

import numpy as np
import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st

from model.metrics.text import (
    bleu,
    bleu_statistics,
    cider,
    longest_common_subsequence,
    rouge_l,
    rouge_l_f1,
)

OPENI = Path(__file__).resolve().parents[2] / "../shared/realdata/openi"
WORDS = ["no", "effusion", "left", "the", "heart", "is", "enlarged", "normal.", "Small", "pneumothorax,"]
text = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30).map(" ".join)
pair = st.tuples(text, st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
pairs = st.lists(pair, min_size=2, max_size=6)

REPORTS = [
    ("The heart is normal in size. The lungs are clear.", "Heart size is normal. The lungs are clear."),
    ("Small left pleural effusion with adjacent atelectasis.", "There is a small left pleural effusion."),
    ("No acute cardiopulmonary abnormality.", "No acute cardiopulmonary abnormality."),
    ("Moderate cardiomegaly without overt edema.", ""),
    ("2.5 cm nodule in the right upper lobe.", "Nodule, 2.5 cm, right upper lobe."),
]


def as_coco(chosen: list[tuple[str, str]]) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    return {i: [r] for i, (r, _) in enumerate(chosen)}, {i: [c] for i, (_, c) in enumerate(chosen)}


def corpus_bleu(chosen: list[tuple[str, str]]) -> list[float]:
    sums = bleu_statistics(*zip(*chosen, strict=True)).sum(axis=0)
    return [float(bleu(sums, order)) for order in (1, 2, 3, 4)]


def check_against_coco(chosen: list[tuple[str, str]]) -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    truth, drafted = as_coco(chosen)
    expected, of_each = Bleu(4).compute_score(truth, drafted, verbose=0)
    assert corpus_bleu(chosen) == pytest.approx(expected, abs=1e-6)
    rows = bleu_statistics(*zip(*chosen, strict=True))
    assert [bleu(rows, order).tolist() for order in (1, 2, 3, 4)] == [pytest.approx(each, abs=1e-6) for each in of_each]
    assert [rouge_l(*one) for one in chosen] == pytest.approx(Rouge().compute_score(truth, drafted)[1].tolist())
    assert cider(*zip(*chosen, strict=True)) == pytest.approx(Cider().compute_score(truth, drafted)[1], abs=1e-9)


def test_reports_score_as_coco_scores_them() -> None:
    check_against_coco(REPORTS)
    check_corpus_against_nltk([one for one in REPORTS if one[1]])  # nltk counts an empty draft as one word


@settings(max_examples=50)
@given(pairs)
def test_random_words_score_as_coco_scores_them(chosen: list[tuple[str, str]]) -> None:
    check_against_coco(chosen)


@settings(max_examples=50)
@given(st.tuples(st.text(string.printable, max_size=80), st.text(string.printable, max_size=80)))
def test_rouge_l_f1_is_rouge_scores(chosen: tuple[str, str]) -> None:
    check_against_rouge_score(chosen)


def check_against_rouge_score(chosen: tuple[str, str]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    assert rouge_l_f1(*chosen) == pytest.approx(RougeScorer(["rougeL"]).score(*chosen)["rougeL"].fmeasure)


@settings(max_examples=50)
@given(pair)
def test_meteor_is_nltks_with_a_lexicon_that_knows_no_word(chosen: tuple[str, str]) -> None:
    check_against_nltk(chosen)


def check_against_nltk(chosen: tuple[str, str]) -> None:
    from nltk.translate.meteor_score import meteor_score

    from model.metrics.meteor import meteor_exact_stem

    class Empty:
        def synsets(self, word: str) -> list[object]:
            return []

    reference, candidate = chosen
    expected = meteor_score([reference.split()], candidate.split(), wordnet=Empty())
    assert meteor_exact_stem(reference, candidate) == pytest.approx(expected)


def check_corpus_against_nltk(chosen: list[tuple[str, str]]) -> None:
    from nltk.translate.bleu_score import corpus_bleu as nltk_bleu

    truth, drafted = [[reference.split()] for reference, _ in chosen], [candidate.split() for _, candidate in chosen]
    expected = [nltk_bleu(truth, drafted, weights=[1 / order] * order) for order in (1, 2, 3, 4)]
    assert corpus_bleu(chosen) == pytest.approx(expected, abs=1e-6)


def test_real_reports_score_as_the_published_tools_score_them() -> None:
    """Each of 80 OpenI reports, drafted by its neighbour."""
    archive = OPENI / "NLMCXR_reports.tgz"
    if not archive.is_file():
        pytest.skip(f"{archive} is absent: it holds real reports")
    texts = []
    with tarfile.open(archive) as reports:
        for member in itertools.islice((m for m in reports if m.name.endswith(".xml")), 80):
            parts = ElementTree.fromstring(reports.extractfile(member).read()).iter("AbstractText")
            said = [part.text or "" for part in parts if part.get("Label") in ("FINDINGS", "IMPRESSION")]
            texts.append(" ".join(" ".join(said).split()))  # COCO's ROUGE-L takes each single blank for a border
    real = [one for one in itertools.pairwise(texts) if one[0]]
    assert len(real) > 60
    check_against_coco(real)
    check_corpus_against_nltk(real)
    for one in real[:20]:
        check_against_rouge_score(one)
        check_against_nltk(one)


def test_meteor_matches_stems_and_no_synonyms() -> None:
    from model.metrics.meteor import meteor_exact_stem

    assert meteor_exact_stem("pleural effusions", "pleural effusion") == pytest.approx(1 - 0.5 * (1 / 2) ** 3)
    assert meteor_exact_stem("enlarged heart", "big heart") < 0.6
    assert meteor_exact_stem("effusion", "") == 0


@given(st.text("abc", max_size=40), st.text("abc", max_size=40))
def test_longest_common_subsequence_is_the_textbooks(a: str, b: str) -> None:
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            table[i, j] = table[i - 1, j - 1] + 1 if x == y else max(table[i - 1, j], table[i, j - 1])
    assert longest_common_subsequence(a, b) == table[-1, -1]


def test_tokens_are_what_white_space_separates() -> None:
    assert rouge_l("The heart.", "the heart") == 0
    assert rouge_l_f1("The heart.", "the heart") == 1


@given(pairs)
def test_bounds(chosen: list[tuple[str, str]]) -> None:
    assert all(0 <= score <= 1 + 1e-9 for score in corpus_bleu(chosen))
    assert all(0 <= rouge_l(*one) <= 1 for one in chosen)
    assert ((cider(*zip(*chosen, strict=True)) >= 0) & (cider(*zip(*chosen, strict=True)) <= 10 + 1e-9)).all()


def test_a_report_that_says_the_same_scores_full_marks() -> None:
    report = "The heart is normal in size and the lungs are clear."
    assert corpus_bleu([(report, report)])[3] == pytest.approx(1)
    assert rouge_l(report, report) == pytest.approx(1)
