"""How sure a deep ranker is of its last layer: a posterior over the weights of the head.

The layers below are taken as they are, and the head is read as a Bayesian linear model over what
they give it (Riquelme, Tucker and Snoek, "Deep Bayesian bandits showdown", ICLR 2018, where this
*neural linear* model explored better than dropout, ensembles or variational weights). The
likelihood is the one that it was trained with, a softmax over the candidates of a query, so the
posterior is Laplace's: normal around the trained weights, with the curvature of that loss as
precision (Daxberger et al., "Laplace redux", NeurIPS 2021). How strong the prior is follows from
the data by maximal evidence (MacKay 1992).

The weights are those of the deep units, and one more: how much the crossings count as a whole.
Crossings have as many outputs as there are features, and a posterior over all of these would cost
more at each request than the ranking itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

EVIDENCE_STEPS = 20
"""Fixed-point steps towards the most probable prior."""
LEAST_PRECISION = 1e-3
"""Of the prior: weights beyond about 30 are never believed."""


@dataclass(frozen=True, slots=True)
class HeadQueries:
    """Some of the queries that the head was trained with, in full."""

    units: Floats
    """What the head reads. Shape: [queries, candidates, units]."""
    logits: Floats
    """What it makes of it. Shape: [queries, candidates]."""
    present: NDArray[np.bool_]
    """False where padded. Shape: [queries, candidates]."""


def posterior_factor(
    parts: Iterable[HeadQueries], weights: Floats, num_queries: int
) -> NDArray[np.float32]:
    """Return the matrix A by which a draw of the head's weights is `weights + A @ z`, z normal.

    Args:
        parts: Queries of the training set, or a sample of it.
        weights: Of the head, as trained. Shape: [units].
        num_queries: How many there are in the whole set.

    Returns:
        A Cholesky factor of the posterior covariance. Shape: [units, units].
    """
    curvature = np.zeros((len(weights), len(weights)))
    num_seen = 0
    for part in parts:
        curvature += _curvature(part)
        num_seen += len(part.units)
    curvature *= num_queries / max(num_seen, 1)
    precision = curvature + _prior_precision(curvature, weights) * np.eye(len(weights))
    # The inverse of a Cholesky factor of the precision, transposed, is one of the covariance.
    root = np.linalg.cholesky(precision)
    return np.asarray(np.linalg.inv(root).T, np.float32)


def _curvature(part: HeadQueries) -> NDArray[np.float64]:
    """Return the sum over queries of the covariance of units under the softmax. [units, units]."""
    units = part.units.astype(np.float64)
    logits = np.where(part.present, part.logits, -np.inf).astype(np.float64)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-1e30))
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-30)
    means = np.einsum("qc,qcu->qu", shares, units)
    weighted = units * np.sqrt(shares)[:, :, None]
    flat = weighted.reshape(-1, units.shape[2])
    return np.asarray(flat.T @ flat - means.T @ means)


def _prior_precision(curvature: NDArray[np.float64], weights: Floats) -> float:
    """Return the precision of an isotropic prior that makes the data most probable."""
    known = np.maximum(np.linalg.eigvalsh(curvature), 0.0)
    size = float(np.square(weights.astype(np.float64)).sum())
    precision = 1.0
    for _ in range(EVIDENCE_STEPS):
        determined = float((known / (known + precision)).sum())
        precision = max(determined / max(size, 1e-12), LEAST_PRECISION)
    return precision
