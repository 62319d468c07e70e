"""Estimators that weight what was logged: IPS, SNIPS and clipped IPS.

They need no model of rewards. IPS is unbiased wherever the logging policy takes with some
probability whatever the target takes; what it costs is variance, which grows with the weights.
"""

import numpy as np

from lolomo.core.errors import SettingsError
from lolomo.evaluation.off_policy.logs import Decisions
from lolomo.evaluation.off_policy.terms import Terms


def ips(log: Decisions) -> Terms:
    """Return inverse propensity scoring: the mean of w r (Horvitz and Thompson 1952).

    Unbiased under support. It fails where weights are large: a few rows decide.
    """
    weights = log.weights
    return _terms(log, weights * log.rewards, np.ones(len(weights)))


def snips(log: Decisions) -> Terms:
    """Return the self-normalised estimate (Swaminathan and Joachims, NeurIPS 2015).

    The sum of w r over the sum of w: never outside the range of rewards, and the same whatever is
    added to all rewards. Biased by O(1/n). It fails as IPS does, though it looks calmer.
    """
    return _terms(log, log.weights * log.rewards, log.weights)


def clipped_ips(log: Decisions, clip: float = 10.0) -> Terms:
    """Return IPS with weights of at most `clip` (Bottou et al., JMLR 2013).

    Args:
        log: What was logged.
        clip: The largest weight that counts. Biased towards 0 for rewards of 0 or more by what lies
            above it: it fails where the target likes what was seldom shown.

    Raises:
        SettingsError: If `clip` is not above 0.
    """
    if clip <= 0:
        raise SettingsError(f"`clip` is {clip}; expected a weight above 0")
    clipped = np.minimum(log.weights, clip)
    return _terms(log, clipped * log.rewards, np.ones(len(clipped)))


def _terms(log: Decisions, values: np.ndarray, norms: np.ndarray) -> Terms:
    return Terms(values, norms, log.weights, log.clusters, log.unsupported, log.propensity_error)
