"""Items as vectors of who played them: near each other if the same users did.

The truncated singular value decomposition of the user-item matrix (PureSVD, Cremonesi et al. 2010),
its rows and columns divided by the root of their sums, so that neither busy users nor popular items
decide all. Vectors have length 1, those of items that nobody played 0.

A user's taste is the mean of the vectors of the history, the latest counting most.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from scipy import sparse

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Scores
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import HISTORY_INDICES, Tensor

HALVING_LENGTH: Final = 10.0
"""An item this many places further back in the history counts half."""
_SPARE: Final = 8
_ROUNDS: Final = 5
TASTE: Final = "taste"
"""The cosine of an item's vector and the user's taste, 0 where either is unknown."""


def play_vectors(data: TrainingData, items: Ids, dim: int, rng: np.random.Generator) -> Scores:
    """Return the vectors of a vocabulary.

    Args:
        data: What was played.
        items: Sorted ids, more than were played. Shape: [items].
        dim: Most dimensions; fewer where users or items are fewer.
        rng: Draws the start of the iteration.

    Returns:
        Shape: [items, dim].
    """
    played = data.events.select(Columns.USER_ID, Columns.ITEM_ID).unique(maintain_order=True)
    rows = played[Columns.USER_ID].rank("dense").to_numpy().astype(np.int64) - 1
    columns = np.searchsorted(items.astype(str), played[Columns.ITEM_ID].to_numpy().astype(str))
    shape = (int(rows.max(initial=0)) + 1, len(items))
    plays = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    by_user, by_item = (np.maximum(plays.sum(axis=axis), 1) ** -0.5 for axis in (1, 0))
    scaled = sparse.diags_array(by_user) @ plays @ sparse.diags_array(by_item)
    vectors = np.zeros((len(items), dim), np.float32)
    rank = min(dim, *(size - 1 for size in shape))
    if rank > 0:
        vectors[:, :rank] = _largest(scaled, rank, rng)
    return unit(vectors)


def _largest(matrix: sparse.csr_array, rank: int, rng: np.random.Generator) -> Scores:
    """Return the largest right singular vectors times their values. Shape: [columns, rank].

    By subspace iteration from random directions (Halko et al. 2011), which is a few products.
    """
    columns = matrix.shape[1]
    basis = rng.standard_normal((columns, min(rank + _SPARE, columns)))
    for _ in range(_ROUNDS):
        basis, _ = np.linalg.qr(matrix.T @ (matrix @ basis))
    small = matrix @ basis
    strengths, turn = np.linalg.eigh(small.T @ small)
    best = np.argsort(-strengths)[:rank]
    lengths = np.sqrt(np.maximum(strengths[best], 0))
    largest: Scores = ((basis @ turn[:, best]) * lengths).astype(np.float32)
    return largest


def unit(vectors: Scores) -> Scores:
    """Return vectors of length 1; 0 stays 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(lengths > 1e-8, vectors / np.maximum(lengths, 1e-8), 0).astype(np.float32)


def tastes_before(data: TrainingData, items: Ids, vectors: Scores) -> Scores:
    """Return the taste of each event's user strictly before it, 0 for a first. [events, dim]."""
    events = data.events.select(
        Columns.USER_ID, Columns.ITEM_ID, pl.col(Columns.TIMESTAMP).to_physical()
    )
    places = np.searchsorted(items.astype(str), events[Columns.ITEM_ID].to_numpy().astype(str))
    fade = 0.5 ** (1 / HALVING_LENGTH)
    known: dict[str, tuple[int, Scores, Scores]] = {}
    tastes = np.zeros((len(events), vectors.shape[1]), np.float32)
    nothing = np.zeros(vectors.shape[1], np.float32)
    times = events[Columns.TIMESTAMP].to_list()
    for row, (user, time) in enumerate(zip(events[Columns.USER_ID], times, strict=True)):
        last, before, taste = known.get(user, (time, nothing, nothing))
        before = before if last == time else taste  # events of one instant never see each other
        tastes[row] = before
        known[user] = (time, before, taste * fade + vectors[places[row]])
    return unit(tastes)


class Taste:
    """The column `TASTE`; see `search_blend.Part`.

    Args:
        vectors: Of the vocabulary. Shape: [items, dim].
    """

    names = (TASTE,)

    def __init__(self, vectors: Scores) -> None:
        from lolomo.runtimes.tensorflow import tf

        padded = np.vstack([np.zeros((1, vectors.shape[1]), np.float32), vectors])
        self._vectors = tf.Variable(padded, trainable=False)
        self.variables: Sequence[Any] = [self._vectors]

    def of(self, query: Mapping[str, Tensor]) -> Tensor:
        """Return the user's taste. Shape: [batch, dim]."""
        from lolomo.runtimes.tensorflow import tf

        history = query[HISTORY_INDICES]
        back = tf.cast(tf.range(tf.shape(history)[1] - 1, -1, -1), tf.float32)
        fading = tf.pow(0.5, back / HALVING_LENGTH)
        total = tf.einsum("blv,l->bv", tf.gather(self._vectors, history), fading)
        return tf.math.l2_normalize(total, axis=1)

    def __call__(self, query: Mapping[str, Tensor]) -> Sequence[Tensor]:
        """Return the column; see `search_blend.Part`."""
        from lolomo.runtimes.tensorflow import tf

        return [tf.matmul(self.of(query), self._vectors[1:], transpose_b=True)]
