"""What is computed beforehand, compiled or remembered changes no score."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from runtimes.small_ranker import INPUTS, asked, small_ranker

from lolomo import runtimes
from lolomo.core.errors import RequestError
from lolomo.runtimes.remembered import Remembered
from lolomo.runtimes.tensorflow import SavedModelRanker

GIVEN = ("candidates", "item_plays_1d")


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> SavedModelRanker:
    return small_ranker(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def compiled(ranker: SavedModelRanker) -> Any:
    return runtimes.compiled(ranker, candidates=6, history_length=4)


@pytest.mark.parametrize(
    ("candidates", "history", "queries"),
    [
        ("abc?ab", "abca", 1),  # the shape that was compiled
        ("ca", "b", 1),  # padded
        ("abc", "abcabc", 1),  # a longer history
        ("abcabca", "a", 1),  # more candidates
        ("abc", "ab", 3),  # several queries
    ],
)
def test_a_compiled_ranker_scores_as_the_signature(
    ranker: SavedModelRanker, compiled: Any, candidates: str, history: str, queries: int
) -> None:
    query = asked(candidates, history, queries)
    np.testing.assert_allclose(compiled.rank(query), ranker.rank(query), rtol=1e-5, atol=1e-6)


def test_a_compiled_ranker_says_what_is_missing(compiled: Any) -> None:
    query = {name: value for name, value in asked("ab", "c").items() if name != "user_plays_1d"}
    with pytest.raises(RequestError, match="user_plays_1d"):
        compiled.rank(query)


def test_a_prepared_ranker_is_told_the_rest(ranker: SavedModelRanker) -> None:
    query = asked("abc?", "ab")
    prepared = runtimes.prepared(ranker, {name: query[name] for name in GIVEN})
    assert set(prepared.inputs) == set(INPUTS) - set(GIVEN)
    rest = {name: query[name] for name in prepared.inputs}
    np.testing.assert_allclose(prepared.rank(rest), ranker.rank(query), rtol=1e-6)


def test_what_was_given_before_stays_with_its_ranker(ranker: SavedModelRanker) -> None:
    first, second = asked("abc", "ab"), asked("cc", "ab")
    before = runtimes.prepared(ranker, {name: first[name] for name in GIVEN})
    runtimes.prepared(ranker, {name: second[name] for name in GIVEN})
    np.testing.assert_allclose(before.rank(second), ranker.rank({**second, **first}), rtol=1e-6)


class PlainRanker:
    """A ranker of another runtime."""

    inputs = INPUTS

    def rank(self, query: Any) -> Any:
        return query["item_plays_1d"] + query["user_plays_1d"][:, None]


def test_any_ranker_can_be_told_a_part_beforehand() -> None:
    query = asked("abc", "a")
    prepared = runtimes.prepared(PlainRanker(), {name: query[name] for name in GIVEN})
    assert set(prepared.inputs) == set(INPUTS) - set(GIVEN)
    assert prepared.rank({"user_plays_1d": query["user_plays_1d"]}).tolist() == [[2.0, 3.0, 4.0]]
    assert runtimes.compiled(PlainRanker(), 3, 3).inputs == INPUTS


class Lengths:
    """Looks up how long texts are, and notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        (some,) = texts
        self.asked.append(some.ravel().tolist())
        lengths = np.array([len(text) for text in some.ravel()], np.int32)
        return [lengths.reshape(*some.shape, 1), np.array(some.shape)]


def test_only_new_texts_are_looked_up_and_shapes_once() -> None:
    lengths = Lengths()
    remembered = Remembered(lengths, (0, 0))
    for texts, looked_up in (
        (["a", "bb", "a"], [["a", "bb", "a"], ["a", "bb"]]),
        (["bb", "a", "a"], []),
        (["new", "a", ""], [["new", ""]]),
    ):
        lengths.asked.clear()
        found, shape = remembered([np.array([texts], object)])
        assert found.ravel().tolist() == [len(text) for text in texts]
        assert shape.tolist() == [1, 3]
        assert lengths.asked == looked_up
    found, shape = remembered([np.array([["a"]], object)])
    assert (found.tolist(), shape.tolist()) == ([[[1]]], [1, 1])
