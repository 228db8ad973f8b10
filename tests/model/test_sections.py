"""Sections of reports as radiologists dictate them. All reports here are made up."""

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.sections import sections
from model.text import sentences


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


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (
            "comparison: none. findings: clear lungs. impression: normal.",
            {"comparison": "none.", "findings": "clear lungs.", "impression": "normal."},
        ),
        ("FINDINGS: Clear.  Impression: Normal.", {"findings": "Clear.", "impression": "Normal."}),
        ("Findings\nClear.\n\nImpression\nNormal.", {"findings": "Clear.", "impression": "Normal."}),
        ("FINDINGS - Clear.\nIMPRESSION - Normal.", {"findings": "Clear.", "impression": "Normal."}),
        ("FINDINGS/ IMPRESSION: Clear lungs.", {"findings": "Clear lungs."}),
        ("FINDINGS & IMPRESSION: Clear lungs.", {"findings": "Clear lungs."}),
        ("IMPRESSION AND FINDINGS: Clear lungs.", {"findings": "Clear lungs."}),
        ("IMPRSSION:  Normal.\nFINDGINGS:  Clear.", {"impression": "Normal.", "findings": "Clear."}),
        ("IMPRESSION ON SECOND STUDY: Line moved.", {"impression": "Line moved."}),
        ("REPORT:\nThe lungs are clear.", {"findings": "The lungs are clear."}),
        ("MEDICATION: None.", {"medication": "None."}),
        (
            "HISTORY:  Cough.\n\nClear lungs.\n\nIMPRESSION:  Normal.",
            {"indication": "Cough.", "body": "Clear lungs.", "impression": "Normal."},
        ),
        ("DATE: ___\n\nClear lungs.", {"date": "___", "body": "Clear lungs."}),
        ("the lungs are clear.\nno effusion.", {"body": "the lungs are clear. no effusion."}),
        ("THE LUNGS ARE CLEAR.\n\nNO EFFUSION.", {"body": "THE LUNGS ARE CLEAR.\n\nNO EFFUSION."}),
        ("COMPARISON: None\r\n\r\nFINDINGS: Clear.\r\n", {"comparison": "None", "findings": "Clear."}),
        (
            "IMPRESSION: No change since the prior\nstudy\nof the chest.",
            {"impression": "No change since the prior study of the chest."},
        ),
    ],
)
def test_further_forms_of_headers(report: str, expected: dict[str, str]) -> None:
    assert sections(report) == expected


def test_headers_that_name_the_anatomy_are_words_of_the_findings() -> None:
    report = "FINDINGS:\nLINES AND TUBES: None.\nLUNGS: Clear.\nHEART: Normal.\nIMPRESSION: Normal."
    found = sections(report)
    assert found == {
        "findings": "LINES AND TUBES: None.\n\nLUNGS: Clear.\n\nHEART: Normal.",
        "impression": "Normal.",
    }
    assert sections("COMPARISON: None.\nLUNGS: Clear.") == {"comparison": "None.", "body": "LUNGS: Clear."}


def test_a_title_within_the_findings_continues_them() -> None:
    found = sections("FINDINGS: Clear.\nLATERAL VIEW: No effusion.\nIMPRESSION: Normal.")
    assert found["findings"] == "Clear.\n\nNo effusion."


def test_an_addendum_stands_apart_above_or_below() -> None:
    above = "FINAL ADDENDUM\n ADDENDUM:  Told to Dr. ___.\n______________\n FINAL REPORT\n FINDINGS: Clear.\n"
    below = "FINDINGS: Clear.\n\nADDENDUM:\n\nTold to Dr. ___.\n\nAt noon.\n"
    assert sections(above) == {"findings": "Clear."}
    assert sections(below) == {"findings": "Clear.", "addendum": "Told to Dr. ___.\n\nAt noon."}


def test_a_wet_read_below_or_alone_is_no_finding() -> None:
    report = " FINAL REPORT\n FINDINGS: Clear.\n\n WET READ VERSION #1 ___ ___ 8:13 PM\n  Possible pneumonia.\n"
    found = sections(report)
    assert found["findings"] == "Clear."
    assert found["wet read"].endswith("Possible pneumonia.")
    assert list(sections("WET READ: ___ 8:13 PM\n No pneumothorax.\n")) == ["wet read"]
    assert sections("Wet read: No edema.") == {"wet read": "No edema."}


WORD = st.text("abcdefghij", min_size=1, max_size=6)
PARAGRAPH = st.lists(WORD, min_size=1, max_size=9).map(lambda words: " ".join(words).capitalize() + ".")
HEADER = st.sampled_from(
    [
        *("FINDINGS:", "Findings:", "IMPRESSION:\n", "IMPRESSION\n", "COMPARISON:", "TECHNIQUE: ", "REPORT:"),
        *("WET READ:", "HISTORY:", "FINDINGS AND IMPRESSION:", "PORTABLE CHEST:", "NOTE:", "LUNGS:", "ADDENDUM:", ""),
    ]
)


@given(st.lists(st.tuples(HEADER, st.lists(PARAGRAPH, min_size=1, max_size=3)), min_size=1, max_size=6))
def test_every_word_under_a_header_ends_in_some_section(parts: list[tuple[str, list[str]]]) -> None:
    report = "\n\n".join(f"{header} " + "\n\n".join(paragraphs) for header, paragraphs in parts)
    given_words = sorted(word for _, paragraphs in parts for p in paragraphs for word in p.split())
    found = [word for text in sections(report).values() for word in text.split() if word != "LUNGS:"]
    assert sorted(found) == given_words


@given(st.text(st.sampled_from("aF:.\n \tINDGSimpreson1_/-"), max_size=80))
def test_no_text_makes_a_section_that_is_empty_or_loose(report: str) -> None:
    for name, text in sections(report).items():
        assert name
        assert text == text.strip() != ""
        assert "\n\n\n" not in text
