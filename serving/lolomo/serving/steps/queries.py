"""Model inputs of one request: the same arrays that `query_inputs` makes in training."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.features import all_features, plain_inputs
from lolomo.serving.steps.messages import Context
from lolomo.serving.steps.resources import Features

HISTORY = (Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS, Columns.HISTORY_KINDS)


def user_query(
    context: Context,
    inputs: Sequence[str],
    histories: Sequence[Mapping[str, Sequence[Any]]] = ({},),
) -> dict[str, NDArray[Any]]:
    """Return those inputs that user and context provide, a row a history.

    Args:
        context: Who asks, and when.
        inputs: Names that a release reads; those of items and candidates are left out.
        histories: What replaces the user's history, by column, in each row; by default one row
            with the history as it is.

    Returns:
        Arrays whose first axis is the rows. Shape: [batch, ...].
    """
    known = all_features()
    names = [name for name in inputs if name in known and known[name].entity != "item"]
    features = context.user.features
    query = plain_inputs(
        [{**features, **history} if history else features for history in histories], names
    )
    query[Columns.TIMESTAMP] = np.full(len(histories), context.timestamp, np.int64)
    return query


def item_query(
    timestamp: int, inputs: Sequence[str], item_ids: Ids, items: Features
) -> dict[str, NDArray[Any]]:
    """Return those inputs of a ranker that items provide: features, ids, and freshness.

    Args:
        timestamp: As of when, in microseconds since 1970 UTC.
        inputs: Names that a release reads; those of users and of merging are left out.
        item_ids: The candidates. Shape: [candidates].
        items: Reads the items' features.

    Returns:
        Arrays of a batch of one.
    """
    known = all_features()
    names = [name for name in inputs if name in known and known[name].entity == "item"]
    values = items.items(item_ids, timestamp, names)
    query = {name: values[name][None] for name in names}
    query[Columns.CANDIDATES] = item_ids[None]
    query[Columns.COUNTS_TIMESTAMP] = np.array([items.counts_timestamp], np.int64)
    return query


def ranking_query(
    context: Context, inputs: Sequence[str], item_ids: Ids, items: Features
) -> dict[str, NDArray[Any]]:
    """Return the inputs of a ranker of some items: of user, context and items; see `item_query`."""
    of_items = item_query(context.timestamp, inputs, item_ids, items)
    return user_query(context, inputs) | of_items


def latest_history(context: Context, length: int) -> dict[str, Sequence[Any]]:
    """Return the columns of the user's history, cut to the latest entries."""
    features = context.user.features
    return {name: list(features.get(name) or ())[-length:] for name in HISTORY}


def seed_history(context: Context, seed_item_id: str) -> dict[str, Sequence[Any]]:
    """Return the columns of a history that is one item, watched just now."""
    items = context.user.history
    kinds = list(context.user.features.get(Columns.HISTORY_KINDS) or ())
    place = len(items) - 1 - items[::-1].index(seed_item_id)
    return {
        Columns.HISTORY_ITEM_IDS: [seed_item_id],
        Columns.HISTORY_TIMESTAMPS: [context.timestamp],
        Columns.HISTORY_KINDS: kinds[place : place + 1],
    }
