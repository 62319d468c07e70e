"""A plain reward model: what each action earned, drawn towards the mean of all.

DM and DR need *some* q(x, a); this one needs nothing but the log. A better one is any model whose
predictions fill `Predictions`. Rows are predicted from the other folds only: a model that has seen
a row's reward would make its residual too small, and DR biased (cross-fitting, Chernozhukov et al.
2018). Rows of one cluster are in one fold.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.evaluation.off_policy.logs import Predictions

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def action_means(
    rewards: Floats, actions: Codes, num_actions: int, folds: Codes, pseudo_count: float = 10.0
) -> Floats:
    """Return what each action earns, as seen from all folds but one.

    Args:
        rewards: What each decision earned. Shape: [decisions].
        actions: Codes from 0 of what was done. Shape: [decisions].
        num_actions: How many there are.
        folds: Codes from 0 of the fold of each decision. Shape: [decisions].
        pseudo_count: How many rewards equal to the mean of all each action starts with.

    Returns:
        The expected reward by left-out fold and action. Shape: [folds, actions].
    """
    num_folds = int(folds.max()) + 1
    cells = folds * num_actions + actions
    shape = (num_folds, num_actions)
    sums = np.bincount(cells, rewards, num_folds * num_actions).reshape(shape)
    counts = np.bincount(cells, minlength=num_folds * num_actions).reshape(shape)
    sums, counts = sums.sum(axis=0) - sums, counts.sum(axis=0) - counts
    overall = sums.sum(axis=1, keepdims=True) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.asarray((sums + pseudo_count * overall) / (counts + pseudo_count))


def predict(means: Floats, actions: Codes, folds: Codes, target: Floats) -> Predictions:
    """Return each row's predictions from the folds that it is not in.

    Args:
        means: What `action_means` returned. Shape: [folds, actions].
        actions: What was done. Shape: [decisions].
        folds: The fold of each decision. Shape: [decisions].
        target: P(action | context) under the target. Shape: [decisions, actions], or [actions]
            where it is the same in every context.
    """
    expected = means @ target if target.ndim == 1 else (means[folds] * target).sum(axis=1)
    return Predictions(means[folds, actions], expected[folds] if target.ndim == 1 else expected)


def folds_of(num_rows: int, clusters: Codes | None = None, num_folds: int = 5) -> Codes:
    """Return a fold for each row, the same for rows of one cluster. Shape: [rows]."""
    return (np.arange(num_rows) if clusters is None else clusters) % num_folds


def linear_predictions(
    features: Floats, actions: Codes, rewards: Floats, folds: Codes, target: Floats
) -> Predictions:
    """Return predictions of a ridge regression on features of each candidate, cross-fitted.

    Args:
        features: What is known of each candidate. Shape: [decisions, candidates, features].
        actions: Which candidate was taken. Shape: [decisions].
        rewards: What it earned. Shape: [decisions].
        folds: Codes from 0 of the fold of each decision. Shape: [decisions].
        target: P(candidate | context) under the target. Shape: [decisions, candidates].
    """
    rows = np.arange(len(actions))
    taken = np.insert(features[rows, actions], 0, 1.0, axis=1)
    expected = np.zeros(target.shape)
    for fold in range(int(folds.max()) + 1):
        learned, left_out = taken[folds != fold], folds == fold
        penalty = np.diag([0.0, *np.ones(taken.shape[1] - 1)])
        solved = np.linalg.solve(learned.T @ learned + penalty, learned.T @ rewards[folds != fold])
        expected[left_out] = features[left_out] @ solved[1:] + solved[0]
    return Predictions(expected[rows, actions], (expected * target).sum(axis=1))
