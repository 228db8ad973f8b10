"""Sections and sentences of reports as radiologists dictate them. All reports here are made up."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import sections, sentences

# -- sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The lungs are clear. No effusion.", ["The lungs are clear.", "No effusion."]),
        ("A nodule of 2.5 cm. It was 2.1 cm.", ["A nodule of 2.5 cm.", "It was 2.1 cm."]),
        ("Called to Dr. Smith at 9:30 a.m. on ___.", ["Called to Dr. Smith at 9:30 a.m. on ___."]),
        ("Seen by Dr. J. Smith. No change.", ["Seen by Dr. J. Smith.", "No change."]),
        ("Reported at 8:13 p.m. The line is high.", ["Reported at 8:13 p.m.", "The line is high."]),
        ("1. No pneumothorax. 2. Effusion, stable.", ["No pneumothorax.", "Effusion, stable."]),
        ("1. Cardiomegaly\n2. Small effusion", ["Cardiomegaly", "Small effusion"]),
        ("1) Clear lungs. 2) Normal heart.", ["Clear lungs.", "Normal heart."]),
        ("- Clear lungs\n- Normal heart", ["Clear lungs", "Normal heart"]),
        ("Compared to ___. No change since ___.", ["Compared to ___.", "No change since ___."]),
        ("Dr. ___ was told. ___ agreed.", ["Dr. ___ was told.", "___ agreed."]),
        ("The heart is\n enlarged. The\n aorta is\n tortuous.", ["The heart is enlarged.", "The aorta is tortuous."]),
        ("Opacity ... may be atelectasis.", ["Opacity ... may be atelectasis."]),
        ("Opacity at the base... Follow up.", ["Opacity at the base...", "Follow up."]),
        ("? pneumonia at the left base.", ["? pneumonia at the left base."]),
        ("Is it new? Probably not.", ["Is it new?", "Probably not."]),
        ("no effusion. heart size normal.", ["no effusion.", "heart size normal."]),
        ("Effusion vs. thickening, i.e. pleural disease.", ["Effusion vs. thickening, i.e. pleural disease."]),
        ("Fracture of T12. L1 is intact.", ["Fracture of T12.", "L1 is intact."]),
        ("Tube in place (see above). Line removed.", ["Tube in place (see above).", "Line removed."]),
        ("Heart normal\n\nLungs clear", ["Heart normal", "Lungs clear"]),
        ("The tip lies 3 cm above the carina.", ["The tip lies 3 cm above the carina."]),
        ("Lungs clear.  \r\nHeart normal.", ["Lungs clear.", "Heart normal."]),
        ("  \n ", []),
        ("...", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


PLAIN = st.text(st.characters(codec="ascii", categories=("Lu", "Ll", "Zs")), min_size=3).map(
    lambda words: " ".join(words.split()).capitalize()
)


@given(st.lists(PLAIN.filter(lambda text: len(text) > 8), max_size=8))
def test_sentences_of_joined_sentences_are_those_sentences(texts: list[str]) -> None:
    whole = [f"{text} noted." for text in texts]
    assert sentences(" ".join(whole)) == whole
    assert sentences("\n".join(f"{n}. {text}" for n, text in enumerate(whole, 1))) == whole


@given(st.text(st.sampled_from("aA1._ ?!-\n():"), max_size=60))
def test_no_letter_is_lost_and_none_invented(text: str) -> None:
    def letters(part: str) -> str:
        return "".join(c for c in part if c.isalpha())

    found = sentences(text)
    assert letters("".join(found)) == letters(text)
    assert all(sentence == " ".join(sentence.split()) and sentence for sentence in found)


# -- sections


def test_a_report_with_every_section() -> None:
    report = """
                                     FINAL REPORT
     EXAMINATION:  CHEST (PA AND LAT)

     INDICATION:  ___-year-old woman with cough  // eval for
     infiltrate

     TECHNIQUE:  Two views of the chest.

     COMPARISON:  Radiograph of ___.

     FINDINGS:

     The lungs are well expanded
     and clear.  The heart is normal.

     There is no effusion.

     IMPRESSION:

     No acute disease.

     NOTIFICATION:  None needed.
    """
    assert sections(report) == {
        "examination": "CHEST (PA AND LAT)",
        "indication": "___-year-old woman with cough // eval for infiltrate",
        "technique": "Two views of the chest.",
        "comparison": "Radiograph of ___.",
        "findings": "The lungs are well expanded and clear. The heart is normal.\n\nThere is no effusion.",
        "impression": "No acute disease.",
        "notification": "None needed.",
    }


def test_the_final_report_counts_not_the_wet_read_above_it() -> None:
    report = """\
        WET READ: ___ ___ ___ 8:13 PM
          IMPRESSION: Possible pneumonia.
        ______________________________________________________________________________
                                         FINAL REPORT
        HISTORY:  Fever.
        FINDINGS:  Lungs are clear.
        IMPRESSION:  Normal.
    """
    assert sections(dedent(report)) == {"indication": "Fever.", "findings": "Lungs are clear.", "impression": "Normal."}


def test_text_without_a_findings_header_is_the_body() -> None:
    report = """\
                                     FINAL REPORT
     AP CHEST, 5:12 A.M., ___

     REASON FOR EXAM:  Line placement.

     COMPARISON:  ___.

     The catheter ends in the right atrium.
     There is no pneumothorax.

     IMPRESSION:  Line as above.
    """
    found = sections(report)
    assert found["body"] == "The catheter ends in the right atrium. There is no pneumothorax."
    assert found["comparison"] == "___."
    assert found["examination"] == "AP CHEST, 5:12 A.M., ___"
    assert found["impression"] == "Line as above."


def test_a_title_that_names_the_view_heads_the_body() -> None:
    found = sections("COMPARISON:  None.\n\nPORTABLE UPRIGHT CHEST RADIOGRAPH:  The heart is enlarged.\n")
    assert found == {"comparison": "None.", "body": "The heart is enlarged."}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("Findings: Clear.\nImpression: Normal.", {"findings": "Clear.", "impression": "Normal."}),
        ("FINDINGS\nClear.\nIMPRESSION\nNormal.", {"findings": "Clear.", "impression": "Normal."}),
        (
            "COMPARISON: None. FINDINGS: Clear. IMPRESSION: Normal.",
            {"comparison": "None.", "findings": "Clear.", "impression": "Normal."},
        ),
        ("FINDINGS AND IMPRESSION: Clear lungs.", {"findings": "Clear lungs."}),
        ("FINDINGS: One.\nFINDINGS: Two.", {"findings": "One.\n\nTwo."}),
        ("CONCLUSION: Normal.", {"impression": "Normal."}),
        ("FINDINGS:\nIMPRESSION: Normal.", {"impression": "Normal."}),
        ("FINDINGS: Heart: normal. Lungs: clear.", {"findings": "Heart: normal. Lungs: clear."}),
        ("Just a sentence.", {"body": "Just a sentence."}),
        ("IMPRESSION:\n1. One\n2. Two", {"impression": "1. One\n2. Two"}),
        ("", {}),
        ("FINAL REPORT\n", {}),
    ],
)
def test_forms_of_headers(report: str, expected: dict[str, str]) -> None:
    assert sections(report) == expected


def test_list_items_of_a_section_stay_sentences() -> None:
    report = "IMPRESSION:\n 1.  Enlarged heart\n     without edema\n 2.  Small effusion\n"
    assert sentences(sections(report)["impression"]) == ["Enlarged heart without edema", "Small effusion"]
