"""The sample-ratio-mismatch alarm: did the arms get the units that they should have?

If a split of one half gives 50.3 % of a million users, somebody is missing from an arm: crashes,
bots, or a redirect that loses the slow. Then arms are not comparable, whatever their metrics say
(Fabijan et al., KDD 2019). Since it is looked at all the time, the test is always valid: the Bayes
factor of a Dirichlet around the intended shares against exactly those shares is a martingale while
all is well (Lindon and Malek, NeurIPS 2022).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import special

ALARM = 0.001
"""The p-value below which an experiment is not to be read: alarms should be rare and believed."""
CONCENTRATION = 1000.0
"""How near to the intended shares a mismatch is looked for: the larger, the nearer."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """How many units each arm got, and how surprising that is."""

    counts: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float
    """Holds at all times at once."""

    @property
    def is_alarm(self) -> bool:
        """Whether the arms are not comparable."""
        return self.p_value < ALARM


def sample_ratio(counts: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Return whether the arms got their shares of the units.

    Args:
        counts: Units by arm.
        shares: The share that each arm should get; they sum to 1.
    """
    number = np.array([counts.get(arm, 0) for arm in shares], float)
    share = np.array(list(shares.values()))
    prior = CONCENTRATION * share
    log_factor = _log_beta(prior + number) - _log_beta(prior) - float(number @ np.log(share))
    total = number.sum()
    return SampleRatio(
        counts={arm: int(count) for arm, count in zip(shares, number, strict=True)},
        expected={arm: float(part * total) for arm, part in shares.items()},
        p_value=math.exp(-max(0.0, log_factor)),
    )


def _log_beta(parameters: np.ndarray) -> float:
    return float(special.gammaln(parameters).sum() - special.gammaln(parameters.sum()))
