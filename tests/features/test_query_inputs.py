from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import FeatureError
from lolomo.features import query_inputs

ROWS = pl.DataFrame(
    {
        "user_id": ["u1", "u2", "u3"],
        "timestamp": pl.Series([datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)] * 3).dt.cast_time_unit(
            "us"
        ),
        "age": [30.0, None, 40.0],
        "device": ["tv", None, ""],
        "history_item_ids": [["a", "b", "c"], [], None],
        "history_timestamps": [[1, 2, 3], [], None],
        "history_kinds": [["play", "rate", "play"], [], None],
        "genres": [["Drama"], [], None],
        "country": pl.Series([None] * 3),
    }
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("user_id", ["u1", "u2", "u3"]),
        ("timestamp", [1_000_000] * 3),
        ("device", ["tv", "", ""]),
        ("country", ["", "", ""]),
        ("history_item_ids", [["b", "c"], ["", ""], ["", ""]]),
        ("history_timestamps", [[2, 3], [0, 0], [0, 0]]),
        ("history_kinds", [["rate", "play"], ["", ""], ["", ""]]),
        ("genres", [["Drama"], [""], [""]]),
    ],
)
def test_columns_become_arrays_padded_where_missing(name: str, expected: list[object]) -> None:
    assert query_inputs(ROWS, [name], history_length=2)[name].tolist() == expected


def test_shorter_histories_are_padded_at_the_front() -> None:
    history = query_inputs(ROWS, ["history_item_ids"], history_length=5)["history_item_ids"]
    assert history[0].tolist() == ["", "", "a", "b", "c"]


def test_numbers_are_float32_with_nan_where_missing() -> None:
    age = query_inputs(ROWS, ["age"])["age"]
    assert age.dtype == np.float32
    np.testing.assert_array_equal(age, [30.0, np.nan, 40.0])


def test_texts_are_objects_and_times_are_int64() -> None:
    arrays = query_inputs(ROWS, ["user_id", "history_kinds", "timestamp", "history_timestamps"])
    assert [array.dtype for array in arrays.values()] == [object, object, np.int64, np.int64]


def test_no_rows_make_empty_arrays() -> None:
    arrays = query_inputs(ROWS.head(0), ["age", "history_item_ids", "genres"])
    assert [array.shape for array in arrays.values()] == [(0,), (0, 50), (0, 1)]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(FeatureError, match="shoe_size"):
        query_inputs(ROWS, ["age", "shoe_size"])
