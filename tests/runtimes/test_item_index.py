from pathlib import Path

import numpy as np
import pytest

from lolomo.core.errors import ReleaseError
from lolomo.runtimes.item_index import INDEX, ItemIndex

RNG = np.random.default_rng(3)
VECTORS = RNG.normal(size=(400, 12)).astype(np.float32)
QUERIES = RNG.normal(size=(8, 12)).astype(np.float32)


def test_the_index_finds_what_an_exact_search_finds_and_says_the_same_products() -> None:
    places, products = ItemIndex.build(VECTORS).search(QUERIES, 10)
    exact = QUERIES @ VECTORS.T
    assert (places == np.argsort(-exact, axis=1)[:, :10]).mean() > 0.95
    np.testing.assert_allclose(products, np.take_along_axis(exact, places, 1), atol=1e-4)


def test_it_finds_what_is_long_rather_than_what_is_near() -> None:
    vectors = np.array([[1.0, 0.0], [5.0, 2.0]], np.float32)
    places, products = ItemIndex.build(vectors).search(np.array([[1.0, 0.0]], np.float32), 1)
    assert (places.tolist(), products.tolist()) == ([[1]], [[5.0]])


def test_fewer_items_than_asked_for_end_in_nothing() -> None:
    places, products = ItemIndex.build(VECTORS[:3]).search(QUERIES, 5)
    assert (places[:, 3:] == -1).all()
    assert np.isneginf(products[:, 3:]).all()
    assert sorted(places[0, :3]) == [0, 1, 2]


def test_no_queries_find_nothing() -> None:
    assert ItemIndex.build(VECTORS).search(QUERIES[:0], 5)[0].shape == (0, 5)


def test_the_same_vectors_make_the_same_file_and_it_loads_again(tmp_path: Path) -> None:
    index = ItemIndex.build(VECTORS)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        ItemIndex.build(VECTORS).save(tmp_path / name)
    assert (tmp_path / "a" / INDEX).read_bytes() == (tmp_path / "b" / INDEX).read_bytes()
    again = ItemIndex.load(tmp_path / "a").search(QUERIES, 10)
    np.testing.assert_array_equal(again[0], index.search(QUERIES, 10)[0])


@pytest.mark.parametrize("content", [None, b"", b"junk" * 100])
def test_a_missing_or_damaged_index_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / INDEX).write_bytes(content)
    with pytest.raises(ReleaseError, match="publish the release again"):
        ItemIndex.load(tmp_path)
