"""What is known of a study beside its image, as words that the decoder reads before it writes.

A prompt fills a fixed number of slots, `prompt_tokens` of the configuration. Every report of a batch then begins at the
same position, so that drafts need no mask: alone as in a batch, word by word as all at once, in torch as in ONNX.
A prompt is about a patient: it is never logged, and an artefact holds none.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model.tokenizer import PAD_ID, ReportTokenizer

NOTHING_ID = PAD_ID
"""Fills the slots that are left. It is read like any token, and means that no more is known."""

SEXES = {"F": "female", "M": "male", "O": "other sex"}
"""DICOM PS3.3 C.2.3, Patient's Sex."""

OLDEST = 89
"""Years. De-identified sets name no age above (45 CFR 164.514), so that no model has read one."""


def prompt_text(age: int | None, sex: str | None, indication: str | None) -> str:
    """The words of a prompt. What is not known is left out, never invented.

    The age is a decade: it tells less of who the patient is, and a set that is small teaches nine words better than
    ninety. Where slots are few, the end of the indication is cut.

    Args:
        age: years; over OLDEST it is not said.
        sex: F, M or O. indication: the report's section, or the order's words.

    >>> prompt_text(64, "F", "Cough and fever.")
    '60s female. Cough and fever.'
    >>> prompt_text(None, None, "Cough and fever.")
    'Cough and fever.'
    """
    decade = f"{age // 10 * 10}s" if age is not None and 0 <= age <= OLDEST else ""
    person = f"{decade} {SEXES.get(sex or '', '')}".strip()
    return " ".join([*([f"{person}."] if person else []), *(indication or "").split()])


def prompt_ids(tokenizer: ReportTokenizer, text: str, length: int) -> list[int]:
    """`length` ids: the text, cut before the first word that does not fit, then NOTHING_ID."""
    ids: list[int] = []
    for word in text.split():
        piece = tokenizer.pieces(word)
        if len(ids) + len(piece) > length:
            break
        ids += piece
    return ids + [NOTHING_ID] * (length - len(ids))


def prompt_batch(tokenizer: ReportTokenizer, texts: Sequence[str], length: int) -> NDArray[np.int64]:
    """The prompts of a batch, (B, length)."""
    ids = [prompt_ids(tokenizer, text, length) for text in texts]
    return np.array(ids, np.int64).reshape(len(texts), length)
