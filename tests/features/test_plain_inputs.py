"""A request's inputs equal those that training makes of the same values."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from lolomo.features import all_features, plain_inputs, query_inputs
from lolomo.features.group import POLARS_TYPES

ROWS: list[dict[str, Any]] = [
    {
        "history_item_ids": [f"i{number}" for number in range(60)],
        "history_timestamps": list(range(60)),
        "history_kinds": ["play", None],
        "user_plays_1d": 3,
        "user_mean_value": 2.5,
        "gender": "f",
    },
    {"history_item_ids": [], "user_plays_1d": None, "gender": None, "country": "SE"},
    {"history_item_ids": ["i1"], "history_timestamps": [5], "user_mean_value": float("nan")},
]
NAMES = [name for name, item in all_features().items() if item.entity != "item"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_plain_values_become_the_arrays_of_training(count: int) -> None:
    rows = ROWS[:count]
    columns = {
        name: pl.Series(
            name,
            [row.get(name) for row in rows],
            dtype=POLARS_TYPES[all_features()[name].dtype],
            strict=False,
        )
        for name in NAMES
    }
    expected = query_inputs(pl.DataFrame(columns), NAMES)
    for name, array in plain_inputs(rows, NAMES).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
        assert array.dtype == expected[name].dtype, name


def test_a_value_of_another_type_is_missing() -> None:
    found = plain_inputs([{"user_plays_1d": "many", "gender": 3}], ["user_plays_1d", "gender"])
    assert np.isnan(found["user_plays_1d"]).all()
    assert found["gender"].tolist() == [""]
