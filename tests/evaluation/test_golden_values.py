"""Every metric against an independent implementation, on random queries with ties."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from evaluation import plain_metrics as plain

from lolomo.evaluation import Genres, SeenItems, judge, query_metrics, summarise

NUM_ITEMS = 60
NUM_QUERIES = 300
ITEMS = [f"i{number:02}" for number in range(NUM_ITEMS)]
KINDS = ["Drama", "War", "Comedy", "Horror", "Crime"]


@dataclass
class World:
    """Random queries as lists, and what the library makes of the same."""

    tops: list[list[str]]
    targets: list[dict[str, float]]
    rewards: list[dict[str, float]]
    histories: list[list[str]]
    plays: dict[str, int]
    genres: dict[str, set[str]]
    judgements: pl.DataFrame
    seen: SeenItems

    def table(self, *names: str) -> pl.DataFrame:
        items = pl.DataFrame(
            {"item_id": ITEMS, "genres": [sorted(self.genres[item]) for item in ITEMS]},
            schema_overrides={"genres": pl.List(pl.String)},
        )
        counts = pl.DataFrame({"item_id": ITEMS, "num_plays": [self.plays[item] for item in ITEMS]})
        return query_metrics(self.judgements, names, counts, Genres.of(items), self.seen)

    def figure(self, name: str) -> float:
        return summarise(self.table(name), [name])[name].mean


@pytest.fixture(scope="module")
def world() -> World:
    rng = np.random.default_rng(4)
    plays = {item: int(count) for item, count in zip(ITEMS, rng.zipf(1.5, NUM_ITEMS), strict=True)}
    genres = {item: set(rng.choice(KINDS, rng.integers(4), replace=False)) for item in ITEMS}
    histories = [
        rng.choice(ITEMS, rng.integers(6), replace=False).tolist() for _ in range(NUM_QUERIES)
    ]
    fresh = [[item for item in ITEMS if item not in past] for past in histories]
    picked = [rng.choice(some, rng.integers(1, 5), replace=False).tolist() for some in fresh]
    targets = [{item: float(rng.integers(1, 9)) for item in some} for some in picked]
    rewards = [{item: float(rng.integers(0, 3)) / 2 for item in some} for some in picked]
    scores = rng.permuted(np.tile(np.arange(NUM_ITEMS), (NUM_QUERIES, 1)), axis=1)
    scores = scores.astype(np.float32)
    queries = pl.DataFrame(
        {
            "query_id": range(NUM_QUERIES),
            "user_id": [f"u{number % 70}" for number in range(NUM_QUERIES)],
            "timestamp": range(NUM_QUERIES),
            "cluster": [f"u{number % 70}" for number in range(NUM_QUERIES)],
            "targets": [list(some) for some in targets],
            "gains": [list(some.values()) for some in targets],
            "rewards": [list(some.values()) for some in rewards],
        }
    )
    stops = np.cumsum([len(past) for past in histories])
    flat = np.array([item for past in histories for item in past], object)
    seen = SeenItems(flat, stops - [len(past) for past in histories], stops)
    known = np.array(ITEMS, object)
    tops = [
        sorted((item for item in some), key=lambda item: -row[ITEMS.index(item)])
        for row, some in zip(scores, fresh, strict=True)
    ]
    judged = judge(scores, known, queries, known, seen)
    return World(tops, targets, rewards, histories, plays, genres, judged, seen)


@pytest.mark.parametrize("k", [1, 5, 10, 50])
@pytest.mark.parametrize("name", ["hr", "recall", "ndcg"])
def test_accuracy_equals_that_of_plain_loops(world: World, name: str, k: int) -> None:
    alone = {"hr": plain.hit_rate, "recall": plain.recall, "ndcg": plain.ndcg}[name]
    expected = [alone(top, want, k) for top, want in zip(world.tops, world.targets, strict=True)]
    assert world.table(f"{name}@{k}")[f"{name}@{k}"].to_list() == pytest.approx(expected)


def test_reciprocal_ranks_equal_those_of_plain_loops(world: World) -> None:
    pairs = zip(world.tops, world.targets, strict=True)
    expected = [plain.reciprocal_rank(top, want) for top, want in pairs]
    assert world.table("mrr")["mrr"].to_list() == pytest.approx(expected)


@pytest.mark.parametrize("k", [2, 10])
def test_what_lists_are_like_equals_what_plain_loops_say(world: World, k: int) -> None:
    table = world.table(f"novelty@{k}", f"ild@{k}", f"calibration@{k}")
    histories = zip(world.tops, world.histories, strict=True)
    expected = {
        "novelty": [plain.novelty(top, world.plays, k) for top in world.tops],
        "ild": [plain.diversity(top, world.genres, k) for top in world.tops],
        "calibration": [plain.calibration(top, past, world.genres, k) for top, past in histories],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(table[f"{name}@{k}"].to_numpy(), values, rtol=1e-5, atol=1e-9)


def test_a_query_of_which_a_metric_says_nothing_does_not_count(world: World) -> None:
    values = [
        plain.calibration(top, past, world.genres, 10)
        for top, past in zip(world.tops, world.histories, strict=True)
    ]
    said = [value for value in values if not math.isnan(value)]
    assert 0 < len(said) < NUM_QUERIES
    assert world.figure("calibration@10") == pytest.approx(sum(said) / len(said))


def test_the_debiased_figure_equals_a_plain_weighted_mean(world: World) -> None:
    single = World(
        **{**vars(world), "targets": [dict([*each.items()][:1]) for each in world.targets]}
    )
    cut = ["targets", "target_ranks", "gains", "rewards"]
    single.judgements = world.judgements.with_columns(pl.col(cut).list.head(1))
    wanted = [next(iter(each)) for each in single.targets]
    values = [
        plain.ndcg(top, want, 10) for top, want in zip(world.tops, single.targets, strict=True)
    ]
    weights = plain.inverse_propensities(wanted, world.plays)
    assert single.figure("ipw_ndcg@10") == pytest.approx(plain.weighted_mean(values, weights))


def test_the_reward_weighted_figure_counts_queries_by_their_rewards(world: World) -> None:
    values = [
        plain.ndcg(top, want, 10) for top, want in zip(world.tops, world.rewards, strict=True)
    ]
    weights = [sum(want.values()) / len(want) for want in world.rewards]
    assert 0.0 in weights
    assert world.figure("reward_ndcg@10") == pytest.approx(plain.weighted_mean(values, weights))


def test_coverage_counts_what_plain_sets_hold(world: World) -> None:
    shown = {item for top in world.tops for item in top[:3]}
    assert world.figure("coverage@3") == pytest.approx(len(shown) / NUM_ITEMS)
