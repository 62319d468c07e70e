"""The golden request: a release that computes something else than when it was made is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import Ids, Query, Scores
from lolomo.runtimes.golden import GOLDEN, check_golden, golden_of

ITEMS = [f"i{number:03}" for number in range(100)]


class Ranker:
    """Scores by one number, and by how far an item stands in the candidates."""

    inputs = ("candidates", "item_plays_7d")

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def rank(self, query: Query) -> Scores:
        return np.asarray(query["item_plays_7d"] * self.factor, np.float32)

    def blank_query(self, candidates: int, history_length: int) -> Query:
        return {
            "candidates": np.full((1, candidates), "", object),
            "item_plays_7d": np.zeros((1, candidates), np.float32),
            "history_item_ids": np.full((1, history_length), "", object),
            "history_timestamps": np.zeros((1, history_length), np.int64),
            "timestamp": np.zeros(1, np.int64),
        }


class Retriever(Ranker):
    """Finds the items after the last of the history."""

    items: Ids = np.array(ITEMS, object)

    def scores(self, query: Query) -> Scores:
        return np.zeros((1, len(ITEMS)), np.float32)

    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        last = ITEMS.index(query["history_item_ids"][0, -1])
        ids = np.roll(self.items, -last - int(self.factor))[None, :k]
        return ids, np.arange(k, 0, -1, dtype=np.float32)[None]


@pytest.mark.parametrize("kind", [Ranker, Retriever])
def test_a_release_that_answers_as_before_passes(kind: Any, tmp_path: Path) -> None:
    (tmp_path / GOLDEN).write_bytes(golden_of(kind(), ITEMS))
    assert check_golden(tmp_path, kind())
    assert golden_of(kind(), ITEMS) == golden_of(kind(), ITEMS)


@pytest.mark.parametrize("kind", [Ranker, Retriever])
def test_a_release_that_answers_otherwise_is_refused(kind: Any, tmp_path: Path) -> None:
    (tmp_path / GOLDEN).write_bytes(golden_of(kind(1.0), ITEMS))
    with pytest.raises(ReleaseError, match="answers its golden request otherwise"):
        check_golden(tmp_path, kind(2.0))


def test_rounding_of_another_machine_is_forgiven(tmp_path: Path) -> None:
    (tmp_path / GOLDEN).write_bytes(golden_of(Ranker(1.0), ITEMS))
    assert check_golden(tmp_path, Ranker(1.0 + 1e-6))


def test_a_release_of_the_version_before_has_none(tmp_path: Path) -> None:
    assert not check_golden(tmp_path, Ranker())


@pytest.mark.parametrize("text", ["{", "{}", '{"query": {"a": 1}, "answer": {}}'])
def test_a_file_that_is_no_golden_request_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / GOLDEN).write_text(text)
    with pytest.raises(ReleaseError, match="cannot be read"):
        check_golden(tmp_path, Ranker())


def test_the_golden_request_asks_about_items_that_exist(tmp_path: Path) -> None:
    asked: list[Query] = []

    class Asked(Ranker):
        @override
        def rank(self, query: Query) -> Scores:
            asked.append(query)
            return super().rank(query)

    golden_of(Asked(), ITEMS[:5])
    ids = asked[0]["candidates"].ravel().tolist()
    assert set(ids) == {*ITEMS[:5], ""}
    assert (np.diff(asked[0]["history_timestamps"][0]) > 0).all()
    assert (asked[0]["item_plays_7d"] > 0).all()
