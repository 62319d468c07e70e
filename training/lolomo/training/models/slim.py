"""SLIM: sparse, non-negative item-item weights by elastic net."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from typing_extensions import override

from lolomo.core.recommender import Scores
from lolomo.training.models.blended import BlendConfig, BlendedModel, Run, Settings
from lolomo.training.models.item_item import ItemItem, strongest
from lolomo.training.models.model import Role
from lolomo.training.models.plays import Plays, most_watched, watched

BLOCK = 64
"""Columns solved at once: enough to be vectorised, few enough for a small dense Gram matrix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlimConfig(BlendConfig):
    """How to regularise; a field of several values is chosen on the last events."""

    predictors: int = 100
    """By how many items each is predicted, the most similar by cosine; all others weigh nothing."""
    neighbours: int = 200
    """Most items that one item speaks for; the smaller of its weights are dropped."""
    sweeps: int = 30
    """Most passes of coordinate descent; it stops when no weight changes any more."""
    trial_items: int = 1500
    """Only so many of the most watched items are learned for while settings are tried."""
    l1: tuple[float, ...] = (1.0, 0.3, 3.0)
    """What a weight costs, in plays: drives weights to 0."""
    l2: tuple[float, ...] = (30.0, 100.0, 10.0)
    """What half a squared weight costs, in plays."""
    memory_days: tuple[float, ...] = (36500.0, 60.0)
    """A play so much before the cut counts half."""


class Slim(BlendedModel[SlimConfig]):
    """Learns the few positive weights by which a user's plays best predict each other.

    Least squares with L1 and L2 penalties, no negative weight, and no item predicting itself (Ning
    & Karypis 2011, "SLIM: sparse linear methods for top-N recommender systems"). As in their fsSLIM
    an item's predictors are chosen first, by similarity, so each column is a small problem.
    """

    name = "slim"
    Config = SlimConfig
    roles: ClassVar[Mapping[str, Role]] = {
        "because_you_watched": Role.ALTERNATIVE,
        "next_play": Role.ALTERNATIVE,
    }

    @override
    def learn(self, plays: Plays, settings: Settings, run: Run) -> ItemItem:
        config = self.config
        matrix = watched(plays, settings["memory_days"])
        if run.is_trial:
            often = np.isin(np.arange(plays.num_items), most_watched(plays)[: config.trial_items])
            matrix = (matrix @ sparse.diags_array(often.astype(np.float64))).tocsr()
            matrix.eliminate_zeros()
        gram = (matrix.T @ matrix).tocsr()
        penalties = (settings["l1"], settings["l2"])
        weights = slim_weights(gram, penalties, config.predictors, config.sweeps)
        return ItemItem(strongest(weights, config.neighbours))


def slim_weights(
    gram: sparse.csr_array, penalties: tuple[float, float], predictors: int, sweeps: int
) -> sparse.csr_array:
    """Return the weights of each column's predictors. Shape: [items, items].

    Minimises, for each column j, ½ |x_j - X w|² + l1 |w|₁ + ½ l2 |w|² over w >= 0 with w_j = 0, of
    which only the Gram matrix X'X is needed.

    Args:
        gram: X'X. Shape: [items, items].
        penalties: l1 and l2.
        predictors: How many items may weigh in a column.
        sweeps: Passes of coordinate descent over the predictors.
    """
    rows, columns, values = [], [], []
    for block, chosen in _chosen(gram, predictors):
        inner = _inner(gram, chosen)
        outer = _entries(gram, chosen, block)
        weights = _descend(inner, outer, penalties, sweeps)
        kept = weights > 0
        rows.append(chosen[kept])
        columns.append(np.broadcast_to(block[:, None], kept.shape)[kept])
        values.append(weights[kept])
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(entries, shape=gram.shape)


def _chosen(
    gram: sparse.csr_array, predictors: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield blocks of columns `[block]` with their predictors `[block, predictors]`.

    A column with fewer is filled up with itself, which never weighs.
    """
    norms = np.sqrt(np.maximum(gram.diagonal(), 1e-12))
    scale = sparse.diags_array(1.0 / norms)
    cosine = (scale @ gram @ scale).tocsr()
    cosine.setdiag(0.0)
    cosine.eliminate_zeros()
    nearest = strongest(cosine, predictors)
    counts = np.diff(nearest.indptr)
    # Columns with about as many predictors share a block, so that little of it is filling.
    order = np.argsort(counts, kind="stable")
    for start in range(int(np.count_nonzero(counts == 0)), len(order), BLOCK):
        block = order[start : start + BLOCK]
        chosen = np.repeat(block[:, None], counts[block].max(), axis=1)
        for place, column in enumerate(block):
            found = nearest.indices[nearest.indptr[column] : nearest.indptr[column + 1]]
            chosen[place, : len(found)] = found
        yield block, chosen


def _inner(gram: sparse.csr_array, chosen: NDArray[np.int64]) -> Scores:
    """Return the Gram matrix of each column's predictors. [block, predictors, predictors]."""
    used, places = np.unique(chosen, return_inverse=True)
    places = places.reshape(chosen.shape)
    dense = gram[used][:, used].toarray().astype(np.float32)
    inner: Scores = dense[places[:, :, None], places[:, None, :]]
    return inner


def _entries(gram: sparse.csr_array, chosen: NDArray[np.int64], block: NDArray[np.int64]) -> Scores:
    """Return each predictor's entry with its column, 0 for the column itself. Shape of chosen."""
    dense = gram[block].toarray().astype(np.float32)
    entries: Scores = np.take_along_axis(dense, chosen, axis=1)
    entries[chosen == block[:, None]] = 0.0
    return entries


def _descend(inner: Scores, outer: Scores, penalties: tuple[float, float], sweeps: int) -> Scores:
    """Return the weights after cyclic coordinate descent, each step exact. [block, predictors].

    An entry of 0 in `outer` gives a weight of 0: all else in the gradient pushes it down.
    """
    l1, l2 = penalties
    weights = np.zeros_like(outer)
    diagonal = np.diagonal(inner, axis1=1, axis2=2)
    for _ in range(sweeps):
        before = weights.copy()
        for place in range(weights.shape[1]):
            others = np.einsum("bp,bp->b", inner[:, place], weights)
            others -= diagonal[:, place] * weights[:, place]
            step = (outer[:, place] - others - l1) / (diagonal[:, place] + l2)
            weights[:, place] = np.maximum(step, 0.0)
        if np.abs(weights - before).max(initial=0.0) < 1e-5:
            break
    return weights
