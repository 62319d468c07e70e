"""How well what stands on the page meets the user's history, for those who choose among rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.features.shown import ITEM_PLAYS, genre_match, genre_profile
from lolomo.serving.steps.messages import Context
from lolomo.serving.steps.resources import Features


def shown_values(
    item_ids: Ids, context: Context, features: Features, *more: str
) -> Mapping[str, Scores]:
    """Return what is known of shown titles.

    Args:
        item_ids: Of the titles. Shape: [titles].
        context: Who looks, and when.
        features: Reads the items' features.
        *more: Names of further item features.

    Returns:
        `ITEM_PLAYS` and the further features; and `match`, how well genres meet the history. Each
        of shape [titles].
    """
    names = (ITEM_PLAYS, *more)
    values = features.items(item_ids, context.timestamp, (*names, Columns.GENRES))
    history = np.array(context.user.history, dtype=object)
    known = features.items(history, context.timestamp, (Columns.GENRES,))
    profile = genre_profile(_genres(known))
    match = [genre_match(profile, genres) for genres in _genres(values)]
    return {name: values[name] for name in names} | {"match": np.array(match, np.float32)}


def _genres(values: Mapping[str, NDArray[Any]]) -> list[list[str]]:
    return [list(filter(None, genres)) for genres in values[Columns.GENRES].tolist()]
