"""What a variant of the exported graphs must hold to be registered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.grounding import DraftedTokens
from pipelines.agreement import PROMISES, Agreement, map_difference, proven, same_words, share, written
from pipelines.parity import batch_size


def draft(ids: list[int], weight: float = 0.5) -> DraftedTokens:
    rows = len(ids) - 1
    attention = np.tile(np.array([weight, 1 - weight], np.float32), (rows, 1))
    return DraftedTokens(np.array(ids), attention, np.zeros(len(ids), np.float32))


def seen(wanted: list[DraftedTokens], given: list[DraftedTokens], stable: bool = True) -> Agreement:
    agreement = Agreement(alone=[stable], uncached=[stable])
    for one, other in zip(wanted, given, strict=True):
        agreement.compare(one, other)
    return agreement


NO_LOSS = {"findings_micro_f1": 0.0, "iou_norm_0.1": 0.0}


def test_padding_is_no_word() -> None:
    assert same_words(draft([1, 7, 2]), draft([1, 7, 2, 0, 0]))
    assert not same_words(draft([1, 7, 2]), draft([1, 8, 2]))
    assert map_difference(draft([1, 7, 2], 0.5), draft([1, 7, 2, 0], 0.53)) == pytest.approx(0.03)


@given(st.lists(st.integers(1, 9), max_size=5), st.integers(0, 4))
def test_words_are_the_same_however_long_the_batch(ids: list[int], padding: int) -> None:
    assert written(np.array(ids + [0] * padding, int)).tolist() == ids


def test_the_exact_variant_must_agree_in_every_word() -> None:
    wanted = [draft([1, 7, 2]), draft([1, 9, 2])]
    assert seen(wanted, wanted).figures(PROMISES["fp32"], NO_LOSS)["passed"] == 1
    figures = seen(wanted, [wanted[0], draft([1, 8, 2])]).figures(PROMISES["fp32"], NO_LOSS)
    assert (figures["tokens_equal_share"], figures["passed"]) == (0.5, 0)


def test_in_fewer_bits_the_share_is_stated_and_the_findings_and_regions_judge() -> None:
    wanted, given = [draft([1, 7, 2]), draft([1, 9, 2])], [draft([1, 7, 2], 0.51), draft([1, 8, 2])]
    for variant in ("fp16", "int8"):
        agreement = seen(wanted, given)
        agreement.maps = [PROMISES[variant].maps]
        assert agreement.figures(PROMISES[variant], NO_LOSS)["passed"] == 1
        for name in NO_LOSS:
            assert agreement.figures(PROMISES[variant], NO_LOSS | {name: 0.009})["passed"] == 1
            assert agreement.figures(PROMISES[variant], NO_LOSS | {name: 0.011})["passed"] == 0
            assert agreement.figures(PROMISES[variant], NO_LOSS | {name: float("nan")})["passed"] == 1


@pytest.mark.parametrize("variant", PROMISES)
def test_maps_that_moved_and_drafts_that_depend_on_company_fail(variant: str) -> None:
    same, promise = [draft([1, 7, 2])], PROMISES[variant]
    moved = seen(same, [draft([1, 7, 2], 0.5 + 2 * promise.maps)])
    assert moved.figures(promise, NO_LOSS)["passed"] == 0
    assert seen(same, same, stable=False).figures(promise, NO_LOSS)["passed"] == 0


def test_nothing_seen_is_nothing_proven() -> None:
    figures = Agreement().figures(PROMISES["fp32"], NO_LOSS)
    assert figures["passed"] == 0
    assert np.isnan(share([]))


def test_what_is_proven_is_what_passed() -> None:
    assert proven({"passed": 1, "fp32.passed": 1, "fp16.passed": 0, "int8.passed": 1}) == ("fp32", "int8")
    assert proven({"passed": 0}) == ()


@pytest.mark.parametrize(("size", "studies"), [(128, 16), (512, 16), (1024, 4), (2048, 2), (4096, 2)])
def test_a_batch_is_smaller_where_images_are_larger_and_never_one_alone(size: int, studies: int) -> None:
    assert batch_size(size) == studies
