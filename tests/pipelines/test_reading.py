"""The references read with teacher forcing."""

import numpy as np

from pipelines.reading import maps_of


def test_a_sentences_map_is_the_mean_of_the_rows_that_wrote_it() -> None:
    # <s> a b <impression> c </s>: rows 0 and 1 wrote the first sentence, row 3 the second; the third was cut off.
    attention = np.arange(5 * 4, dtype=np.float32).reshape(5, 4)
    first, second, third = maps_of(attention, np.array([-1, 0, 0, -1, 1, -1]), 3, (2, 2))
    np.testing.assert_array_equal(first, [[2, 3], [4, 5]])
    np.testing.assert_array_equal(second, [[12, 13], [14, 15]])
    assert third is None
