"""The tallies of an exploration, against numbers worked out by hand and against what they must add up to."""

import math
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.findings import OBSERVATIONS
from model.study import Section, Study
from model.tokenizer import ReportTokenizer
from pipelines.exploration import observations as obs
from pipelines.exploration.disclosure import disclosed
from pipelines.exploration.groups import by_group
from pipelines.exploration.lengths import length_by_findings, report_lengths
from pipelines.exploration.regions import frontal_ids
from pipelines.exploration.survey import Survey, survey
from pipelines.exploration.tables import flat_figures, observations
from pipelines.exploration.terms import TermCounts, concept, medical_terms, other_terms, terms_of
from pipelines.exploration.vocabulary import TokenCounts, cuts, pieces, used_tokens
from pipelines.manifest import SCHEMA, SentenceRow, StudyRow
from pipelines.sources import open_source

OPENI = Path(__file__).parents[3] / "shared" / "realdata" / "openi"

NORMAL = "No pneumothorax or pleural effusion."
# (view, site, findings, impression, the labels that the set brings)
STUDIES: list[tuple[str | None, str | None, list[str], list[str], dict[str, int] | None]] = [
    ("PA", "North", ["The heart is enlarged.", "Small left pleural effusion."], ["Cardiomegaly."], {"Cardiomegaly": 1}),
    ("PA", "North", ["The lungs are clear.", NORMAL], [], {"No Finding": 1, "Pleural Effusion": 0}),
    ("AP", "North", [], ["Possible pneumonia."], {"Pneumonia": -1}),
    ("AP", "South", [], [], {"Edema": 1}),
    (None, None, ["Left pleural effusion with atelectasis."], [], None),
]


def row(
    number: int, view: str | None, site: str | None, findings: list[str], impression: list[str], labels: object
) -> StudyRow:
    blank: SentenceRow = {"text": "", "section": "", "groundable": None, "mask": None, "boxes": None}
    named = [(Section.FINDINGS, text) for text in findings] + [(Section.IMPRESSION, text) for text in impression]
    known = {
        "study_id": f"s{number}",
        "patient_id": f"p{number // 2}",
        "images": [{"member": f"{number}.png", "view": view}] if view else [],
        "sentences": [{**blank, "text": text, "section": section.value} for section, text in named],
        "labels": labels,
        "site": site,
    }
    return {**dict.fromkeys(SCHEMA.names), **known}  # type: ignore[typeddict-item]


@pytest.fixture(scope="module")
def surveyed() -> Survey:
    texts = [text for _, _, findings, impression, _ in STUDIES for text in (*findings, *impression)]
    rows = [row(number, *study) for number, study in enumerate(STUDIES)]
    return survey(rows, ReportTokenizer.train(texts, 300))


def test_five_studies_by_hand(surveyed: Survey) -> None:
    figures = flat_figures(surveyed, None, max_tokens=1000)
    assert surveyed.studies.findings_words.tolist()[:2] == [8, 9]
    assert surveyed.studies.report_words.fillna(0).tolist() == [9, 9, 2, 0, 5]
    assert surveyed.studies.impression_words.fillna(0).tolist() == [1, 0, 2, 0, 0]
    assert {name: figures[name] for name in ("n_studies", "n_patients", "n_reports")} == {
        "n_studies": 5,
        "n_patients": 3,
        "n_reports": 4,
    }
    assert figures["median_report_words"] == 7.0  # of 2, 5, 9, 9
    assert figures["p95_report_words"] == 9.0
    assert figures["mean_findings_per_study"] == 1.0  # 2, 0, 0 and 2 of the four reports
    assert figures["share_truncated"] == 0.0
    assert figures["unknown_share"] == 0.0
    # ranks of the lengths 3.5 3.5 1 2, of the findings 3.5 1.5 1.5 3.5
    assert figures["length_findings_spearman"] == pytest.approx(1 / math.sqrt(18))


