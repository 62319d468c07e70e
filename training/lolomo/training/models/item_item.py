"""What all item-item models share: weights from item to item, and how a history uses them.

Such a model is a sparse matrix: the few items that each item speaks for, and how strongly. A query
is scored by adding up the rows of its history, each weighed by how recent it is, plus the
popularity of the last days before the cut, times `prior_weight`. That prior orders what no history
speaks for, so an unknown user gets what is popular.

Recency is relative to the latest entry of the history, 2^(-age / half-life), so that a user who was
long away is scored by the same taste as before.

Settings are chosen on the last events before the cut, see `holdout`, then all events are used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import HISTORY_INDICES, Tensor, export_retriever
from lolomo.training.models.holdout import HISTORY_LENGTH, Blend, choose, hold_out
from lolomo.training.models.model import Export
from lolomo.training.models.plays import MICROSECONDS_A_DAY, Plays, plays_of, popularity

Settings: TypeAlias = Mapping[str, float]
HALF_LIFE_DAYS = "half_life_days"
PRIOR_WEIGHT = "prior_weight"
PRIOR_DAYS = "prior_days"


@dataclass(frozen=True, slots=True)
class ItemItem:
    """A fitted item-item model."""

    items: Ids
    """Shape: [items]."""
    weights: sparse.csr_array
    """What having watched the row says for the column. Shape: [items, items]."""
    prior: Scores
    """Share of recent plays. Shape: [items]."""
    blend: Blend


def fit_item_item(
    data: TrainingData,
    rng: np.random.Generator,
    choices: Mapping[str, Sequence[float]],
    weigh: Callable[[Plays, Settings, bool], sparse.csr_array],
) -> ItemItem:
    """Choose the settings on the last events, then fit on all.

    Args:
        data: What to learn from.
        rng: Draws the queries to choose on.
        choices: Values of each setting, those of this module and those of `weigh`.
        weigh: From plays and settings to item-item weights `[items, items]`, in whatever unit; told
            whether this is only a trial, which may be cheaper.
    """
    items = data.item_ids()
    plays = plays_of(data, items)
    holdout = hold_out(plays, data.task, rng)
    early = plays.before(holdout.start)
    trials: dict[tuple[float, ...], sparse.csr_array] = {}

    def quality(settings: Settings) -> float:
        key = tuple(settings[name] for name in settings if name not in _BLEND)
        if key not in trials:
            trials[key] = in_unit(weigh(early, settings, True))
        prior = popularity(early, settings[PRIOR_DAYS])
        return holdout.ndcg(trials[key], prior, _blend(settings))

    trial = len(holdout) > 0 and len(early.days) > 0
    best = choose(choices, quality if trial else lambda settings: 0.0)
    data.progress(0.5, f"chose {best}")
    weights = in_unit(weigh(plays, best, False))
    return ItemItem(items, weights, popularity(plays, best[PRIOR_DAYS]), _blend(best))


_BLEND = (HALF_LIFE_DAYS, PRIOR_WEIGHT, PRIOR_DAYS)


def _blend(settings: Settings) -> Blend:
    return Blend(settings[HALF_LIFE_DAYS], settings[PRIOR_WEIGHT])


def in_unit(weights: sparse.csr_array) -> sparse.csr_array:
    """Return weights scaled so that an item's strongest is 1 on average, as the prior's is."""
    largest = abs(weights).max(axis=1).toarray().ravel()
    unit = largest[largest > 0].mean() if (largest > 0).any() else 1.0
    return (weights / unit).astype(np.float32)


def strongest(weights: sparse.csr_array, k: int) -> sparse.csr_array:
    """Return the matrix with only the k largest entries of each row, by absolute value."""
    weights = weights.tocsr()
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    order = np.lexsort((-np.abs(weights.data), rows))
    rank = np.arange(len(order)) - weights.indptr[rows]
    keep = order[rank < k]
    entries = (weights.data[keep], (rows[keep], weights.indices[keep]))
    return sparse.csr_array(entries, shape=weights.shape)


def export_item_item(path: Path, model: ItemItem) -> Export:
    """Write the model as a retriever whose weights are `[items, neighbours]`, never dense."""
    from lolomo.runtimes.tensorflow import tf

    ids, values = _rows_of(model.weights)
    neighbours = tf.Variable(ids, trainable=False)
    weights = tf.Variable(values, trainable=False)
    prior = tf.Variable(model.prior * np.float32(model.blend.prior_weight), trainable=False)
    num_items = len(model.items)
    rate = 1.0 / (model.blend.half_life_days * MICROSECONDS_A_DAY)

    def scores(query: Mapping[str, Tensor]) -> Tensor:
        indices = query[HISTORY_INDICES]
        times = query[Columns.HISTORY_TIMESTAMPS]
        age = tf.cast(tf.reduce_max(times, axis=1, keepdims=True) - times, tf.float32)
        recency = tf.where(indices > 0, tf.pow(2.0, -age * rate), 0.0)
        votes = tf.gather(weights, indices) * recency[:, :, None]
        batch = tf.shape(indices)[0]
        offset = tf.range(batch)[:, None, None] * num_items
        flat = tf.reshape(tf.gather(neighbours, indices) + offset, [-1])
        total = tf.math.unsorted_segment_sum(tf.reshape(votes, [-1]), flat, batch * num_items)
        return tf.reshape(total, [batch, num_items]) + prior

    inputs = (Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS)
    return export_retriever(
        path, model.items, HISTORY_LENGTH, scores, inputs, (neighbours, weights, prior)
    )


def _rows_of(weights: sparse.csr_array) -> tuple[NDArray[np.int32], Scores]:
    """Return column ids and values, rows of equal length after one row for padding."""
    counts = np.diff(weights.indptr)
    width = max(int(counts.max(initial=0)), 1)
    ids = np.zeros((weights.shape[0] + 1, width), np.int32)
    values = np.zeros((weights.shape[0] + 1, width), np.float32)
    rows = np.repeat(np.arange(weights.shape[0]), counts)
    place = np.arange(weights.nnz) - weights.indptr[rows]
    ids[rows + 1, place] = weights.indices
    values[rows + 1, place] = weights.data
    return ids, values
