"""Splits, by their promises: one split a patient, fixed splits kept, a test set that takes nobody in."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.splits import Split, first_splits, later_splits, strictest

PATIENTS = st.text("0123456789abcdef", min_size=16, max_size=16)
BATCH = st.dictionaries(PATIENTS, st.none() | st.sampled_from(Split), max_size=60)


@given(BATCH)
def test_the_data_sets_own_split_stands(batch: dict[str, Split | None]) -> None:
    splits = first_splits(batch)
    assert splits.keys() == batch.keys()
    assert all(splits[patient] is fixed for patient, fixed in batch.items() if fixed is not None)


@given(BATCH, st.lists(BATCH, max_size=4))
def test_the_test_set_is_frozen_and_nobody_moves(
    first: dict[str, Split | None], later: list[dict[str, Split | None]]
) -> None:
    known = first_splits(first)
    frozen = {patient for patient, split in known.items() if split is Split.TEST}
    for batch in later:
        splits = later_splits(batch, known)
        assert all(splits[patient] is known[patient] for patient in batch.keys() & known.keys())
        known |= splits
        assert {patient for patient, split in known.items() if split is Split.TEST} == frozen


@given(st.sets(PATIENTS, min_size=3, max_size=300))
def test_free_patients_are_split_80_8_12(patients: set[str]) -> None:
    splits = list(first_splits(dict.fromkeys(patients)).values())
    assert splits.count(Split.TEST) == max(1, round(0.12 * len(patients)))
    assert splits.count(Split.VALIDATE) == max(1, round(0.08 * len(patients)))
    assert splits.count(Split.TRAIN) >= 1


def test_newcomers_train_or_validate_80_to_8() -> None:
    splits = later_splits({f"{n:016x}": None for n in range(20_000)}, {"known": Split.TRAIN})
    share = sum(split is Split.VALIDATE for split in splits.values()) / len(splits)
    assert abs(share - 8 / 88) < 4 * (8 / 88 * 80 / 88 / len(splits)) ** 0.5


def test_a_newcomer_of_the_data_sets_test_split_is_kept_from_training() -> None:
    assert later_splits({"new": Split.TEST}, {"old": Split.TRAIN}) == {"new": Split.VALIDATE}


def test_a_patient_in_two_splits_goes_to_the_stricter() -> None:
    assert strictest(Split.TRAIN, Split.TEST) is Split.TEST
    assert strictest(None, Split.VALIDATE) is Split.VALIDATE
    assert strictest(None, None) is None
