"""Sentences as radiologists write them, and what they state."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.findings import OBSERVATIONS, Certainty
from model.labeler import anatomy_of, explain, label_sentence
from model.labeler.spelling import respelled

DEFINITE, LIKELY, POSSIBLE, NEGATED = Certainty.DEFINITE, Certainty.LIKELY, Certainty.POSSIBLE, Certainty.NEGATED


def stated(sentence: str) -> dict[str, Certainty]:
    return {finding.observation: finding.certainty for finding in label_sentence(sentence)}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Small left pleural effusion.", {"Pleural Effusion": DEFINITE}),
        ("Mild cardiomegaly.", {"Cardiomegaly": DEFINITE}),
        ("Multifocal airspace opacities.", {"Lung Opacity": DEFINITE}),
        ("Acute fracture of the fifth rib.", {"Fracture": DEFINITE}),
        ("Biapical pleural thickening.", {"Pleural Other": DEFINITE}),
        ("The endotracheal tube ends 4 cm above the carina.", {"Support Devices": DEFINITE}),
        ("A 2 cm nodule.", {"Lung Lesion": DEFINITE}),
        ("Hydropneumothorax.", {"Pneumothorax": DEFINITE}),
        ("The lungs are clear.", {}),
        ("Frontal view of the chest.", {}),
    ],
)
def test_it_reads_what_is_stated(sentence: str, expected: dict[str, Certainty]) -> None:
    assert stated(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "No pneumothorax.",
        "There is no evidence of pneumothorax.",
        "Negative for pneumothorax.",
        "The lungs are clear without pneumothorax.",
        "The lungs are free of pneumothorax.",
        "Pneumothorax is not seen.",
        "No definite pneumothorax is identified.",
        "Neither effusion nor pneumothorax.",
        "The pneumothorax has resolved.",
        "Interval resolution of the pneumothorax.",
        "Previously seen pneumothorax is no longer visualized.",
        "Pneumothorax: none.",
        "No consolidation, large pleural effusion, or pneumothorax.",
        "Absence of pneumothorax.",
        "The study does not demonstrate a pneumothorax.",
    ],
)
def test_it_reads_what_is_denied(sentence: str) -> None:
    assert stated(sentence)["Pneumothorax"] is NEGATED


@pytest.mark.parametrize(
    "sentence",
    [
        "No change in the pleural effusion.",
        "No significant interval change in the pleural effusion.",
        "Pleural effusion, not significantly changed.",
        "The pleural effusion has not resolved.",
        "No interval increase in the pleural effusion.",
        "Not only atelectasis but also a pleural effusion.",
        "Decreased but persistent pleural effusion.",
        "No pneumothorax, small pleural effusion.",
        "No pneumothorax, but a pleural effusion.",
        "There is no pneumothorax; pleural effusion is unchanged.",
        "No abnormality other than a small pleural effusion.",
        "No pneumothorax is seen, pleural effusion at the right base.",
        "No pneumothorax however there is a pleural effusion.",
        "No pneumothorax and there is a pleural effusion.",
        "A nodule not seen on the lateral view and a pleural effusion.",
    ],
)
def test_a_denial_reaches_no_further_than_it_should(sentence: str) -> None:
    assert stated(sentence)["Pleural Effusion"] is DEFINITE


@pytest.mark.parametrize(
    ("sentence", "certainty"),
    [
        ("Pneumonia cannot be excluded.", POSSIBLE),
        ("Cannot exclude pneumonia.", POSSIBLE),
        ("No evidence to exclude pneumonia.", POSSIBLE),
        ("No new pneumonia.", POSSIBLE),
        ("Possible pneumonia.", POSSIBLE),
        ("Questionable pneumonia.", POSSIBLE),
        ("Findings are concerning for pneumonia.", POSSIBLE),
        ("This may represent pneumonia.", POSSIBLE),
        ("This could be due to pneumonia.", POSSIBLE),
        ("Pneumonia is unlikely.", POSSIBLE),
        ("Findings suggestive of pneumonia.", POSSIBLE),
        ("The differential includes pneumonia.", POSSIBLE),
        ("Correlate clinically for pneumonia.", POSSIBLE),
        ("Pneumonia?", POSSIBLE),
        ("Pneumonia is suspected.", POSSIBLE),
        ("Likely pneumonia.", LIKELY),
        ("Probable pneumonia.", LIKELY),
        ("Most consistent with pneumonia.", LIKELY),
        ("Compatible with pneumonia.", LIKELY),
        ("Pneumonia or aspiration.", DEFINITE),
        ("Atelectasis or pneumonia.", LIKELY),
        ("Atelectasis versus pneumonia.", LIKELY),
        ("Possible atelectasis or pneumonia.", POSSIBLE),
        ("No atelectasis or pneumonia.", NEGATED),
        ("Probably not pneumonia.", NEGATED),
        ("Pneumonia is present.", DEFINITE),
    ],
)
def test_it_grades_certainty(sentence: str, certainty: Certainty) -> None:
    assert stated(sentence)["Pneumonia"] is certainty


@pytest.mark.parametrize(
    "sentence",
    [
        "History of pneumonia.",
        "Evaluate for pneumonia.",
        "If there is clinical concern for pneumonia, repeat the radiograph.",
        "Patient at risk for pneumonia.",
    ],
)
def test_what_is_not_said_of_this_image_is_no_finding(sentence: str) -> None:
    assert "Pneumonia" not in stated(sentence)


def test_a_history_ends_where_the_present_begins() -> None:
    assert stated("History of lung cancer, now with a new pleural effusion.") == {"Pleural Effusion": DEFINITE}


def test_of_alternatives_that_explain_an_opacity_the_opacity_stays_certain() -> None:
    assert stated("Left basilar opacity, which may represent atelectasis or pneumonia.") == {
        "Lung Opacity": DEFINITE,
        "Atelectasis": POSSIBLE,
        "Pneumonia": POSSIBLE,
    }


@pytest.mark.parametrize(
    ("sentence", "certainty"),
    [
        ("The heart is enlarged.", DEFINITE),
        ("The heart size is stable and mildly enlarged.", DEFINITE),
        ("Prominent cardiac silhouette.", DEFINITE),
        ("Borderline heart size.", LIKELY),
        ("Cardiac silhouette is unchanged.", POSSIBLE),
        ("Heart size is normal.", NEGATED),
        ("Normal heart size and mediastinal contours.", NEGATED),
        ("The heart and the aorta are normal.", NEGATED),
        ("Heart size is within normal limits, large left effusion.", NEGATED),
        ("The heart is at the upper limits of normal.", NEGATED),
        ("The cardiac silhouette is not enlarged.", NEGATED),
        ("No cardiac enlargement.", NEGATED),
    ],
)
def test_a_structure_says_what_its_predicate_says(sentence: str, certainty: Certainty) -> None:
    assert stated(sentence)["Cardiomegaly"] is certainty


@pytest.mark.parametrize(
    "sentence", ["Opacity behind the heart.", "The heart and lungs are seen.", "Catheter tip overlies the heart."]
)
def test_a_structure_alone_states_nothing(sentence: str) -> None:
    assert "Cardiomegaly" not in stated(sentence)


@pytest.mark.parametrize(
    ("sentence", "observation"),
    [
        ("Pericardial effusion.", "Pleural Effusion"),
        ("No mass effect on the trachea.", "Lung Lesion"),
        ("Lytic lesion of the fifth rib.", "Lung Lesion"),
        ("Soft tissue edema.", "Edema"),
        ("Vertebral collapse.", "Atelectasis"),
    ],
)
def test_words_of_something_else_do_not_count(sentence: str, observation: str) -> None:
    assert observation not in stated(sentence)


def test_two_structures_can_share_and_split_predicates() -> None:
    assert stated("Heart size and mediastinal contours are within normal limits.") == {
        "Cardiomegaly": NEGATED,
        "Enlarged Cardiomediastinum": NEGATED,
    }
    assert stated("The mediastinum is unremarkable and the heart is enlarged.") == {
        "Cardiomegaly": DEFINITE,
        "Enlarged Cardiomediastinum": NEGATED,
    }


def test_capitals_line_ends_and_hyphens_make_no_difference() -> None:
    plain = label_sentence("no air space disease in the left lower lobe")
    assert plain == label_sentence("NO AIR-SPACE\n disease in the LEFT  lower lobe")
    assert plain[0].observation == "Lung Opacity"


def test_explain_names_the_words() -> None:
    [effusion, pneumothorax] = explain("Small left pleural effusion without pneumothorax.")
    assert effusion.words == ("pleural effusion",)
    assert pneumothorax.words == ("pneumothorax", "without")
    [heart] = explain("The heart is not enlarged.")
    assert heart.words == ("heart", "enlarged", "not")
    [history] = explain("History of pneumonia.")
    assert history.certainty is None


def test_a_misspelled_name_is_shown_as_it_was_written() -> None:
    [effusion, pneumothorax, heart] = explain("Small plueral efffusion, nopneumothorax, mild cardiomegally.")
    assert effusion.words == ("plueral efffusion",)
    assert (pneumothorax.certainty, pneumothorax.words) == (NEGATED, ("pneumothorax", "no"))
    assert heart.words == ("cardiomegally",)


@pytest.mark.parametrize("word", ["infusion", "diffusion", "opacify", "opacified", "pneumonic", "pleurae", "fractured"])
def test_other_words_are_not_taken_for_misspellings(word: str) -> None:
    assert respelled(word).text == word


@pytest.mark.parametrize(
    ("sentence", "anatomy"),
    [
        ("The heart is enlarged.", ("heart",)),
        ("Opacity in the right lower lobe.", ("right lung",)),
        ("The lungs are clear and the costophrenic angles are sharp.", ("lungs", "costophrenic angles")),
        ("The cardiomediastinal silhouette is normal.", ("mediastinum",)),
        ("Thank you.", ()),
    ],
)
def test_anatomy_is_what_the_sentence_names(sentence: str, anatomy: tuple[str, ...]) -> None:
    assert anatomy_of(sentence) == anatomy


VOCABULARY = """
    no not without possible likely history of heart lungs effusion pneumonia opacity pneumothorax left right base
    normal enlarged and or , ; . but cannot exclude / new XXXX ( ) [ ? 2.5
"""


@given(st.lists(st.sampled_from(VOCABULARY.split()), max_size=40).map(" ".join))
def test_any_words_get_findings_of_the_fourteen(sentence: str) -> None:
    assert all(finding.observation in OBSERVATIONS for finding in label_sentence(sentence))
    assert all(words == words.strip() and words for reason in explain(sentence) for words in reason.words)


def test_importing_the_labeler_stays_light() -> None:
    code = "import sys, model.labeler; sys.exit(bool({'torch', 'nltk', 'transformers', 'timm'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)
