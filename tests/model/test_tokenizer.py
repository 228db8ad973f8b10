from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.study import Section
from model.tokenizer import BOS_ID, EOS_ID, IMPRESSION_ID, ReportTokenizer

TEXTS = ["The heart is enlarged.", "There is a small right pleural effusion.", "No pneumothorax."]
TOKENIZER = ReportTokenizer.train(TEXTS, vocab_size=400)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool),
        min_size=1,
        max_size=4,
    )
)
def test_any_text_comes_back_as_it_was(texts: list[str]) -> None:
    encoded = TOKENIZER.encode([(Section.FINDINGS, text) for text in texts], max_tokens=10_000)
    (section, first, last), *rest = TOKENIZER.sections(encoded.ids)
    assert section is Section.FINDINGS
    assert not rest
    assert TOKENIZER.decode(encoded.ids[first:last]) == " ".join(texts).strip()


def test_sections_and_owners() -> None:
    encoded = TOKENIZER.encode([(Section.FINDINGS, TEXTS[0]), (Section.IMPRESSION, TEXTS[1])], max_tokens=100)
    assert encoded.ids[0] == BOS_ID
    assert encoded.ids[-1] == EOS_ID
    middle = encoded.ids.index(IMPRESSION_ID)
    spans = TOKENIZER.sections(encoded.ids)
    assert spans == [(Section.FINDINGS, 1, middle), (Section.IMPRESSION, middle + 1, len(encoded.ids) - 1)]
    assert set(encoded.sentence[1:middle]) == {0}
    assert set(encoded.sentence[middle + 1 : -1]) == {1}
    assert encoded.sentence[0] == encoded.sentence[middle] == encoded.sentence[-1] == -1


@pytest.mark.parametrize("limit", range(2, 30))
def test_a_long_report_is_cut_between_sentences(limit: int) -> None:
    encoded = TOKENIZER.encode([(Section.FINDINGS, text) for text in TEXTS], max_tokens=limit)
    assert len(encoded.ids) <= limit
    assert encoded.ids[-1] == EOS_ID
    text = " ".join(TOKENIZER.decode(encoded.ids[a:b]) for _, a, b in TOKENIZER.sections(encoded.ids))
    assert text in {" ".join(TEXTS[:n]) for n in range(4)}


def test_an_unfinished_draft_still_has_its_section() -> None:
    ids = TOKENIZER.encode([(Section.FINDINGS, TEXTS[0])], max_tokens=100).ids[:-1]
    ((section, first, last),) = TOKENIZER.sections(ids)
    assert (section, TOKENIZER.decode(ids[first:last])) == (Section.FINDINGS, TEXTS[0])


def test_saved_and_loaded(tmp_path: Path) -> None:
    TOKENIZER.save(tmp_path / "tokenizer.json")
    again = ReportTokenizer.load(tmp_path / "tokenizer.json")
    assert again.vocabulary() == TOKENIZER.vocabulary()
    assert again.decode(again.encode([(Section.FINDINGS, "Señor µ")], 50).ids[1:-1]) == "Señor µ"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool))
def test_the_characters_written_after_each_token_add_up(text: str) -> None:
    written, ends = TOKENIZER.written(TOKENIZER.encode([(Section.FINDINGS, text)], 10_000).ids[1:-1])
    assert written == text
    assert list(ends) == sorted(ends)
    assert ends[-1] == len(text)


def test_a_token_of_half_a_character_has_not_written_it() -> None:
    ids = TOKENIZER.encode([(Section.FINDINGS, "aµb")], 50).ids[1:-1]
    assert TOKENIZER.written(ids)[1].tolist() == [1, 1, 2, 3]  # " a", two bytes, "b"
