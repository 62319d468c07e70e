"""What the next-item network sees on each rung, whatever its body and its weights."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import polars as pl
import pytest
from models.small_world import DAY, training_data

from lolomo.core.columns import Columns
from lolomo.tasks import NEXT_PLAY
from lolomo.training.layers.next_item_network import NextItemNetwork
from lolomo.training.models import (
    HSTU,
    AsymmetricMF,
    FeedForward,
    GRU4Rec,
    SASRec,
    config_from,
)
from lolomo.training.models.next_item import NextItemModel
from lolomo.training.models.next_item_config import TIME
from lolomo.training.models.next_item_examples import NextItemEvents
from lolomo.training.models.next_item_parts import network_parts
from lolomo.training.models.query_context import QueryContext

BODIES: list[type[NextItemModel[Any]]] = [AsymmetricMF, FeedForward, GRU4Rec, SASRec, HSTU]
LENGTH = 6
NOW = 1_579_000_000_000_000


def _network(model: type[NextItemModel[Any]], inputs: str) -> NextItemNetwork:
    """Return a network with random weights, output heads included."""
    keras.utils.set_random_seed(3)
    config = config_from(model, {"inputs": inputs, "popularity_prior": False, "embedding_dim": 16})
    data = training_data(NEXT_PLAY)
    events = NextItemEvents.of(data, data.item_ids(), with_kinds=False)
    parts = network_parts(config, data, events, QueryContext.none(data), seed=3)
    network = NextItemNetwork(model(config).body(LENGTH, config.timed), parts)
    network.build()
    rng = np.random.default_rng(3)
    for weight in network.trainable_weights:
        if weight.path.endswith(("by_gap", "by_order", "coefficients/kernel")):
            weight.assign(rng.normal(size=weight.shape))
    return network


def _inputs(**changes: Any) -> dict[str, Any]:
    """Return one window: its start, five events a day apart, and a query two days later."""
    timestamps = NOW - DAY * np.array([[7, 7, 5, 4, 3, 2]])
    clocks = np.concatenate([timestamps[:, 1:], [[NOW]]], axis=1)
    items = np.array([[0, 3, 7, 11, 15, 19]], np.int32)
    segments = np.ones((1, LENGTH), np.int32)
    inputs = {"items": items, "timestamps": timestamps, "clocks": clocks, "segments": segments}
    return inputs | changes


def _scores(network: NextItemNetwork, inputs: dict[str, Any]) -> Any:
    states = network.query_states(network(inputs)[:, -1], np.zeros((1, 1), np.int32))
    return np.asarray(network.item_scores(states, inputs["clocks"][:, -1]))


def _later(hours: int) -> dict[str, Any]:
    inputs = _inputs()
    clocks = inputs["clocks"].copy()
    clocks[:, -1] += hours * DAY // 24
    return {**inputs, "clocks": clocks}


@pytest.mark.parametrize("inputs", TIME)
def test_only_the_rungs_of_time_know_when_they_are_asked(inputs: str) -> None:
    network = _network(SASRec, inputs)
    same = np.allclose(_scores(network, _inputs()), _scores(network, _later(31)), atol=1e-5)
    assert same == (TIME[inputs] == "none")


def test_buckets_of_time_see_no_minutes_and_continuous_time_does() -> None:
    inputs = _inputs()
    minute = {**inputs, "clocks": inputs["clocks"] + 60_000_000 * (np.arange(LENGTH) == LENGTH - 1)}
    moved = {
        rung: np.abs(_scores(network, minute) - _scores(network, inputs)).max()
        for rung in ("discretised_time", "continuous_time")
        for network in [_network(SASRec, rung)]
    }
    assert moved["discretised_time"] < 1e-6 < moved["continuous_time"]


def test_raw_time_is_extrapolated_beyond_the_cut() -> None:
    network = _network(SASRec, "absolute_time")
    at = [_scores(network, _later(24 * days)) for days in (30, 60)]
    assert np.abs(at[1] - at[0]).max() > 1e-3


@pytest.mark.parametrize("inputs", ["ids", "content"])
def test_items_of_one_genre_are_alike_only_where_content_is_told(inputs: str) -> None:
    network = _network(SASRec, inputs)
    network.items.wanted_ids.assign(np.zeros(network.items.wanted_ids.shape))
    embedded, _ = network.items.wanted(np.arange(20))
    assert bool(np.any(np.asarray(embedded))) == (inputs == "content")


@pytest.mark.parametrize("model", BODIES)
@pytest.mark.parametrize("inputs", ["ids", "continuous_time"])
def test_no_body_sees_later_events_or_other_windows(
    model: type[NextItemModel[Any]], inputs: str
) -> None:
    network = _network(model, inputs)
    segments = np.array([[1, 1, 1, 2, 2, 2]], np.int32)
    items = np.array([[0, 3, 7, 0, 11, 15]], np.int32)
    before = np.asarray(network(_inputs(items=items, segments=segments)))
    last, other = items.copy(), items.copy()
    last[0, 5], other[0, 1] = 23, 23
    after = np.asarray(network(_inputs(items=last, segments=segments)))
    np.testing.assert_allclose(after[:, :5], before[:, :5], atol=1e-5)
    assert not np.allclose(after[:, 5], before[:, 5], atol=1e-4)
    beside = np.asarray(network(_inputs(items=other, segments=segments)))
    np.testing.assert_allclose(beside[:, 3:], before[:, 3:], atol=1e-5)


@pytest.mark.parametrize("model", BODIES)
def test_padding_in_front_changes_nothing(model: type[NextItemModel[Any]]) -> None:
    network = _network(model, "continuous_time")
    inputs = _inputs()
    short = {name: values[:, 2:].copy() for name, values in inputs.items()}
    short["items"][0, 0] = 0
    padded = {name: values.copy() for name, values in inputs.items()}
    padded["items"][0, :3] = 0
    padded["timestamps"][0, :3] = short["timestamps"][0, 0]
    np.testing.assert_allclose(_scores(network, padded), _scores(network, short), atol=1e-5)


def test_the_order_of_the_history_matters_to_attention_even_on_ids() -> None:
    network = _network(SASRec, "ids")
    items = np.array([[0, 7, 3, 11, 15, 19]], np.int32)
    assert not np.allclose(_scores(network, _inputs(items=items)), _scores(network, _inputs()))


def test_the_kinds_of_events_are_told_where_there_are_several() -> None:
    data = training_data(NEXT_PLAY)
    kinds = pl.Series(Columns.KIND, ["play", "rate"] * (len(data.events) // 2 + 1))
    mixed = replace(data, events=data.events.with_columns(kinds[: len(data.events)]))
    events = NextItemEvents.of(mixed, data.item_ids(), with_kinds=True)
    assert events.kind_names == ("play", "rate")
    assert set(events.kinds.tolist()) == {1, 2}
