"""MIPS: weights over what items are like, where there are too many items to weight each.

With thousands of titles most have been shown to nobody like this user, and weights of single items
explode. Saito and Joachims, "Off-policy evaluation for large action spaces via embeddings" (ICML
2022), weight the embedding e of the item (here its categories, such as genre and decade):
w(x, e) = P(e | x, target) / P(e | x, logging). Unbiased if an item earns by its embedding alone,
"no direct effect"; it fails, by bias, where titles of one category differ.
"""

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import DataError
from lolomo.evaluation.off_policy.logs import Decisions, Floats
from lolomo.evaluation.off_policy.terms import Terms
from lolomo.evaluation.off_policy.weighting import ips

Codes = NDArray[np.int64]


def mips(log: Decisions) -> Terms:
    """Return the marginalised estimate: IPS over embeddings.

    Args:
        log: Decisions whose propensities are those of the *embedding* of what was logged, under
            both policies; `embedding_propensities` makes them.
    """
    return ips(log)


def embedding_propensities(policy: Floats, categories: Codes, actions: Codes) -> Floats:
    """Return how probable the category of each logged action was.

    Args:
        policy: P(action | context) of every action. Shape: [decisions, actions], or [actions] where
            it is the same in every context.
        categories: The category of each action, codes from 0. Shape: [actions].
        actions: What was logged. Shape: [decisions].

    Returns:
        P(category of the logged action | context). Shape: [decisions].

    Raises:
        DataError: If the policy is not over the actions that have categories.
    """
    if policy.shape[-1] != len(categories):
        raise DataError(
            f"the policy is over {policy.shape[-1]} actions and {len(categories)} have a category; "
            "expected one each"
        )
    membership = np.eye(int(categories.max()) + 1)[categories]
    by_category = np.minimum(np.atleast_2d(policy) @ membership, 1.0)
    rows = np.arange(len(actions)) if len(by_category) > 1 else np.zeros(len(actions), int)
    return np.asarray(by_category[rows, categories[actions]])