def test_what_the_set_says_stands_beside_what_the_reports_say(surveyed: Survey) -> None:
    table = observations(surveyed)
    assert table.loc["Cardiomegaly"].drop("kappa").tolist() == [1, 0, 0, 3, 1, 0, 0, 3]
    assert table.loc["Pleural Effusion"].drop("kappa").tolist() == [0, 0, 1, 3, 2, 0, 1, 1]
    assert table.loc["Pneumonia", "read_uncertain"] == 1
    assert table.loc["Edema"].drop("kappa").tolist() == [1, 0, 0, 3, 0, 0, 0, 4]
    assert table.kappa.isna().all()  # of fewer than five positive studies none is told


def test_a_set_without_reports_is_described_by_its_own_labels() -> None:
    found = survey(
        [row(0, "PA", None, [], [], {"Edema": 1}), row(1, "PA", None, [], [], {"Edema": 1, "Fracture": 1})], None
    )
    figures = flat_figures(found, None, max_tokens=128)
    assert figures["mean_findings_per_study"] == 1.5
    assert [figures[n] for n in ("median_report_words", "share_truncated", "vocabulary_size", "tokens_per_word")] == [
        None
    ] * 4
    assert list(observations(found)) == [f"given_{name}" for name in obs.STATED]


def test_cohens_kappa_of_the_textbook() -> None:
    # 50 studies: both 20, the first alone 5, the second alone 10, neither 15: kappa 0.4
    first, second = (np.full((50, 14), obs.UNMENTIONED, np.int8) for _ in range(2))
    first[:25, 2] = 1
    second[:20, 2] = second[25:35, 2] = 1
    unlabelled = np.full((7, 14), obs.UNKNOWN, np.int8)
    kappa = obs.agreement(np.vstack([first, unlabelled]), np.vstack([second, unlabelled]))
    assert kappa["Cardiomegaly"] == pytest.approx(0.4)
    assert np.isnan(kappa["Edema"])
    assert obs.agreement(unlabelled, unlabelled).isna().all()


labelings = st.lists(
    st.one_of(st.none(), st.dictionaries(st.sampled_from(OBSERVATIONS), st.sampled_from([1, 0, -1, None]))), min_size=1
)


@settings(max_examples=25)
@given(labelings, st.data())
def test_tables_add_up(found: list[dict[str, int | None] | None], data: st.DataObject) -> None:
    labels = obs.gathered([obs.codes(one) for one in found])
    counts, together = obs.frequencies(labels), obs.co_occurrence(labels)
    assert (counts.sum(axis=1) == sum(one is not None for one in found)).all()
    assert together.equals(together.T)
    assert np.diag(together).tolist() == counts.positive.tolist()
    assert obs.findings_per_study(labels).sum() == counts.positive.iloc[1:].sum()
    sites = data.draw(st.lists(st.sampled_from([None, *"ABCDEFGHIJKL"]), min_size=len(found), max_size=len(found)))
    studies = pd.DataFrame({"patient_id": [f"p{i}" for i in range(len(found))], "site": pd.Series(sites, dtype=object)})
    groups = by_group(studies.assign(report_words=1.0), "site", labels)
    if any(sites):
        assert groups.studies.sum() == groups.patients.sum() == len(found)
        assert groups[list(obs.FINDINGS)].sum().tolist() == counts.positive.iloc[1:].tolist()
        assert len(groups) <= 10
        assert groups.index.is_unique
    else:
        assert groups.empty


def test_groups_by_hand() -> None:
    sites = ["A"] * 6 + ["B"] * 5 + [c for c in "CDEFGHIJ" for _ in range(2)] + [None]
    n = len(sites)
    studies = pd.DataFrame(
        {"patient_id": [f"p{i // 2}" for i in range(n)], "site": sites, "report_words": np.arange(n, dtype=float)}
    )
    labels = np.full((n, 14), obs.UNMENTIONED, np.int8)
    labels[[0, 1, 6], 2] = 1
    labels[11:] = obs.UNKNOWN
    table = by_group(studies, "site", labels)
    assert table.index.tolist() == ["A", "B", *"CDEFGH", "others", "not known"]
    assert table.studies.tolist() == [6, 5, 2, 2, 2, 2, 2, 2, 4, 1]
    assert table.loc["A", ["patients", "median_words", "Cardiomegaly"]].tolist() == [3, 2.5, 2]
    assert table.loc["A", "mean_findings"] == pytest.approx(1 / 3)
    assert table.loc["B", "mean_findings"] == pytest.approx(1 / 5)
    assert table.loc["C", ["labelled", "Cardiomegaly"]].tolist() == [0, 0]
    assert table.loc["C":, ["median_words", "mean_findings"]].isna().all(axis=None)  # of fewer than five


