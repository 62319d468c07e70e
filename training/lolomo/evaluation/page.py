"""Metrics of a page, in two dimensions: how far down, and how far to the right.

A list has one depth, a page has two, and a member sees the left end of the first rows only. So
recall is a table: `recall@row x column` is the share of a query's targets that stand within the
first rows and the first columns, averaged over queries. Its last cell is the recall of the whole
page; its first column is what is seen without scrolling to the right.

    recall = page_recall(pages, targets)       # [rows, columns]
    recall[2, 5]                               # within three rows, six titles each
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import DataError

Page = Sequence[Sequence[str]]
"""Item ids by row and column; rows may differ in length."""


def page_recall(
    pages: Sequence[Page],
    targets: Sequence[Sequence[str]],
    num_rows: int = 10,
    num_columns: int = 20,
) -> NDArray[np.float64]:
    """Return recall@row x column, averaged over the queries that have targets.

    Args:
        pages: What was shown to each query.
        targets: What answers each query; those without any do not count.
        num_rows: Rows of the table; a page with fewer stays as it is.
        num_columns: Columns of the table.

    Returns:
        Cumulative in both axes; NaN throughout if no query has targets. Shape: [num_rows,
        num_columns].

    Raises:
        DataError: If there are not as many pages as lists of targets.

    >>> page_recall([[["a", "b"], ["c"]]], [["b", "c"]], 2, 2).tolist()
    [[0.0, 0.5], [0.5, 1.0]]
    """
    if len(pages) != len(targets):
        raise DataError(
            f"received {len(pages)} pages and {len(targets)} lists of targets; expected as many: "
            "pass one page a query"
        )
    total = np.zeros((num_rows, num_columns))
    asked = 0
    for page, wanted in zip(pages, targets, strict=True):
        if len(wanted):
            asked += 1
            total += _found(page, frozenset(wanted), num_rows, num_columns)
    if not asked:
        return np.full_like(total, np.nan)
    return np.cumsum(np.cumsum(total, axis=0), axis=1) / asked


def _found(
    page: Page, wanted: frozenset[str], num_rows: int, num_columns: int
) -> NDArray[np.float64]:
    """Return where the targets stand, each a share of them; one that stands twice counts once."""
    found = np.zeros((num_rows, num_columns))
    left = set(wanted)
    for row, items in enumerate(page[:num_rows]):
        for column, item_id in enumerate(items[:num_columns]):
            if item_id in left:
                left.remove(item_id)
                found[row, column] = 1 / len(wanted)
    return found
