"""Which patients train, validate and test. A patient is in one split, and the test set, once named, takes nobody in.

Pure decisions: what the data set fixes goes first, the rest follows the order of hashed patient ids.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction


class Split(StrEnum):
    """In order of precedence: a patient that a data set puts into several goes to the first of them."""

    TEST = "test"
    VALIDATE = "validate"
    TRAIN = "train"


TEST_SHARE = Fraction(12, 100)
VALIDATE_SHARE = Fraction(8, 100)


def first_splits(patients: Mapping[str, Split | None]) -> dict[str, Split]:
    """Split the patients of a first batch.

    Args:
        patients: hashed patient ids, each with the split that the data set fixes, None where it fixes none.

    Returns:
        Fixed splits as they are. Of the other patients, in the order of their hashes, 12 % test and 8 % validate
        (at least one each, where there are three or more), the rest train.
    """
    free = sorted((p for p, fixed in patients.items() if fixed is None), key=_rank)
    n_test, n_validate = (max(round(len(free) * s), int(len(free) > 2)) for s in (TEST_SHARE, VALIDATE_SHARE))
    drawn = [Split.TEST] * n_test + [Split.VALIDATE] * n_validate
    drawn += [Split.TRAIN] * (len(free) - len(drawn))
    return dict(zip(free, drawn, strict=True)) | {p: s for p, s in patients.items() if s is not None}


def later_splits(patients: Mapping[str, Split | None], known: Mapping[str, Split]) -> dict[str, Split]:
    """Split the patients of a later batch; the test set is frozen.

    Known patients stay where they are. A new one whom the data set puts into test validates: kept from training, and
    kept out of the test set. Other new ones train or validate, 80 to 8, by their own hash.
    """
    return {patient: known.get(patient) or _newcomer(patient, fixed) for patient, fixed in patients.items()}


def _newcomer(patient: str, fixed: Split | None) -> Split:
    if fixed is not None:
        return Split.VALIDATE if fixed is Split.TEST else fixed
    share = VALIDATE_SHARE / (1 - TEST_SHARE)
    return Split.VALIDATE if Fraction(int(_rank(patient), 16), 2**256) < share else Split.TRAIN


def strictest(one: Split | None, other: Split | None) -> Split | None:
    """The split of a patient for whom a data set names two."""
    return next((split for split in Split if split in (one, other)), None)


def _rank(patient: str) -> str:
    return hashlib.sha256(f"split:{patient}".encode()).hexdigest()
