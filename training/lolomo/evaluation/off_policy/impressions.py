"""Decisions out of an event log: impressions that carry a propensity, and what they led to.

This is for logs of single decisions, such as Open Bandit's, whose target is the plainest of
policies: one that shows every item of the log with equal probability.
"""

import numpy as np
import polars as pl

from lolomo.core.columns import Columns, Kind
from lolomo.core.errors import DataError
from lolomo.evaluation.off_policy.logs import Decisions
from lolomo.evaluation.off_policy.reward_model import action_means, folds_of, predict


def uniform_decisions(events: pl.DataFrame) -> Decisions:
    """Return the impressions of a log, and how a uniform policy would have decided.

    Predictions are means of items, cross-fitted; impressions of one user are one cluster.

    Args:
        events: Events of one surface, each impression with a propensity, and as value what it
            earned, such as 1 for a click.

    Raises:
        DataError: If there is no impression, or one has no propensity.
    """
    shown = events.filter(pl.col(Columns.KIND) == Kind.IMPRESSION)
    if shown.is_empty():
        raise DataError(
            f"none of {events.height} events is an impression, so nothing says what was shown with "
            "what probability: off-policy evaluation needs a log of impressions"
        )
    actions = shown[Columns.ITEM_ID].rank("dense").cast(pl.Int64).to_numpy() - 1
    users = shown[Columns.USER_ID].rank("dense").cast(pl.Int64).to_numpy() - 1
    rewards = shown[Columns.VALUE].fill_null(0.0).to_numpy()
    num_items = int(actions.max()) + 1
    uniform = np.full(num_items, 1.0 / num_items)
    folds = folds_of(len(actions), users)
    means = action_means(rewards, actions, num_items, folds)
    return Decisions(
        rewards=rewards,
        propensities=shown[Columns.PROPENSITY].fill_null(np.nan).to_numpy(),
        target_propensities=uniform[actions],
        predictions=predict(means, actions, folds, uniform),
        clusters=users,
    )
