"""Sentences of reports as radiologists dictate them. All reports here are made up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import sentences


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
        ("No effusion.The heart is big.", ["No effusion.", "The heart is big."]),
        ("Line as described on XXXX.In the left lung.", ["Line as described on XXXX.", "In the left lung."]),
        ("lungs are clear . no effusion .", ["lungs are clear .", "no effusion ."]),
        ("a nodule of 2 . 5 cm . no effusion .", ["a nodule of 2 . 5 cm .", "no effusion ."]),
        ("1 . clear lungs . 2 . big heart .", ["clear lungs .", "big heart ."]),
        ("1. no edema. 2. small effusion.", ["no edema.", "small effusion."]),
        ("new opacity? no, unchanged.", ["new opacity?", "no, unchanged."]),
        ("seen at 8:13 p.m. the line is high.", ["seen at 8:13 p.m.", "the line is high."]),
        ("told to dr. ___ at 9 a.m. on ___. no change.", ["told to dr. ___ at 9 a.m. on ___.", "no change."]),
        ("effusion vs. thickening, seen by dr. j. smith.", ["effusion vs. thickening, seen by dr. j. smith."]),
        ("opacity ... may be atelectasis.", ["opacity ... may be atelectasis."]),
        ("? pneumonia. no edema.", ["? pneumonia.", "no edema."]),
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


@given(st.lists(st.from_regex(r"[a-z]{2,8}( [a-z]{2,8}){1,5}", fullmatch=True), max_size=6))
def test_small_letters_alone_split_as_others_do(texts: list[str]) -> None:
    whole = [f"{text} noted." for text in texts]
    assert sentences(" ".join(whole)) == whole
    assert sentences(" ".join(f"{text} noted ." for text in texts)) == [f"{text} noted ." for text in texts]


@given(st.text(st.sampled_from("aA1._ ?!-\n():"), max_size=60))
def test_no_letter_is_lost_and_none_invented(text: str) -> None:
    def letters(part: str) -> str:
        return "".join(c for c in part if c.isalpha())

    found = sentences(text)
    assert letters("".join(found)) == letters(text)
    assert all(sentence == " ".join(sentence.split()) and sentence for sentence in found)
