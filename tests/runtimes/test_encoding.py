"""How a query becomes the matrix of a tree."""

import numpy as np
import pytest

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError, RequestError
from lolomo.runtimes.encoding import GENRE_AFFINITY, Encoding

ENCODING = Encoding(
    numbers=("item_age", "user_plays"),
    categories={"gender": ("F", "M")},
    many={Columns.GENRES: ("Crime", "Drama")},
    item_genres={"a": (0,), "b": (0, 1)},
)
QUERY = {
    Columns.CANDIDATES: np.array([["a", "x"]], dtype=object),
    "item_age": np.array([[1.0, np.nan]], np.float32),
    "user_plays": np.array([7.0], np.float32),
    "gender": np.array(["M"], dtype=object),
    Columns.GENRES: np.array([[["Crime", ""], ["Western", "Drama"]]], dtype=object),
    Columns.HISTORY_ITEM_IDS: np.array([["", "a"]], dtype=object),
}


def test_columns_are_numbers_codes_and_one_column_a_genre() -> None:
    assert ENCODING.columns[-3:] == ("genres=Crime", "genres=Drama", GENRE_AFFINITY)
    expected = [[1, 7, 1, 1, 0, 1], [np.nan, 7, 1, 0, 1, 0]]
    np.testing.assert_array_equal(ENCODING.matrix(QUERY), np.array(expected, np.float32))


def test_an_unseen_category_is_a_missing_number() -> None:
    query = {**QUERY, "gender": np.array(["other"], dtype=object)}
    assert np.isnan(ENCODING.matrix(query)[:, 2]).all()


def test_json_keeps_everything() -> None:
    assert Encoding.from_json(ENCODING.to_json()) == ENCODING


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"numbers": 3}'])
def test_a_damaged_encoding_is_refused(text: str) -> None:
    with pytest.raises(ReleaseError, match="publish the release again"):
        Encoding.from_json(text)


def test_a_query_without_an_input_is_refused_by_name() -> None:
    with pytest.raises(RequestError, match="item_age"):
        ENCODING.matrix({name: some for name, some in QUERY.items() if name != "item_age"})
