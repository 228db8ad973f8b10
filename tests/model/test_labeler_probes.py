"""Probe sentences of every kind that misleads a labeler; why each answer is the right one stands beside them."""

from pathlib import Path

import pytest
import yaml

from model.labeler import label_sentence
from model.text import sentences

GROUPS = yaml.safe_load(Path(__file__).with_name("labeler_probes.yaml").read_text(encoding="utf-8"))
PROBES = [(group["why"], text, expected) for group in GROUPS for text, expected in group["probes"].items()]


@pytest.mark.parametrize(("why", "text", "expected"), PROBES, ids=[text for _, text, _ in PROBES])
def test_probe(why: str, text: str, expected: dict[str, str]) -> None:
    read = {(f.observation, f.certainty.value) for sentence in sentences(text) for f in label_sentence(sentence)}
    assert read == set(expected.items()), why


def test_there_are_250_of_them_and_each_group_has_its_reason() -> None:
    assert len(PROBES) >= 250
    assert all(group["why"] for group in GROUPS)
