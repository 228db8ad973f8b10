"""WordPiece over a vocabulary in BERT's published layout, tiny: words, pieces, digits and marks."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import BadInput
from model.grounding import sentence_spans
from model.study import Section
from model.tokenizer import BOS_ID, EOS_ID, IMPRESSION_ID, PAD_ID, ReportTokenizer
from model.wordpiece import published_rows
from model.words import named_findings

WORDS = ["cm", "effusion", "enlarged", "heart", "is", "no", "right", "small", "the", "there", "pleural"]
LETTERS = [*string.ascii_lowercase, *string.digits]
VOCABULARY = [
    "[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *LETTERS,
    *(f"##{letter}" for letter in LETTERS), *WORDS, "nod", "##ule",
]  # fmt: skip


def published(folder: Path) -> Path:
    """Write vocab.txt as the hub has it: a token a line."""
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    return folder / "vocab.txt"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ReportTokenizer:
    return ReportTokenizer.published(published(tmp_path_factory.mktemp("bert")))


def back(tokenizer: ReportTokenizer, text: str) -> str:
    return tokenizer.decode(tokenizer.encode([(Section.FINDINGS, text)], 10_000).ids[1:-1])


def test_our_special_tokens_stand_first_and_the_others_keep_their_order(tokenizer: ReportTokenizer) -> None:
    ours = tokenizer.vocabulary()
    assert [ours[name] for name in ("<pad>", "<s>", "</s>", "<impression>")] == [PAD_ID, BOS_ID, EOS_ID, IMPRESSION_ID]
    row_of = {ours.get(token): row for row, token in enumerate(VOCABULARY)}
    rows = published_rows(VOCABULARY)
    assert [VOCABULARY[row] for row in rows[:4]] == ["[PAD]", "[CLS]", "[SEP]", "[MASK]"]
    assert rows[4:] == [row_of[number] for number in range(4, len(tokenizer))] == sorted(rows[4:])
    assert len(tokenizer) == len(VOCABULARY)


def test_rows_of_a_vocabulary_worked_by_hand() -> None:
    assert published_rows(["[PAD]", "a", "[SEP]", "[UNK]", "[CLS]", "[MASK]"]) == [0, 4, 2, 5, 1, 3]


def test_a_vocabulary_without_bert_s_special_tokens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("<s>\n</s>\nheart\n")
    with pytest.raises(BadInput, match=r"vocabulary without \[PAD\]"):
        ReportTokenizer.published(tmp_path / "vocab.txt")


@pytest.mark.parametrize(
    "text",
    [
        "A 1.5 cm nodule, right, at T8-T9.",
        "Well-defined (calcified) nodule: 12 x 9 mm and/or 2.5 cm.",
        "The patient's clips' position is as of 9:30 a.m. on ___.",
        "No effusion. The heart is enlarged. 1,000 ml at C7/T1; 50% of L1?",
        "Ribs 5, 6 and 7 [left].",
        "",
    ],
)
def test_blanks_points_hyphens_and_sentence_capitals_come_back(tokenizer: ReportTokenizer, text: str) -> None:
    assert back(tokenizer, text) == text


def test_what_the_vocabulary_lacks_is_shown_as_unknown(tokenizer: ReportTokenizer) -> None:
    assert back(tokenizer, "A µ heart.") == "A [UNK] heart."


NUMBERS = st.one_of(st.integers(0, 99).map(str), st.decimals("0.1", "19.9", places=1).map(str))
PLAIN = st.text(string.ascii_lowercase, min_size=2, max_size=9)
WORD = st.one_of(PLAIN, st.builds("{}-{}".format, PLAIN, PLAIN), st.builds("{} {} cm".format, PLAIN, NUMBERS))
CLAUSE = st.lists(WORD, min_size=1, max_size=6).map(" ".join)
SENTENCE = st.builds(
    lambda clauses, aside, mark: ", ".join(clauses) + aside + mark,
    st.lists(CLAUSE, min_size=1, max_size=3),
    st.one_of(st.just(""), CLAUSE.map(" ({})".format)),
    st.sampled_from([".", "?"]),
).map(lambda text: text[0].upper() + text[1:])


@given(st.lists(SENTENCE, min_size=1, max_size=4))
def test_report_like_text_comes_back_up_to_case(tokenizer: ReportTokenizer, texts: list[str]) -> None:
    encoded = tokenizer.encode([(Section.FINDINGS, text) for text in texts], 10_000)
    decoded = tokenizer.decode(encoded.ids[1:-1])
    assert decoded.lower() == " ".join(texts).lower()
    assert decoded[0].isupper()
    assert not re.search(r" [.,)]|\( ", decoded)


@given(st.lists(st.integers(4, len(VOCABULARY) - 1), max_size=40))
def test_any_draft_is_text_that_each_token_adds_to(tokenizer: ReportTokenizer, ids: list[int]) -> None:
    text, ends = tokenizer.written(ids)
    assert len(ends) == len(ids)
    assert list(ends) == sorted(ends)
    assert not len(ids) or ends[-1] == len(text)
    assert text == text.strip()


REPORT = [
    (Section.FINDINGS, "The heart is enlarged."),
    (Section.FINDINGS, "There is a 1.5 cm nodule at T8-T9."),
    (Section.FINDINGS, "Small right pleural effusion, as of 9:30 a.m. on ___."),
    (Section.IMPRESSION, "No effusion."),
]


def test_a_token_belongs_to_its_sentence_as_with_the_learned_bpe(tokenizer: ReportTokenizer) -> None:
    learned = ReportTokenizer.train([text for _, text in REPORT], 400)
    for each in (tokenizer, learned):
        encoded = each.encode(REPORT, 10_000)
        spans = sentence_spans(encoded.ids, each)
        assert [(span.section, span.text) for span in spans] == REPORT
        for index, span in enumerate(spans):
            assert [at for at, owner in enumerate(encoded.sentence) if owner == index] == list(
                range(span.first, span.last)
            )


def test_the_pieces_of_a_finding_s_name_are_found(tokenizer: ReportTokenizer) -> None:
    encoded = tokenizer.encode([(Section.FINDINGS, "There is a small pleural effusion.")], 100)
    (found,) = named_findings(encoded.ids, 1, len(encoded.ids) - 1, tokenizer)
    number = {index: token for token, index in tokenizer.vocabulary().items()}
    assert (found.observation, found.positive) == ("Pleural Effusion", True)
    assert [number[encoded.ids[at]] for at in found.tokens] == ["pleural", "effusion"]


def test_saved_and_loaded_it_is_the_same(tokenizer: ReportTokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    again = ReportTokenizer.load(tmp_path / "tokenizer.json")
    assert again.vocabulary() == tokenizer.vocabulary()
    assert back(again, "No nodule.") == "No nodule."


def test_a_piece_tells_whether_it_begins_a_word(tokenizer: ReportTokenizer) -> None:
    ids = tokenizer.encode([(Section.FINDINGS, "nodule.")], 100).ids[1:-1]
    assert [tokenizer.piece(token) for token in ids] == [" nod", "ule", " ."]
