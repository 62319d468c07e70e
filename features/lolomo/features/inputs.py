"""Model inputs: polars rows to the arrays that every model reads.

Training, evaluation and serving call this one function, so that a model meets the same arrays
everywhere: numbers float32 with NaN where missing, categories objects with "" where missing,
histories padded at the front, times int64 microseconds since 1970 UTC.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.errors import FeatureError
from lolomo.features.transforms import all_features


def query_inputs(
    rows: pl.DataFrame, names: Sequence[str], history_length: int = 50
) -> dict[str, NDArray[Any]]:
    """Return the named columns as model input arrays.

    Args:
        rows: As `FeatureStore.point_in_time` returns them, or of any source with such columns.
        names: Features, ids, or `timestamp`.
        history_length: Length of every history; longer ones keep their latest events.

    Returns:
        Numbers float32 `[batch]`, texts and ids object `[batch]`, times int64 `[batch]`, histories
        `[batch, history_length]` padded at the front with "" or 0, and categories with several
        values (such as genres) object `[batch, values]` padded at the end with "".

    Raises:
        FeatureError: If a column is missing.
    """
    missing = [name for name in names if name not in rows.columns]
    if missing:
        raise FeatureError(
            f"rows have no columns {missing}; received {rows.columns}: ask `point_in_time` for them"
        )
    return {name: _array(rows[name], _dtype(name, rows[name]), history_length) for name in names}


@cache
def _dtypes() -> dict[str, str]:
    return {name: feature.dtype for name, feature in all_features().items()}


def _dtype(name: str, column: pl.Series) -> str:
    if name in _dtypes():
        return _dtypes()[name]
    if column.dtype in (pl.Datetime, pl.Int64):
        return "instant"
    if isinstance(column.dtype, pl.List):
        return "categories"
    return "number" if column.dtype.is_numeric() or column.dtype == pl.Boolean else "text"


def _array(column: pl.Series, dtype: str, history_length: int) -> NDArray[Any]:
    match dtype:
        case "number":
            return column.cast(pl.Float32).fill_null(float("nan")).to_numpy()
        case "instant":
            times = column.dt.epoch("us") if column.dtype == pl.Datetime else column
            return times.cast(pl.Int64).fill_null(0).to_numpy()
        case "ids" | "kinds":
            return padded(column.cast(pl.List(pl.String)), history_length, "", at_front=True)
        case "timestamps":
            return padded(column.cast(pl.List(pl.Int64)), history_length, 0, at_front=True)
        case "categories":
            lists = column.cast(pl.List(pl.String))
            width = max(int(lists.list.len().max() or 0), 1)  # type: ignore[arg-type]
            return padded(lists, width, "", at_front=False)
        case _:
            return column.cast(pl.String).fill_null("").to_numpy().astype(object)


def plain_inputs(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], history_length: int = 50
) -> dict[str, NDArray[Any]]:
    """Return what `query_inputs` does, of a few rows of plain values.

    A request is one row: a data frame around it costs more than a model does.

    Args:
        rows: By feature: numbers, texts, lists or None; what is absent is missing, and what is not
            of the feature's type is too.
        names: Features.
        history_length: As above.
    """
    return {
        name: _plain_array([row.get(name) for row in rows], _dtypes()[name], history_length)
        for name in names
    }


def _plain_array(values: list[Any], dtype: str, history_length: int) -> NDArray[Any]:
    match dtype:
        case "number":
            numbers = [value if isinstance(value, int | float) else np.nan for value in values]
            return np.array(numbers, np.float32)
        case "instant":
            return np.array([int(value or 0) for value in values], np.int64)
        case "ids" | "kinds":
            return _plain_lists(values, history_length, "", at_front=True)
        case "timestamps":
            return _plain_lists(values, history_length, 0, at_front=True)
        case "categories":
            width = max((len(value or ()) for value in values), default=0)
            return _plain_lists(values, max(width, 1), "", at_front=False)
        case _:
            texts = [value if isinstance(value, str) else "" for value in values]
            return np.array(texts, object)


def _plain_lists(values: list[Any], length: int, padding: Any, *, at_front: bool) -> NDArray[Any]:
    array = np.full((len(values), length), padding, object if padding == "" else np.int64)
    for row, value in enumerate(values):
        last = [padding if part is None else part for part in (value or ())][-length:]
        if last:
            start = length - len(last) if at_front else 0
            array[row, start : start + len(last)] = last
    return array


def padded(column: pl.Series, length: int, padding: Any, *, at_front: bool) -> NDArray[Any]:
    """Return lists as an array `[rows, length]`, each list cut to its last `length` values.

    Args:
        column: Lists of text or of integers; null is an empty list.
        length: Width of the array.
        padding: What stands where a list is shorter; its type decides the array's.
        at_front: Whether padding comes before the values.
    """
    lists = column.list.tail(length)
    counts = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    dtype = object if isinstance(padding, str) else np.int64
    array = np.full((len(column), length), padding, dtype=dtype)
    values = lists.explode(empty_as_null=False, keep_nulls=False).fill_null(padding).to_numpy()
    row = np.repeat(np.arange(len(column)), counts)
    place = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    if at_front:
        place += np.repeat(length - counts, counts)
    array[row, place] = values
    return array
