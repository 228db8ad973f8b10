"""Which tokens name the findings of a draft."""

import pytest

from model.study import Section
from model.tokenizer import ReportTokenizer
from model.words import named_findings

TEXTS = [
    "There is likely a small right pleural effusion.",
    "No pneumothorax.",
    "The heart is enlarged.",
    "Lungs clear.",
]
TOKENIZER = ReportTokenizer.train(TEXTS, 400)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (TEXTS[0], [("Pleural Effusion", True, " effusion")]),
        (TEXTS[1], [("Pneumothorax", False, " pneumothorax")]),
        (TEXTS[2], [("Cardiomegaly", True, " heart enlarged")]),
        (TEXTS[3], []),
    ],
)
def test_a_finding_is_named_by_its_own_words_and_a_structure_by_its_predicate_too(
    text: str, wanted: list[tuple[str, bool, str]]
) -> None:
    ids = TOKENIZER.encode([(Section.FINDINGS, text)], 100).ids
    named = named_findings(ids, 1, len(ids) - 1, TOKENIZER)
    assert [(n.observation, n.positive) for n in named] == [(o, p) for o, p, _ in wanted]
    for finding, (*_, words) in zip(named, wanted, strict=True):
        written = TOKENIZER.decode([ids[token] for token in finding.tokens])
        assert all(word in written for word in words.split())
        assert not any(word in written for word in ("likely", "right", "small", "No", "There"))
