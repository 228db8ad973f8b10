"""Small counts are not shown, so that nobody can be found by standing alone in a cell.

Source: the minimum frequency rule of Hundepool et al. 2010, "Handbook on Statistical Disclosure Control" (ESSnet). Zero
tells of nobody and is shown.
"""

import pandas as pd

LEAST = 5


def shown(count: int) -> int | str:
    """The count as a table shows it.

    >>> shown(0), shown(4), shown(5)
    (0, '< 5', 5)
    """
    return f"< {LEAST}" if 0 < count < LEAST else count


def disclosed(table: pd.DataFrame) -> pd.DataFrame:
    """A table of counts (whole numbers) and measures, its counts as they are shown."""
    counts = table.select_dtypes("integer").columns
    return table.assign(**{name: table[name].map(shown) for name in counts})
