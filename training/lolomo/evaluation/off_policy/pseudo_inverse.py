"""The pseudo-inverse estimator of whole lists (Swaminathan et al., NeurIPS 2017).

It assumes that the expected reward of a list is a sum over its slots of unknown values of (slot,
item), so that a list need not have been shown itself: its pairs must have been, in other lists.
With 1_s the k·m indicators of the pairs of a list s, Γ their second moments under the logging
policy and q their means under the target, a list's weight is q Γ⁺ 1_s. It fails where items of one
list help or hurt each other, as a second title of a series does.

Γ is known for uniform and for slot-wise independent logging, and is counted from draws of any other
policy. It has (k·m)² entries: this is for short lists from small candidate sets.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import DataError
from lolomo.evaluation.off_policy.terms import Terms

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def pseudo_inverse(
    rewards: Floats,
    rankings: Codes,
    target_marginals: Floats,
    moments: Floats,
    clusters: Codes | None = None,
) -> Terms:
    """Return the pseudo-inverse estimate.

    Args:
        rewards: What each list earned as a whole. Shape: [slates].
        rankings: Codes from 0 of its items. Shape: [slates, k].
        target_marginals: P(item at slot) under the target. Shape: [slates, k, m], or [k, m] where
            it is the same in every context.
        moments: Γ, P(item a at slot i and item b at slot j) under the logging policy. Shape:
            [k·m, k·m], or [slates, k·m, k·m] where it depends on the context.
        clusters: Codes from 0 of who was shown the list. Shape: [slates].

    Raises:
        DataError: If shapes do not fit.
    """
    num_slates, k = rankings.shape
    num_items = target_marginals.shape[-1]
    size = k * num_items
    if rewards.shape != (num_slates,) or moments.shape[-2:] != (size, size):
        raise DataError(
            f"received rewards of {rewards.shape}, rankings of {rankings.shape}, target marginals "
            f"of {target_marginals.shape} and moments of {moments.shape}; expected [slates], "
            f"[slates, k], [slates, k, m] and [k·m, k·m] = {(size, size)}"
        )
    target = np.broadcast_to(target_marginals, (num_slates, k, num_items)).reshape(-1, size)
    inverse = np.linalg.pinv(moments, hermitian=True)
    solved = target @ inverse if inverse.ndim == 2 else np.einsum("ni,nij->nj", target, inverse)
    pairs = rankings + num_items * np.arange(k)
    weights = np.take_along_axis(solved, pairs, axis=1).sum(axis=1)
    shown = np.broadcast_to(np.diagonal(moments, axis1=-2, axis2=-1) > 0, target.shape)
    unsupported = float(np.where(shown, 0.0, target).sum(axis=1).mean()) / k
    return Terms(weights * rewards, np.ones(num_slates), weights, clusters, unsupported)


def uniform_moments(num_items: int, k: int) -> Floats:
    """Return Γ of uniformly random lists without repetition. Shape: [k·m, k·m]."""
    same_slot = np.eye(num_items) / num_items
    others = (1.0 - np.eye(num_items)) / (num_items * max(num_items - 1, 1))
    return np.kron(np.eye(k), same_slot) + np.kron(1.0 - np.eye(k), others)


def independent_moments(marginals: Floats) -> Floats:
    """Return Γ of slots that are drawn independently. Shape: [k, m] to [k·m, k·m]."""
    k, num_items = marginals.shape
    moments = np.outer(marginals.reshape(-1), marginals.reshape(-1))
    for slot in range(k):
        block = slice(slot * num_items, (slot + 1) * num_items)
        moments[block, block] = np.diag(marginals[slot])
    return moments


def counted_moments(rankings: Codes, num_items: int, weights: Floats | None = None) -> Floats:
    """Return Γ counted from lists that the logging policy drew, or enumerated with their weights.

    Args:
        rankings: Codes of the items. Shape: [lists, k].
        num_items: How many candidates there are, m.
        weights: The probability of each list; equal unless given. Shape: [lists].
    """
    pairs = rankings + num_items * np.arange(rankings.shape[1])
    indicators = np.zeros((len(rankings), rankings.shape[1] * num_items))
    np.put_along_axis(indicators, pairs, 1.0, axis=1)
    share = np.full(len(rankings), 1.0 / len(rankings)) if weights is None else weights
    return np.asarray((indicators * share[:, None]).T @ indicators)
