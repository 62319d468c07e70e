"""What a history says of candidates is the same in training, in evaluation and in serving."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
from features.conftest import CUT, synthetic_log

from lolomo.core.columns import Columns
from lolomo.core.recommender import Query
from lolomo.features.asked import DAY
from lolomo.features.covisitation import HOUR
from lolomo.features.history_features import OF_CANDIDATES, OF_QUERIES, HistoryFeatures
from lolomo.features.places import Places

LOG = synthetic_log()
ITEMS = LOG.items()[Columns.ITEM_ID].to_numpy().astype(object)
NUM_QUERIES = 6


def features(events: pl.DataFrame = LOG.events()) -> HistoryFeatures:  # noqa: B008 - never changed
    return HistoryFeatures(events, LOG.items(), Places(ITEMS))


@pytest.fixture(scope="module")
def queries() -> Query:
    """Queries of several days, each about the whole catalogue."""
    times = int(CUT.timestamp() * 1_000_000) + np.arange(NUM_QUERIES) * DAY // 3
    history = np.random.default_rng(3).choice(ITEMS, (NUM_QUERIES, 7))
    history[1, :4] = ""
    past = np.where(history == "", 0, times[:, None] - DAY * np.arange(1, 8)[::-1])
    return {
        Columns.TIMESTAMP: times,
        Columns.COUNTS_TIMESTAMP: times,
        Columns.HISTORY_ITEM_IDS: history,
        Columns.HISTORY_TIMESTAMPS: past,
        Columns.CANDIDATES: np.tile(ITEMS, (NUM_QUERIES, 1)),
    }


@pytest.fixture(scope="module")
def trained(queries: Query) -> Mapping[str, Any]:
    """As training sees them: all queries at once."""
    return features().of(queries)


def test_every_feature_is_there_and_says_something(trained: Mapping[str, Any]) -> None:
    assert trained.keys() == {*OF_CANDIDATES, *OF_QUERIES}
    silent = [name for name, values in trained.items() if not np.nan_to_num(values).any()]
    assert silent == ["profile_new"]  # the titles are of 1990 to 2006


def test_only_what_is_asked_for_is_told(queries: Query, trained: Mapping[str, Any]) -> None:
    names = ("covisits_near", "covisits_soon_next", "taste_age")
    some = features().of(queries, names)
    assert some.keys() == set(names)
    for name in names:
        np.testing.assert_array_equal(some[name], trained[name])


def test_one_list_of_candidates_for_all_queries_is_as_good(
    queries: Query, trained: Mapping[str, Any]
) -> None:
    shared = np.broadcast_to(ITEMS, queries[Columns.CANDIDATES].shape)
    for name, values in features().of({**queries, Columns.CANDIDATES: shared}).items():
        np.testing.assert_array_equal(values, trained[name])


@pytest.mark.parametrize("row", range(NUM_QUERIES))
def test_a_request_sees_what_training_saw(
    queries: Query, trained: Mapping[str, Any], row: int
) -> None:
    serving = features()
    serving.advance(int(queries[Columns.COUNTS_TIMESTAMP][row]))
    served = serving.of({name: values[row : row + 1] for name, values in queries.items()})
    for name, values in served.items():
        np.testing.assert_allclose(values[0], trained[name][row], rtol=1e-5, err_msg=name)


def test_nothing_of_the_querys_own_hour_or_later_is_seen(
    queries: Query, trained: Mapping[str, Any]
) -> None:
    hour = int(queries[Columns.TIMESTAMP][0]) // HOUR * HOUR
    known = features(LOG.events().filter(pl.col(Columns.TIMESTAMP).dt.epoch("us") < hour))
    for name, values in known.of({key: each[:1] for key, each in queries.items()}).items():
        np.testing.assert_allclose(values[0], trained[name][0], rtol=1e-5, err_msg=name)
