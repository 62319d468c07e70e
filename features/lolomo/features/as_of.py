"""Which version of its entity each row could have known: an as-of join of millions of rows.

Such a join needs keys and times only, never the features. Versions are sorted once, grouped by
entity; then the version of every row is found by binary search within its entity, all rows a step
at a time. The answer is positions, by which any column may be taken. Time grows with the logarithm
of the versions an entity has, where a join on the key alone grows with their number.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute

Int64s = NDArray[np.int64]
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Moments:
    """Entities at instants: versions of features, or rows that ask for them."""

    keys: pl.DataFrame
    """One column a join key, in the same order on both sides; nulls equal nothing."""
    times: pl.Series
    """Timestamps; a null is never found and finds nothing. Shape: [moments]."""
    created: pl.Series | None = None
    """When each version was written: of several with one time, the last written counts."""


def latest_versions(versions: Moments, rows: Moments, known: bool = False) -> Int64s:
    """Return, for each row, the position of its entity's latest version at or before its time.

    Args:
        versions: In any order.
        rows: In any order, with duplicates or not.
        known: Whether a version must also have been written by the row's time, so that late
            corrections stay out.

    Returns:
        Positions in `versions`, -1 where there is none. Shape: [rows].
    """
    codes, row_codes = _codes(versions.keys, rows.keys)
    times = _microseconds(versions.times)
    codes = np.where(times == NEVER, -1, codes)
    created = None if versions.created is None else _microseconds(versions.created)
    order = _grouped(codes, times, created)
    bounds = np.searchsorted(codes[order], np.arange(codes.max(initial=-1) + 2))
    asked = _microseconds(rows.times)
    first = np.where(row_codes < 0, 0, bounds[row_codes])
    end = np.where(row_codes < 0, 0, bounds[row_codes + 1])
    found = _last_at_or_before(times[order], asked, first, end)
    if known and created is not None:
        found = _known(created[order], asked, first, found)
    return np.where(found >= first, order[found], -1) if len(order) else found


def _codes(keys: pl.DataFrame, row_keys: pl.DataFrame) -> tuple[Int64s, Int64s]:
    """Number the entities from 0; -1 for rows of none, and for versions with a null key."""
    numbered = [
        _numbered(column.to_arrow(), row_column.to_arrow())
        for column, row_column in zip(keys, row_keys, strict=True)
    ]
    codes, row_codes = numbered[0]
    for more, row_more in numbered[1:]:
        size = more.max(initial=0) + 1
        both = (
            np.where((one < 0) | (other < 0), -1, one * size + other)
            for one, other in ((codes, more), (row_codes, row_more))
        )
        codes, row_codes = _numbered(*(pa.array(pair, mask=pair < 0) for pair in both))
    return codes, row_codes


def _numbered(values: pa.Array, row_values: pa.Array) -> tuple[Int64s, Int64s]:
    """Number the different values from 0, -1 for nulls and for rows with none of them."""
    encoded = values.dictionary_encode()
    known = encoded.dictionary
    places = compute.index_in(row_values.cast(known.type), known)
    indices = (encoded.indices, places)
    codes, row_codes = (some.cast("int64").fill_null(-1).to_numpy() for some in indices)
    return codes, row_codes


def _microseconds(times: pl.Series) -> Int64s:
    return times.cast(pl.Datetime("us")).to_physical().fill_null(NEVER).to_numpy()


def _grouped(codes: Int64s, times: Int64s, created: Int64s | None) -> Int64s:
    """Order versions by entity, then by time, then by creation.

    Stable sorts by one integer each are several times faster than one sort by three columns.
    """
    sort_by = [times, codes]
    if created is not None and not np.array_equal(created, times):
        sort_by.insert(0, created)
    order = None
    for column in sort_by:
        series = pl.Series("", column if order is None else column[order]).to_frame()
        step = series.select(pl.arg_sort_by("", maintain_order=True)).to_series().to_numpy()
        order = step if order is None else order[step]
    return np.asarray(order, np.int64)


def _last_at_or_before(times: Int64s, asked: Int64s, first: Int64s, end: Int64s) -> Int64s:
    """Search `times[first:end]` of each row; return `first - 1` where all of them are later."""
    low, high = first.copy(), end.copy()
    for _ in range(int((end - first).max(initial=0)).bit_length()):
        middle = (low + high) >> 1
        later = (low == high) | (times[np.minimum(middle, len(times) - 1)] > asked)
        low, high = np.where(later, low, middle + 1), np.where(later, middle, high)
    return low - 1


def _known(created: Int64s, asked: Int64s, first: Int64s, found: Int64s) -> Int64s:
    """Step back from versions that were written too late; few are, so only those are looked at."""
    found = found.copy()
    rows = np.flatnonzero(found >= first)
    while len(rows):
        written = created[found[rows]]
        rows = rows[(written > asked[rows]) | (written == NEVER)]
        found[rows] -= 1
        rows = rows[found[rows] >= first[rows]]
    return found
