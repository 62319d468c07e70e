import numpy as np
import polars as pl

from lolomo.features.content import item_content
from lolomo.training.layers.item_content import ContentEncoder

ITEMS = pl.DataFrame(
    {"item_id": ["a", "b", "c"], "title": ["Iron Man", "Iron Man", None], "release_year": [1, 1, 0]}
)


def _embedded(items: np.ndarray) -> np.ndarray:
    table = ITEMS.with_columns(pl.col("release_year").replace(0, None))
    content = item_content(table, np.array(["a", "b", "c"], object), 2020)
    return np.asarray(ContentEncoder(content, 4)(items))


def test_items_of_like_content_are_alike_and_one_without_content_is_zero() -> None:
    embedded = _embedded(np.arange(3))
    np.testing.assert_array_equal(embedded[0], embedded[1])
    assert np.abs(embedded[0]).max() > 0
    assert not embedded[2].any()


def test_items_are_embedded_whatever_their_axes() -> None:
    assert _embedded(np.zeros((2, 5), int)).shape == (2, 5, 4)
