"""How much of a draft was changed, counted by hand and against nltk."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.metrics import Edit, edit_figures, sentence_edits, word_edits

words = st.lists(st.sampled_from(["no", "left", "effusion", "opacity"]), max_size=12).map(" ".join)
reports = st.lists(words.filter(bool), max_size=5)


def figures(drafts: list[str], signed: list[str]) -> dict[str, float]:
    return {figure.name: figure() for figure in edit_figures(drafts, signed)}


@pytest.mark.parametrize(
    ("draft", "signed", "changed"),
    [
        ("", "", 0),
        ("", "No effusion.", 2),
        ("No effusion.", "", 2),
        ("Small left effusion.", "Small right effusion.", 1),
        ("Small left effusion.", "Small effusion.", 1),
        ("Left effusion.", "Small left pleural effusion.", 3),  # "Left" is not "left"
        ("No edema. No effusion.", "No effusion. No edema.", 2),
    ],
)
def test_words_changed_by_hand(draft: str, signed: str, changed: int) -> None:
    assert word_edits(draft, signed) == changed


@given(words, words)
def test_words_changed_are_nltks_distance(draft: str, signed: str) -> None:
    from nltk.metrics.distance import edit_distance

    assert word_edits(draft, signed) == edit_distance(draft.split(), signed.split())


@given(words, words, words)
def test_words_changed_are_a_distance(a: str, b: str, c: str) -> None:
    assert word_edits(a, a) == 0
    assert word_edits(a, b) == word_edits(b, a)
    assert word_edits(a, c) <= word_edits(a, b) + word_edits(b, c)


def test_each_sentence_has_its_fate() -> None:
    draft = ["The heart is normal.", "Small left effusion.", "Acute fracture.", "No edema."]
    signed = ["The heart is normal.", "Small right effusion.", "No edema.", "Pacemaker in place."]
    assert [(edit.edit, edit.drafted, edit.signed, edit.words) for edit in sentence_edits(draft, signed)] == [
        (Edit.KEPT, 0, 0, 0),
        (Edit.CHANGED, 1, 1, 1),
        (Edit.REMOVED, 2, None, 2),
        (Edit.KEPT, 3, 2, 0),
        (Edit.ADDED, None, 3, 3),
    ]


def test_sentences_without_a_word_in_common_are_not_one_that_changed() -> None:
    assert [edit.edit for edit in sentence_edits(["Left effusion."], ["No edema."])] == [Edit.REMOVED, Edit.ADDED]


@given(reports, reports)
def test_every_sentence_is_aligned_once_and_in_order(draft: list[str], signed: list[str]) -> None:
    edits = sentence_edits(draft, signed)
    assert [edit.drafted for edit in edits if edit.drafted is not None] == list(range(len(draft)))
    assert [edit.signed for edit in edits if edit.signed is not None] == list(range(len(signed)))
    assert sum(edit.words for edit in edits) >= word_edits(" ".join(draft), " ".join(signed))
    back = sentence_edits(signed, draft)
    assert sum(edit.words for edit in edits) == sum(edit.words for edit in back)


@given(reports)
def test_what_is_signed_as_drafted_has_no_edit(report: list[str]) -> None:
    assert all(edit.edit is Edit.KEPT for edit in sentence_edits(report, report))


def test_rates_are_over_what_was_signed() -> None:
    drafts = ["Small left effusion. No edema.", "Fracture."]
    signed = ["Small right effusion. No edema.", "No acute fracture seen. The heart is normal."]
    # One of 5 words, and all 8: "Fracture." is none of them. One sentence of two, and one removed with two added.
    found = figures(drafts, signed)
    assert found["edit_rate"] == pytest.approx((1 + 8) / (5 + 8))
    assert found["edit_rate_sentences"] == pytest.approx((1 + 3) / (2 + 2))


def test_a_rate_can_exceed_one_and_is_undefined_where_nothing_was_signed() -> None:
    assert figures(["One two three four."], ["One."])["edit_rate"] == pytest.approx(4)
    assert math.isnan(figures(["One two."], [""])["edit_rate"])
    assert figures(["Same."], ["Same."]) == {"edit_rate": 0, "edit_rate_sentences": 0}
