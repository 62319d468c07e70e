"""A logistic regression over lists: how to add values up so that the answer comes first.

Each list holds an answer and other candidates, and each candidate has a few values (a conditional
logit, McFadden 1974). The likelihood of whole lists is mostly about telling the many unlikely
candidates apart, while metrics are about the few on top. So the weights are found twice: over whole
lists, and then over those candidates that the first weights put on top.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Scores

NEVER = -1e9
TOP = 60
"""Candidates of a list that the final weights are learned from."""
START_WEIGHT = 0.1
"""Of each value but the first, in standard deviations, where the regression begins."""
STRENGTH = 1.0
"""Of the pull to where the regression begins: so many lists that say so."""
MAX_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class AnsweredLists:
    """Candidates of some questions, the answer first."""

    values: Scores
    """Shape: [lists, length, values]."""
    offsets: Scores
    """Added to the weighted sum: how many items a candidate stands for, as a logarithm; `NEVER`
    where padded. Shape: [lists, length]."""

    def __len__(self) -> int:
        return len(self.values)

    def sums(self, weights: NDArray[np.float64]) -> Scores:
        """Return the weighted sums, `NEVER` where padded. Shape: [lists, length]."""
        return np.where(self.offsets > NEVER, self.values @ weights.astype(np.float32), NEVER)

    def top(self, weights: NDArray[np.float64]) -> "AnsweredLists":
        """Return the `TOP` candidates by some weights, of lists whose answer is among them."""
        sums = self.sums(weights)
        reached = (sums[:, 1:] > sums[:, :1]).sum(axis=1) < TOP - 1
        rows = np.flatnonzero(reached)
        best = 1 + np.argsort(-sums[rows, 1:], axis=1, kind="stable")[:, : TOP - 1]
        places = np.concatenate([np.zeros((len(rows), 1), best.dtype), best], axis=1)
        return AnsweredLists(
            self.values[rows[:, None], places], self.offsets[rows[:, None], places]
        )


def blend_weights(lists: AnsweredLists) -> NDArray[np.float32]:
    """Return how much each value weighs. Shape: [values].

    Args:
        lists: What to learn from. Weights are drawn to the first value as it is and a little of
            each other, the more the fewer lists there are.
    """
    num_values = lists.values.shape[2]
    spread = np.ones(num_values, np.float32)
    if lists.values.size:
        spread = np.maximum(lists.values.std(axis=(0, 1)), 1e-3)
    start = np.full(num_values, START_WEIGHT)
    start[0] = spread[0]
    scaled = AnsweredLists(lists.values / spread, lists.offsets)
    first = _fitted(scaled, start)
    weights: NDArray[np.float32] = (_fitted(scaled.top(first), first) / spread).astype(np.float32)
    return weights


def _fitted(lists: AnsweredLists, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of least loss, or where to start without lists."""
    from scipy.optimize import minimize

    if not len(lists):
        return start
    options = {"maxiter": MAX_ITERATIONS}
    solution = minimize(_loss(lists, start), start, jac=True, method="L-BFGS-B", options=options)
    found: NDArray[np.float64] = solution.x
    return found


def _loss(
    lists: AnsweredLists, start: NDArray[np.float64]
) -> Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]:
    """Return the mean cross-entropy of the answers, with its gradient, as a function."""
    l2 = STRENGTH / len(lists)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = lists.values @ weights.astype(np.float32) + lists.offsets
        logits -= logits.max(axis=1, keepdims=True)
        answers = logits[:, 0].copy()
        error = np.exp(logits)
        total = error.sum(axis=1, keepdims=True)
        error /= total
        error[:, 0] -= 1
        gradient = np.einsum("lcv,lc->v", lists.values, error, optimize=True) / len(lists)
        moved = weights - start
        surprise = float(np.mean(np.log(total[:, 0]) - answers))
        return surprise + l2 * float(moved @ moved), gradient + 2 * l2 * moved

    return loss
