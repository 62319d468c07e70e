"""What is weighed beside a network's score: a candidate's counts, and its co-visits.

Both say what people watch now, everybody or those who have just watched the same, and both go on
after a network is fitted. So both are added to its score by one mechanism: the logarithm of each
has a weight, and the weights are learned from events that the network never saw (`calibration`).

Of the scales of co-visits (`features.covisitation`) two are enough: plays a few places apart, by
the day and by the hour. They are sparse, so over a whole catalogue they cost little more than for a
shortlist.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from lolomo.core.errors import ModelError
from lolomo.core.recommender import Query, Scores
from lolomo.training.models.data import TrainingData
from lolomo.training.models.past_counts import log_counts

CLOSE_COVISITS: Final = (
    "covisits_near_next",
    "covisits_near",
    "covisits_soon_next",
    "covisits_soon",
)
SMALLEST_COVISIT: Final = 0.02
"""Added to co-visits before the logarithm."""


def log_covisits_at(data: TrainingData, query: Query) -> Scores:
    """Return the log co-visits of candidates of past queries.

    Args:
        data: With `history_values`.
        query: As `HistoryFeatures.of` reads it.

    Returns:
        Shape: [batch, candidates, covisits].

    Raises:
        ModelError: If the data has no `history_values`.
    """
    if data.history_values is None:
        raise ModelError(
            "weighing co-visits needs those of the past, and received `history_values` None: pass "
            "them in `TrainingData`, or set covisits=False"
        )
    values = data.history_values(query, CLOSE_COVISITS)
    covisits = np.stack([values[name] for name in CLOSE_COVISITS], axis=2)
    logs: Scores = np.log(covisits + np.float32(SMALLEST_COVISIT))
    return logs


def log_values(query: Mapping[str, Any], with_covisits: bool) -> Any:
    """Return what is weighed of a query's candidates, tensors in and out.

    Args:
        query: What `past_counts.log_counts` reads, and `CLOSE_COVISITS` if they are told.
        with_covisits: Whether they are.

    Returns:
        Shape: [batch, candidates, values].
    """
    import tensorflow as tf

    counts = log_counts(query)
    if not with_covisits:
        return counts
    covisits = tf.stack([query[name] for name in CLOSE_COVISITS], axis=2)
    covisits = tf.where(tf.math.is_nan(covisits), 0.0, covisits)
    return tf.concat([counts, tf.math.log(covisits + SMALLEST_COVISIT)], axis=2)
