"""Counts of items as they were at past instants, for models that learn what popularity tells.

What is learned from may know the counts of some earlier instant, so that one fit serves with counts
that are fresh, late, or stopped at the cut. Decayed counts fade while they are not updated;
`log_counts` undoes that, so that old counts mean the same in training and at serving.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.training.models.data import TrainingData

if TYPE_CHECKING:
    from lolomo.training.layers.popularity_prior import CountSnapshots

HALF_LIFE_DAYS = {
    "item_decayed_plays_1d": 1.0,
    "item_decayed_plays_3d": 3.0,
    "item_decayed_plays_7d": 7.0,
}
COUNTS = (*HALF_LIFE_DAYS, "item_plays_30d", "item_plays_total")
LONGEST_FADING = 100.0
"""Half-lives after which a count cannot be restored in float32."""
INSTANTS_AT_ONCE = 32


def count_snapshots(
    data: TrainingData, timestamps: NDArray[np.int64], num_snapshots: int
) -> "CountSnapshots":
    """Return log counts at instants spread evenly over the events, the last at the last event.

    Args:
        data: With `item_values`.
        timestamps: Of the events, ascending. Shape: [events].
        num_snapshots: At how many instants.

    Raises:
        ModelError: If the data has no `item_values`.
    """
    from lolomo.training.layers.popularity_prior import CountSnapshots

    places = np.linspace(0, len(timestamps) - 1, num_snapshots).astype(np.int64)
    instants = np.unique(timestamps[places])
    return CountSnapshots(instants, log_counts_at(data, instants, np.arange(len(data.item_ids()))))


def log_counts_at(
    data: TrainingData, instants: NDArray[np.int64], items: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return log counts of some items at past instants. Shape: [counts, instants, items].

    Args:
        data: With `item_values`.
        instants: Microseconds, ascending. Shape: [instants].
        items: Item i as i. Shape: [items].

    Raises:
        ModelError: If the data has no `item_values`.
    """
    from lolomo.training.layers.popularity_prior import SMALLEST_COUNT

    if data.item_values is None:
        raise ModelError(
            "a popularity prior needs the counts of the past, and received `item_values` None: "
            "pass them in `TrainingData`, or set popularity_prior=False"
        )
    log_counts = np.empty((len(COUNTS), len(instants), len(items)), np.float32)
    for start in range(0, len(instants), INSTANTS_AT_ONCE):
        part = slice(start, start + INSTANTS_AT_ONCE)
        values = data.item_values(instants[part], COUNTS)
        for index, name in enumerate(COUNTS):
            some = np.nan_to_num(values[name][:, items])
            log_counts[index, part] = np.log(some + SMALLEST_COUNT)
    return log_counts


def log_counts(query: Mapping[str, Any]) -> Any:
    """Return the log counts of a query's candidates, tensors in and out.

    Args:
        query: `COUNTS`, `timestamp` and `counts_timestamp`.

    Returns:
        Shape: [batch, candidates, counts].
    """
    import tensorflow as tf

    from lolomo.training.layers.continuous_time import days_between
    from lolomo.training.layers.popularity_prior import SMALLEST_COUNT

    days = days_between(query[Columns.TIMESTAMP], query[Columns.COUNTS_TIMESTAMP])[:, None]
    columns = []
    for name in COUNTS:
        values = tf.where(tf.math.is_nan(query[name]), 0.0, query[name])
        if name in HALF_LIFE_DAYS:
            values *= 2.0 ** tf.minimum(days / HALF_LIFE_DAYS[name], LONGEST_FADING)
        columns.append(tf.math.log(tf.maximum(values, 0.0) + SMALLEST_COUNT))
    return tf.stack(columns, axis=2)