def test_lengths_and_boxes_leave_out_what_too_few_reports_have() -> None:
    blank = {name: [np.nan] * 9 for name in ("impression_words", "report_tokens")}
    words = pd.Series([10.0, 20, 30, 40, 50, 60, 70, 80, np.nan])
    lengths = report_lengths(pd.DataFrame({**blank, "findings_words": words, "report_words": words}))
    assert lengths.index.tolist() == ["findings, words", "whole report, words"]
    assert lengths.loc["whole report, words", ["reports", "mean", "p25", "median"]].tolist() == [8, 45, 27.5, 45]
    boxes = length_by_findings(words, np.array([12, 0, 0, 0, 9, 8, 8, 11, 0]))
    assert boxes.index.tolist() == [8]
    assert boxes.loc[8, ["reports", "p25", "median"]].tolist() == [5, 50, 60]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 20), min_size=1))
def test_no_count_from_one_to_four_is_told(counts: list[int]) -> None:
    table = disclosed(pd.DataFrame({"studies": counts, "share": [c / 20 for c in counts]}))
    assert [c for c in table.studies if c != "< 5"] == [c for c in counts if c == 0 or c >= 5]
    assert table.share.tolist() == [c / 20 for c in counts]


def counted(reports: list[tuple[str, list[str]]]) -> TermCounts:
    """Counts of (patient, sentences)."""
    terms, seen = TermCounts(), set()
    for patient, sentences in reports:
        terms.add(sentences, first_of_patient=patient not in seen)
        seen.add(patient)
    return terms


@pytest.mark.parametrize(
    ("sentence", "terms"),
    [
        ("No pleural effusion, pneumothorax.", ["pleural", "effusion", "pleural effusion", "pneumothorax"]),
        ("XXXX ___ of the right-sided 2.5 cm mass", ["right-sided", "cm", "mass", "cm mass"]),
        ("There is no", []),
    ],
)
def test_terms_are_words_and_neighbours(sentence: str, terms: list[str]) -> None:
    assert list(terms_of(sentence)) == terms


@pytest.mark.parametrize(
    ("term", "stands_for"),
    [
        ("focal consolidation", ("finding", "Consolidation")),
        ("endotracheal tube", ("finding", "Support Devices")),
        ("cardiomediastinal silhouette", ("anatomy", "mediastinum")),
        ("lower lobe", None),
        ("left upper", None),
        ("lungs clear", None),
        ("follow-up", None),
    ],
)
def test_a_medical_term_is_one_that_the_lexicon_has_as_a_whole(term: str, stands_for: tuple[str, str] | None) -> None:
    assert concept(term) == stands_for


def test_medical_terms_by_hand() -> None:
    reports = [(f"p{i}", ["No pleural effusion.", "Heart size is normal."]) for i in range(9)]
    reports += [("p9", ["Pleural effusion."]), ("p10", ["Effusions."])]
    table = medical_terms(counted(reports))
    # "effusion", "pleural" and "heart" stand in one pair in every report; "effusions" stands in one report alone
    assert table.values.tolist() == [
        ["pleural effusion", "finding", "Pleural Effusion", 10, 10 / 11],
        ["heart size", "anatomy", "heart", 9, 9 / 11],
    ]


