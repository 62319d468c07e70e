import numpy as np
import pytest

from lolomo.training.layers.cross import Cross
from lolomo.training.layers.feature_encoding import FEW, NumberEncoding, SetEmbedding, Vocabulary

VALUES = np.array([0, 1, 10, 100, 1000], np.float32)


def _encoded(*values: float) -> np.ndarray:
    encode = NumberEncoding([VALUES], num_quantiles=5)
    return np.asarray(encode(np.array(values, np.float32)[:, None]))


def test_numbers_keep_their_order_and_stay_bounded() -> None:
    codes = _encoded(-1e9, 0, 1, 10, 100, 1000, 1e9)
    assert np.all(np.diff(codes[:, :2], axis=0) >= 0)
    assert np.abs(codes).max() <= 4.0
    np.testing.assert_allclose(codes[1:6, 1], [-1.0, -0.5, 0.0, 0.5, 1.0], atol=1e-6)


def test_a_missing_number_is_said_to_be_missing_and_nothing_else() -> None:
    np.testing.assert_array_equal(_encoded(float("nan")), [[0.0, 0.0, 1.0, 0.0]])


def test_what_a_number_means_depends_on_its_list_but_not_on_unknown_rows() -> None:
    within = _encoded(100.0, 1000.0, float("nan"))[:, 3]
    np.testing.assert_allclose(within, [-1.0, 1.0, 0.0], atol=1e-5)
    np.testing.assert_array_equal(_encoded(7.0, 7.0)[:, 3], [0.0, 0.0])


def test_small_numbers_are_told_apart_as_well_as_large_ones() -> None:
    ranks = (1.0 / np.arange(1, 501)).astype(np.float32)
    codes = np.asarray(NumberEncoding([ranks])(ranks[:, None]))
    assert codes[99, 0] - codes[399, 0] > 0.5


@pytest.mark.parametrize("column", [np.full(3, np.nan, np.float32), np.full(3, 7.0, np.float32)])
def test_a_column_without_information_still_encodes_finitely(column: np.ndarray) -> None:
    codes = np.asarray(NumberEncoding([column])(np.array([[5.0], [7.0]], np.float32)))
    assert np.isfinite(codes).all()


def test_an_unseen_text_and_a_missing_one_have_index_zero() -> None:
    vocabulary = Vocabulary(["", "a", "ä"])
    indices = vocabulary(np.array([["ä", "", "b", "a"]]))
    assert vocabulary.size == 3
    assert indices.numpy().tolist() == [[2, 0, 0, 1]]


def test_an_empty_vocabulary_knows_nothing() -> None:
    assert Vocabulary([])(np.array(["a"])).numpy().tolist() == [0]


@pytest.mark.parametrize("size", [4, FEW + 1])
def test_a_set_is_the_mean_of_its_members_whatever_its_padding(size: int) -> None:
    embed = SetEmbedding(size, 3)
    rows = np.asarray(embed(np.array([[1], [2]])))
    narrow, wide = embed(np.array([[1, 2]])), embed(np.array([[2, 0, 1, 0]]))
    np.testing.assert_allclose(narrow, wide, atol=1e-6)
    np.testing.assert_allclose(narrow[0], rows.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(embed(np.array([[0, 0]])), np.zeros((1, 3)))


def test_a_cross_multiplies_features() -> None:
    cross = Cross(rank=2)
    features = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    once, twice = (np.asarray(cross(x, x) - x) for x in (features, 2 * features))
    np.testing.assert_allclose(twice, 4 * once, rtol=1e-4, atol=1e-5)
