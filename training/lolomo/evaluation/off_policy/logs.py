"""What off-policy evaluation reads: decisions that were logged with their probabilities.

A logged decision is (x, a, r, p): in a context an action was taken with a known probability, its
*propensity*, and earned a reward. Off-policy evaluation asks what another policy, the *target*,
would have earned; all that it must know of the target is how probable the logged actions were under
it. `Decisions` holds single actions, `Slates` whole lists, whose propensities are given slot by
slot: P(item | context, the items above it), as serving logs them.

Both are checked when they are made. A propensity that is null means that a title was moved or
dropped after sampling, so that nobody knows how probable it was: such logs are refused, and never
completed by a guess. Of a policy that can only estimate its propensities, such as Thompson
sampling, their standard errors belong to the log: one over an estimate is too large on average, by
about the square of its relative error, and weights are corrected for that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a reward model expects; it must not have learned from the rows that it predicts."""

    logged: Floats
    """Of the logged action: q(x, a). Shape: as the rewards."""
    target: Floats
    """Of the target policy: the mean of q(x, a) over its actions. Shape: as the rewards."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Log:
    """What single actions and lists have in common: arrays of one shape, checked."""

    rewards: Floats
    """What was earned. Shape: [decisions] or [slates, k]."""
    propensities: Floats
    """Of the policy that logged, above 0: P(action | context), in a list given the items above."""
    target_propensities: Floats
    """The same of the policy that is asked about."""
    predictions: Predictions | None = None
    """What a reward model expects, for the estimators that use one; in a list of a slot and all
    below it, given the items down to it."""
    clusters: NDArray[np.int64] | None = None
    """Codes from 0 of who decided, where rows of one user depend. Shape: [rows]."""
    unsupported: float = 0.0
    """Probability that the target does what the logging policy never would, where known."""
    errors: Floats | None = None
    """Standard errors of propensities that were estimated, 0 where one is exact; None where all
    are. Shape: as the rewards."""

    def __post_init__(self) -> None:
        check_log(self.rewards, self.propensities, self.target_propensities, self.predictions)
        _check_clusters(self.clusters, len(self.rewards))
        _check_errors(self.errors, np.shape(self.rewards))

    @property
    def weights(self) -> Floats:
        """Importance weights, target over logging probability; their mean is near 1."""
        weights = self.target_propensities / self.propensities
        if self.errors is None:
            return weights
        return weights / (1.0 + np.square(self.errors / self.propensities))

    @property
    def propensity_error(self) -> float:
        """Relative error of the propensities, root mean square; 0 where all are exact."""
        if self.errors is None or not np.size(self.errors):
            return 0.0
        return float(np.sqrt(np.mean(np.square(self.errors / self.propensities))))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decisions(Log):
    """Logged single actions, one a row: every array has the shape [decisions].

    Raises:
        DataError: If shapes differ, or a propensity is null or not a probability above 0.
    """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slates(Log):
    """Logged lists, one a row, with what each slot earned: arrays of the shape [slates, k].

    Raises:
        DataError: If shapes differ, or a propensity is null or not a probability above 0.
    """

    @override
    def __post_init__(self) -> None:
        if np.ndim(self.rewards) != 2:
            raise DataError(
                f"slates need rewards of shape [slates, k]; received {np.shape(self.rewards)}: "
                "use `Decisions` for single actions"
            )
        Log.__post_init__(self)


def check_log(
    rewards: Floats,
    propensities: Floats,
    target_propensities: Floats,
    predictions: Predictions | None = None,
) -> None:
    """Refuse arrays that are no log.

    Raises:
        DataError: If shapes differ, or a propensity is null or not a probability.
    """
    arrays = {"propensities": propensities, "target_propensities": target_propensities}
    if predictions is not None:
        arrays |= {"predictions": predictions.logged, "target predictions": predictions.target}
    for name, array in arrays.items():
        if np.shape(array) != np.shape(rewards):
            raise DataError(
                f"a log needs arrays of one shape; received rewards of {np.shape(rewards)} and "
                f"{name} of {np.shape(array)}"
            )
    num_null = int(np.isnan(propensities).sum())
    if num_null:
        raise DataError(
            f"{num_null} of {np.size(propensities)} propensities are null: an item was moved or "
            "dropped after sampling, and nobody knows its probability; leave out whole requests "
            "of which a slot is null, and say so, or log with sampling as the last step"
        )
    if not (np.all(propensities > 0) and np.all(propensities <= 1)):
        raise DataError(
            f"propensities lie between {np.min(propensities)} and {np.max(propensities)}; expected "
            "probabilities above 0: what was logged happened, so it had one"
        )
    if not (np.all(target_propensities >= 0) and np.all(target_propensities <= 1)):
        raise DataError("target propensities must be probabilities from 0 to 1, and not null")
    if not np.all(np.isfinite(rewards)):
        raise DataError("rewards must be finite; wait for delayed ones, or predict them")


def _check_errors(errors: Floats | None, shape: tuple[int, ...]) -> None:
    if errors is None:
        return
    if np.shape(errors) != shape or not np.all(np.isfinite(errors) & (np.asarray(errors) >= 0)):
        raise DataError(
            f"errors of propensities have the shape {np.shape(errors)}; expected {shape}, each 0 "
            "or more: 0 where a propensity is exact"
        )


def _check_clusters(clusters: NDArray[np.int64] | None, num_rows: int) -> None:
    if clusters is not None and (np.shape(clusters) != (num_rows,) or np.min(clusters) < 0):
        raise DataError(
            f"clusters must be {num_rows} codes from 0; received shape {np.shape(clusters)}"
        )