def test_unknown_terms_are_weighed_by_tf_idf_and_a_name_is_not_told() -> None:
    reports = [(f"p{i}", ["Sail sign."] if i < 5 else ["Normal."]) for i in range(10)]
    reports += [("p11", ["Reported to Quillfeather."]) for _ in range(10)]  # ten reports of one patient
    table = other_terms(counted(reports)).set_index("term")
    assert table.index.tolist() == ["sail sign"]
    assert table.loc["sail sign", ["reports", "tf_idf"]].tolist() == [5, pytest.approx(5 * math.log(20 / 5))]


words = st.text("abc é.,ü肺", min_size=1, max_size=12).filter(str.strip)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(Section), words), max_size=6))
def test_a_report_has_as_many_tokens_as_the_model_is_given(drafted: list[tuple[Section, str]]) -> None:
    tokenizer = ReportTokenizer.train(["a b abc", "cab.", "肺"], 270)
    ordered = sorted(drafted, key=lambda one: one[0] is Section.IMPRESSION)
    rows: list[SentenceRow] = [
        {"text": text, "section": section, "groundable": None, "mask": None, "boxes": None} for section, text in ordered
    ]
    counts = TokenCounts(tokenizer)
    assert counts.add(rows, first_of_patient=True) == len(tokenizer.encode(ordered, 10_000).ids)
    assert counts.unfaithful == 0  # every byte is in the alphabet


def test_a_sentence_that_does_not_come_back_is_counted() -> None:
    tokenizer = ReportTokenizer.train(["ab"], 260)
    counts = TokenCounts(tokenizer)
    plain: SentenceRow = {"text": "ab", "section": "findings", "groundable": None, "mask": None, "boxes": None}
    counts.add([plain, {**plain, "text": "a <impression> b"}], first_of_patient=True)
    assert counts.unknown_share == 0.5


def test_tokens_of_few_patients_are_not_told() -> None:
    tokenizer = ReportTokenizer.train(["Quillfeather"] * 9 + ["lungs clear"] * 9, 400)
    counts = TokenCounts(tokenizer)
    plain: SentenceRow = {"text": "", "section": "findings", "groundable": None, "mask": None, "boxes": None}
    for _ in range(6):
        counts.add([{**plain, "text": "lungs clear"}], first_of_patient=True)
    for report in range(9):
        counts.add([{**plain, "text": "Quillfeather"}], first_of_patient=report == 0)
    table = used_tokens(counts)
    assert table.token.tolist() == ["␣clear", "␣lungs"]
    assert table.share.tolist() == [6 / 21, 6 / 21]
    assert counts.tokens_per_word == 1.0


def test_words_are_cut_as_the_tokenizer_cuts_them() -> None:
    tokenizer = ReportTokenizer.train(["pneumothorax"] * 5, 400)
    shown = dict(cuts(tokenizer))
    assert shown["pneumothorax"] == ["␣pneumothorax"]
    assert len(shown["atelectasis"]) == len(pieces(tokenizer, "atelectasis")) > 1
    assert "".join(shown["atelectasis"]) == "␣atelectasis"


def test_a_lateral_image_is_not_frontal_and_an_unknown_one_may_be() -> None:
    views = {"a": "PA", "b": "AP AXIAL", "c": None, "d": "LATERAL", "e": "LL"}
    studies = pd.DataFrame({"study_id": list(views), "view": list(views.values())})
    assert frontal_ids(studies) == {"a", "b", "c"}


@pytest.mark.skipif(not OPENI.is_dir(), reason="the OpenI reports are not there")
def test_the_openi_reports() -> None:
    """Terms that everybody writes come first, and the labeler agrees with the gold labels beside them."""
    studies = [study for study in islice(open_source("openi", OPENI).studies(), 1200) if isinstance(study, Study)]
    rows = (
        row(number, None, None, [s.text for s in study.sentences], [], study.labels)
        for number, study in enumerate(studies)
    )
    found = survey(rows, None)
    terms = medical_terms(found.terms)
    assert len(terms) == 50
    assert {"pneumothorax", "pleural effusion", "heart size", "cardiomediastinal silhouette"} <= set(terms.term[:20])
    kappa = observations(found).kappa
    assert (kappa[["Cardiomegaly", "Pleural Effusion"]] > 0.7).all()
