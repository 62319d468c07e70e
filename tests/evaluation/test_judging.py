import time
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import polars as pl
import pytest

from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ids, Scores
from lolomo.evaluation import Judgements, SeenItems, judge
from lolomo.evaluation.judging import tie_order

Lists: TypeAlias = list[list[str]]
Case: TypeAlias = tuple[Scores, Ids, Lists, Lists]


def table_of(targets: Lists, gains: list[list[float]] | None = None) -> pl.DataFrame:
    """Return queries with the given targets, one user each."""
    num = len(targets)
    return pl.DataFrame(
        {
            "query_id": range(num),
            "user_id": [f"u{i}" for i in range(num)],
            "timestamp": range(num),
            "targets": targets,
            "gains": gains or [[1.0] * len(row) for row in targets],
            "cluster": [f"u{i}" for i in range(num)],
        },
        schema_overrides={"targets": pl.List(pl.String), "gains": pl.List(pl.Float64)},
    )


def ids(num: int) -> Ids:
    return np.array([f"{i:05}" for i in range(num)], object)


def seen_of(lists: Lists) -> SeenItems:
    stops = np.cumsum([len(row) for row in lists])
    starts = stops - [len(row) for row in lists]
    return SeenItems(np.array([i for row in lists for i in row], object), starts, stops)


def brute_force(
    scores: Scores, known: Ids, seen: Lists, targets: Lists
) -> Iterator[tuple[list[int | None], list[str]]]:
    """Sort everything in Python."""
    places = dict(zip(known, tie_order(known), strict=True))
    for row, left_out, wanted in zip(scores, seen, targets, strict=True):
        ranked = sorted(
            (i for i in range(len(known)) if known[i] not in left_out and row[i] > -np.inf),
            key=lambda i: (-row[i], places[known[i]]),
        )
        order = [known[i] for i in ranked]
        yield [order.index(i) + 1 if i in order else None for i in wanted], order[:100]


@pytest.fixture
def case() -> Case:
    """Scores with many ties, negative values, both zeros and -inf, and lists of seen items."""
    rng = np.random.default_rng(3)
    known = ids(150)
    scores = rng.integers(-4, 5, (90, 150)).astype(np.float32) * np.float32(-0.5)
    scores[(scores == 0) & (rng.random(scores.shape) < 0.5)] = 0.0
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    seen = [rng.choice(known, rng.integers(30), replace=False).tolist() for _ in scores]
    targets = [rng.choice(known, rng.integers(1, 6), replace=False).tolist() for _ in scores]
    return scores, known, seen, targets


def test_ranks_and_top_items_equal_a_full_sort_with_ties(case: Case) -> None:
    scores, known, seen, targets = case
    table = judge(scores, known, table_of(targets), known, seen_of(seen))
    expected = list(brute_force(scores, known, seen, targets))
    assert table["target_ranks"].to_list() == [ranks for ranks, _ in expected]
    assert table["top_item_ids"].to_list() == [top for _, top in expected]


def test_blocks_and_the_order_of_a_vocabulary_change_nothing(case: Case) -> None:
    scores, known, seen, targets = case
    whole = judge(scores, known, table_of(targets), known, seen_of(seen))
    shuffle = np.random.default_rng(0).permutation(len(known))
    stranger = np.full((len(scores), 1), 99, np.float32)
    judgements = Judgements(table_of(targets), known, seen_of(seen))
    for part in (slice(0, 7), slice(7, 80), slice(80, 90)):
        block = np.concatenate([scores[part][:, shuffle], stranger[part]], axis=1)
        judgements.add(block, np.append(known[shuffle], "stranger"))
    assert judgements.table().equals(whole)


def test_candidates_compete_alone_and_a_target_that_is_none_is_a_miss(case: Case) -> None:
    scores, known, seen, targets = case
    rng = np.random.default_rng(1)
    slots = np.array([rng.choice(150, 40, replace=False) for _ in scores])
    padded = np.concatenate([known[slots], np.full((90, 3), "", object)], axis=1)
    own = np.concatenate([np.take_along_axis(scores, slots, 1), np.full((90, 3), 9.0)], axis=1)
    judgements = Judgements(table_of(targets), known, seen_of(seen))
    judgements.add_candidates(own.astype(np.float32), padded)
    dense = np.full_like(scores, -np.inf)
    np.put_along_axis(dense, slots, np.take_along_axis(scores, slots, 1), 1)
    expected = judge(dense, known, table_of(targets), known, seen_of(seen))
    assert judgements.table().equals(expected)
    assert judgements.table()["target_ranks"].explode().null_count() > 0


def test_a_constant_model_gains_nothing_from_being_asked_about_the_first_item() -> None:
    known = ids(1000)
    table = judge(np.zeros((1000, 1000), np.float32), known, table_of([[i] for i in known]), known)
    assert sorted(rank for (rank,) in table["target_ranks"]) == list(range(1, 1001))
    assert table["top_item_ids"][0].to_list() != known[:100].tolist()


def test_without_queries_the_table_is_empty() -> None:
    table = judge(np.zeros((0, 5), np.float32), ids(5), table_of([]), ids(5))
    assert table.is_empty()
    assert table.schema["target_ranks"] == pl.List(pl.Int64)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((2, 4), np.float32), "expected \\(2, 5\\)"),
        (np.full((2, 5), np.nan, np.float32), "NaN"),
        (np.zeros((3, 5), np.float32), "add each query once"),
        (np.zeros((1, 5), np.float32), "1 of 2 queries are judged"),
    ],
)
def test_scores_that_do_not_fit_their_queries_are_refused(scores: Scores, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        judge(scores, ids(5), table_of([["00001"], ["00002"]]), ids(5))


def test_seen_items_of_other_queries_are_refused() -> None:
    with pytest.raises(ModelError, match="speaks of 2 queries, expected 1"):
        Judgements(table_of([["00001"]]), ids(5), seen_of([[], []]))


def test_ten_thousand_queries_over_ten_thousand_items_take_less_than_ten_seconds() -> None:
    rng = np.random.default_rng(0)
    users, items = (rng.standard_normal((10_000, 64), np.float32) for _ in range(2))
    known = ids(10_000)
    stops = np.arange(1, 10_001) * 40
    seen = SeenItems(known[rng.integers(10_000, size=stops[-1])], stops - 40, stops)
    judgements = Judgements(table_of([[item] for item in known]), known, seen)
    start = time.process_time()
    for first in range(0, 10_000, 250):
        judgements.add(users[first : first + 250] @ items.T, known)
    judgements.table()
    assert time.process_time() - start < 10.0
