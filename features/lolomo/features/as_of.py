"""Which version of its entity each row could have known: an as-of join of millions of rows.

Such a join needs keys and times only, never the features. Versions are numbered in the order of
time. Entity and number make one integer, by which versions are sorted once, and in which a row
finds its version by a search: that of its entity with the greatest number at or before its time.
The answer is positions, by which any column may be taken. Time grows with n log n of versions and
rows, where a join on the key alone grows with the versions of an entity times the rows.
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

    keys: pa.Table
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
    order = _in_time(times, created)
    asked = _microseconds(rows.times)
    size = len(order)
    keys = codes[order] * size + np.arange(size)
    row_keys = row_codes * size + _counts_up_to(times[order], asked) - 1
    grouped = np.argsort(keys)
    order, keys = order[grouped], keys[grouped]
    bounds = np.searchsorted(keys, np.arange(codes.max(initial=-1) + 2) * size)
    first = np.where(row_codes < 0, 0, bounds[row_codes])
    found = np.where(row_codes < 0, 0, _counts_up_to(keys, row_keys)) - 1
    if known and created is not None:
        found = _known(created[order], asked, first, found)
    return np.where(found >= first, order[found], -1) if size else found


def _codes(keys: pa.Table, row_keys: pa.Table) -> tuple[Int64s, Int64s]:
    """Number the entities from 0; -1 for rows of none, and for versions with a null key."""
    numbered = [
        _numbered(column, row_column)
        for column, row_column in zip(keys.columns, row_keys.columns, strict=True)
    ]
    codes, row_codes = numbered[0]
    for more, row_more in numbered[1:]:
        size = more.max(initial=0) + 1
        both = (
            np.where((one < 0) | (other < 0), -1, one * size + other)
            for one, other in ((codes, more), (row_codes, row_more))
        )
        codes, row_codes = _numbered(
            *(pa.chunked_array([pa.array(pair, mask=pair < 0)]) for pair in both)
        )
    return codes, row_codes


def _numbered(values: pa.ChunkedArray, row_values: pa.ChunkedArray) -> tuple[Int64s, Int64s]:
    """Number the different values from 0, -1 for nulls and for rows with none of them."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    encoded = values.unify_dictionaries().combine_chunks()
    known = encoded.dictionary
    places = compute.index_in(row_values.cast(known.type).combine_chunks(), known)
    indices = (encoded.indices, places)
    codes, row_codes = (some.cast("int64").fill_null(-1).to_numpy() for some in indices)
    return codes, row_codes


def _microseconds(times: pl.Series) -> Int64s:
    return times.cast(pl.Datetime("us")).to_physical().fill_null(NEVER).to_numpy()


def _in_time(times: Int64s, created: Int64s | None) -> Int64s:
    """Order versions by time, then by creation.

    Stable sorts by one integer each are several times faster than one sort by two columns.
    """
    sort_by = [times]
    if created is not None and not np.array_equal(created, times):
        sort_by.insert(0, created)
    order = None
    for column in sort_by:
        series = pl.Series("", column if order is None else column[order]).to_frame()
        step = series.select(pl.arg_sort_by("", maintain_order=True)).to_series().to_numpy()
        order = step if order is None else order[step]
    return np.asarray(order, np.int64)


def _counts_up_to(ascending: Int64s, bounds: Int64s) -> Int64s:
    """Return how many values are at most each bound.

    Searching in the order of the bounds, which keeps to the cache, is several times faster.
    """
    order = np.argsort(bounds)
    counts = np.empty(len(bounds), np.int64)
    counts[order] = np.searchsorted(ascending, bounds[order], side="right")
    return counts


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
