"""The heads of past rankings, small enough to keep, to choose among ways of ordering by counts.

A batch of rankings over a whole catalogue is too large to hold on to. But a metric at 10 of a
ranking by one column sees only that column's best, so each query keeps the best of every column and
what answered it, and each column's NDCG@10 is the same as over the whole catalogue.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Query, Scores
from lolomo.training.models.data import RankingBatch, TrainingData

DEPTH = 10
"""NDCG is taken over so many positions."""


@dataclass(frozen=True, slots=True)
class Shortlists:
    """Some candidates of each past query, in order of time."""

    values: Scores
    """Shape: [queries, length, columns]."""
    gains: Scores
    """Shape: [queries, length]."""
    present: NDArray[np.bool_]
    """False where padded. Shape: [queries, length]."""

    def __len__(self) -> int:
        return len(self.gains)

    def part(self, start: int, end: int) -> "Shortlists":
        """Return some consecutive queries."""
        return Shortlists(self.values[start:end], self.gains[start:end], self.present[start:end])

    def ndcg(self, scores: Scores) -> float:
        """Return the mean NDCG@10 of scores `[queries, length]`; 0 without queries."""
        masked = np.where(self.present, scores, -np.inf)
        best = np.argsort(-masked, axis=1, kind="stable")[:, :DEPTH]
        discount = 1.0 / np.log2(np.arange(2, best.shape[1] + 2))
        reached = np.take_along_axis(self.gains, best, axis=1) @ discount
        ideal = -np.sort(-self.gains, axis=1)[:, : best.shape[1]] @ discount
        return float(np.mean(reached / ideal)) if len(ideal) else 0.0

    def blend(self, inputs: Scores, l2: float) -> Scores:
        """Return the weights whose weighted sum of inputs orders the lists best. Shape: [columns].

        They minimise the softmax cross-entropy of whole lists (ListNet, Cao et al. 2007).

        Args:
            inputs: Shape: [queries, length, columns].
            l2: How strongly weights are drawn to 0, each counting one standard deviation.
        """
        from scipy.optimize import minimize

        inputs = inputs.astype(np.float64)
        spread = np.maximum(inputs[self.present].std(axis=0), 1e-6)
        start = np.full(inputs.shape[2], 1.0 / inputs.shape[2])
        loss = _list_loss(inputs / spread, self, l2)
        solution = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
        weights: Scores = (solution.x / spread).astype(np.float32)
        return weights


def _list_loss(
    inputs: NDArray[np.float64], lists: Shortlists, l2: float
) -> Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]:
    """Return the mean cross-entropy of the lists' softmax, with its gradient, as a function."""
    wanted = lists.gains / lists.gains.sum(axis=1, keepdims=True)
    padding = np.where(lists.present, 0.0, -np.inf)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = inputs @ weights + padding
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        surprise = -(wanted * np.where(lists.present, logits - total, 0.0)).sum()
        error = np.exp(logits - total) - wanted
        gradient = np.einsum("qlc,ql->c", inputs, error) / len(lists)
        return surprise / len(lists) + l2 * weights @ weights, gradient + 2 * l2 * weights

    return loss


def available(data: TrainingData, columns: Sequence[str]) -> tuple[str, ...]:
    """Return those of the columns that the rankings have; none without rankings."""
    if data.rankings is None:
        return ()
    first = next(iter(data.rankings()), None)
    return tuple(name for name in columns if first is not None and name in first.query)


def shortlists(
    data: TrainingData, columns: Sequence[str], queries_per_batch: int, rng: np.random.Generator
) -> Shortlists:
    """Pass once over the rankings and keep the heads of some queries of each batch.

    Queries that none of their candidates answers are left out.

    Args:
        data: With `rankings`.
        columns: Item features to keep, a missing number as 0.
        queries_per_batch: Most queries to keep of each batch, drawn at random.
        rng: Draws them.
    """
    kept: list[tuple[Scores, Scores]] = []
    for batch in data.rankings() if data.rankings else ():
        answered = np.flatnonzero(batch.gains.max(axis=1, initial=0.0) > 0)
        some = rng.permutation(answered)[:queries_per_batch]
        kept += _heads(batch, columns, np.sort(some))
    return _padded(kept, len(columns))


def item_values(query: Query, columns: Sequence[str], rows: NDArray[np.int64]) -> Scores:
    """Return item features of some queries, a missing number as 0. [rows, candidates, columns]."""
    values = np.stack([query[name][rows] for name in columns], axis=2)
    return np.nan_to_num(values.astype(np.float32, copy=False), copy=False)


def _heads(
    batch: RankingBatch, columns: Sequence[str], rows: NDArray[np.int64], head: int = 3 * DEPTH
) -> list[tuple[Scores, Scores]]:
    """Return values and gains of each query's shortlist."""
    values = item_values(batch.query, columns, rows)
    gains = batch.gains[rows]
    present = batch.query[Columns.CANDIDATES][rows] != ""
    head = min(head, gains.shape[1])
    ordered = [np.where(present, values[:, :, column], -np.inf) for column in range(len(columns))]
    best = [np.argpartition(-column, head - 1, axis=1)[:, :head] for column in ordered]
    answers = np.argpartition(-gains, head - 1, axis=1)[:, :head]
    heads = []
    for row in range(len(rows)):
        union = np.unique(np.concatenate([column[row] for column in (*best, answers)]))
        union = union[present[row, union]]
        heads.append((values[row, union], gains[row, union]))
    return heads


def _padded(heads: Sequence[tuple[Scores, Scores]], columns: int) -> Shortlists:
    """Return lists of different lengths as arrays."""
    length = max((len(gains) for _, gains in heads), default=0)
    values = np.zeros((len(heads), length, columns), np.float32)
    gains = np.zeros((len(heads), length), np.float32)
    present = np.zeros((len(heads), length), np.bool_)
    for row, (some_values, some_gains) in enumerate(heads):
        values[row, : len(some_gains)] = some_values
        gains[row, : len(some_gains)] = some_gains
        present[row, : len(some_gains)] = True
    return Shortlists(values, gains, present)
