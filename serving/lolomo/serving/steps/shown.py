"""How well what stands on the page meets the user's history, for those who choose among rows."""

from collections.abc import Mapping

import numpy as np

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
    values = features.items(item_ids, context.timestamp, names)
    ids, history = item_ids.tolist(), context.user.history
    captions = features.captions([*ids, *history])
    profile = genre_profile(captions[item_id].genres for item_id in history)
    match = [genre_match(profile, captions[item_id].genres) for item_id in ids]
    return {name: values[name] for name in names} | {"match": np.array(match, np.float32)}
