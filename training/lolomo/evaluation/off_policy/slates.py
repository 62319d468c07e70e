"""Estimators of whole lists that weight what was logged, by what a user is assumed to do.

The more is assumed of how a list is read, the less of it must have been shown in that order, and
the smaller are the weights:

- *standard* assumes nothing: the whole list is one action, and its weight a product of k;
- *RIPS* assumes a cascade: what a slot earns depends on the items down to it, not below;
- *independent* assumes that a slot earns by its own item and place alone.

`pseudo_inverse` assumes another thing, that a list earns a sum over its slots.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import DataError
from lolomo.evaluation.off_policy.logs import Slates
from lolomo.evaluation.off_policy.terms import Terms

Floats = NDArray[np.float64]


def slate_ips(log: Slates) -> Terms:
    """Return IPS of whole lists: unbiased whatever users do, useless for long lists.

    Its weights are products over all slots: it fails, by variance, where k or the policies'
    difference is large.
    """
    return _weighted(log, np.repeat(log.weights.prod(axis=1)[:, None], log.rewards.shape[1], 1))


def rips(log: Slates) -> Terms:
    """Return reward interaction IPS (McInerney et al., KDD 2020).

    Each slot's reward is weighted by the probabilities of the items down to it. Unbiased under a
    cascade; it fails where users look at what stands below before they choose.
    """
    return _weighted(log, _down_to(log))


def independent_ips(log: Slates) -> Terms:
    """Return item-position IPS (Li et al., KDD 2018), where each slot is for itself.

    Args:
        log: Lists whose propensities are *marginal*, P(item at the slot | context), of both
            policies, and not given the items above. It fails where a slot's reward depends on its
            neighbours.
    """
    return _weighted(log, log.weights)


def cascade_dr(log: Slates) -> Terms:
    """Return the doubly robust estimate of lists under a cascade (Kiyohara et al., WSDM 2022).

    The reward model, `Slates.predictions`, expects what a slot and all below it earn given the
    items down to it. Unbiased under a cascade whatever the model, less variable than RIPS with a
    good one; it fails where RIPS does.

    Raises:
        DataError: If the log has no predictions.
    """
    if log.predictions is None:
        raise DataError(
            "cascade DR needs `Slates(predictions=...)`: what each slot and all below it earn; "
            "give them, or use `rips`, which needs none"
        )
    down_to = _down_to(log)
    above = np.concatenate([np.ones((len(down_to), 1)), down_to[:, :-1]], axis=1)
    corrected = down_to * (log.rewards - log.predictions.logged)
    values = (corrected + above * log.predictions.target).sum(axis=1)
    return _terms(log, values, down_to)


def _down_to(log: Slates) -> Floats:
    """Return the weight of the items of each slot and of all above it. Shape: [slates, k]."""
    return np.asarray(np.cumprod(log.weights, axis=1))


def _weighted(log: Slates, weights: Floats) -> Terms:
    return _terms(log, (weights * log.rewards).sum(axis=1), weights)


def _terms(log: Slates, values: Floats, weights: Floats) -> Terms:
    """Judge overlap by a slate's weights as its rewards meet them: mean by slots' reward."""
    by_slot = np.abs(log.rewards).sum(axis=0)
    share = by_slot / by_slot.sum() if by_slot.any() else np.full(len(by_slot), 1 / len(by_slot))
    return Terms(
        values,
        np.ones(len(values)),
        weights @ share,
        log.clusters,
        log.unsupported,
        log.propensity_error,
    )
