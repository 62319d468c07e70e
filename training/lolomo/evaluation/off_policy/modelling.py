"""Estimators with a model of rewards: DM, DR, DR with shrinkage, SWITCH-DR.

A reward model q(x, a) says what any action would earn, also one that was never taken. Alone it is
the direct method, as biased as the model. DR takes the model as a start and corrects it by weighted
residuals; shrinkage and SWITCH correct less where weights are large, and so trade some of the
model's bias for variance. All read `Decisions.predictions`.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import DataError, SettingsError
from lolomo.evaluation.off_policy.logs import Decisions, Predictions
from lolomo.evaluation.off_policy.terms import Terms

Floats = NDArray[np.float64]


def direct_method(log: Decisions) -> Terms:
    """Return what the reward model expects of the target policy (Beygelzimer and Langford 2009).

    Its interval says how much the model's answer varies over contexts, and nothing of the model's
    bias: it fails wherever the model is wrong where the target goes.
    """
    return _corrected(log, np.zeros(len(log.rewards)))


def doubly_robust(log: Decisions) -> Terms:
    """Return the doubly robust estimate (Dudik, Langford and Li, ICML 2011).

    The mean of q(x, target) + w (r - q(x, a)): unbiased under support whatever the model, and
    less variable than IPS if the model is of any use. It fails with wrong propensities together
    with a wrong model.
    """
    return _corrected(log, log.weights)


def dr_shrinkage(log: Decisions, shrinkage: float = 100.0) -> Terms:
    """Return DR with optimistic shrinkage of the weights (Su et al., ICML 2020).

    Args:
        log: What was logged, with predictions.
        shrinkage: λ in λ w / (w² + λ): 0 gives DM, infinity DR. Biased by the model's error where
            weights are large.

    Raises:
        SettingsError: If `shrinkage` is below 0.
    """
    if shrinkage < 0:
        raise SettingsError(f"`shrinkage` is {shrinkage}; expected 0 or more")
    weights = log.weights
    if np.isinf(shrinkage):
        return _corrected(log, weights)
    shrunk = np.zeros(len(weights))
    np.divide(shrinkage * weights, weights**2 + shrinkage, out=shrunk, where=weights > 0)
    return _corrected(log, shrunk)


def switch_dr(log: Decisions, threshold: float = 10.0) -> Terms:
    """Return SWITCH-DR: DR for weights up to the threshold, above it DM (Wang et al., ICML 2017).

    Args:
        log: What was logged, with predictions.
        threshold: τ, the largest weight that is trusted. Biased by the model's error above it.

    Raises:
        SettingsError: If `threshold` is below 0.
    """
    if threshold < 0:
        raise SettingsError(f"`threshold` is {threshold}; expected 0 or more")
    weights = log.weights
    return _corrected(log, np.where(weights <= threshold, weights, 0.0))


def _corrected(log: Decisions, weights: Floats) -> Terms:
    """Return the model's answer, corrected by residuals of so much weight."""
    predictions = _predictions(log)
    values = predictions.target + weights * (log.rewards - predictions.logged)
    return Terms(
        values,
        np.ones(len(values)),
        log.weights,
        log.clusters,
        log.unsupported,
        log.propensity_error,
    )


def _predictions(log: Decisions) -> Predictions:
    if log.predictions is None:
        raise DataError(
            "this estimator needs a reward model; received a log without predictions: give "
            "`Decisions(predictions=...)`, for example of `fit_item_means`"
        )
    return log.predictions
