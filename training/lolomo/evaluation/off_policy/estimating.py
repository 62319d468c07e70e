"""An answer, or a refusal that says why: estimators by name, behind the guard.

outcome = estimate("snips", decisions)
outcome.interval            # Estimate: the mean reward a decision under the target policy
outcome.reasons             # Refused: why there is none
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lolomo.core.errors import SettingsError
from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.off_policy.diagnostics import Diagnostics, Guard, diagnose
from lolomo.evaluation.off_policy.intervals import asymptotic
from lolomo.evaluation.off_policy.logs import Decisions, Slates
from lolomo.evaluation.off_policy.modelling import (
    direct_method,
    doubly_robust,
    dr_shrinkage,
    switch_dr,
)
from lolomo.evaluation.off_policy.slates import cascade_dr, independent_ips, rips, slate_ips
from lolomo.evaluation.off_policy.terms import Terms
from lolomo.evaluation.off_policy.weighting import clipped_ips, ips, snips

DECISION_ESTIMATORS: Mapping[str, Callable[[Decisions], Terms]] = MappingProxyType(
    {
        "ips": ips,
        "snips": snips,
        "clipped-ips": clipped_ips,
        "dm": direct_method,
        "dr": doubly_robust,
        "dr-shrinkage": dr_shrinkage,
        "switch-dr": switch_dr,
    }
)
"""Estimators of single actions, with the settings that they have by default."""
SLATE_ESTIMATORS: Mapping[str, Callable[[Slates], Terms]] = MappingProxyType(
    {
        "slate-ips": slate_ips,
        "rips": rips,
        "independent-ips": independent_ips,
        "cascade-dr": cascade_dr,
    }
)
"""Estimators of whole lists."""
BIASED = frozenset({"clipped-ips", "dm", "dr-shrinkage", "switch-dr"})
"""Estimators whose intervals say how much they vary, and not how far off they are."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the target policy would have earned a decision, or a list."""

    estimator: str
    interval: Interval
    diagnostics: Diagnostics

    @property
    def is_biased(self) -> bool:
        """Whether the estimator trades bias for variance, so that its interval leaves that out."""
        return self.estimator in BIASED


@dataclass(frozen=True, slots=True)
class Refused:
    """No answer, since the log cannot give one."""

    estimator: str
    reasons: tuple[str, ...]
    diagnostics: Diagnostics


def judged(
    name: str,
    terms: Terms,
    guard: Guard | None = None,
    interval: Callable[[Terms], Interval] = asymptotic,
) -> Estimate | Refused:
    """Return an estimate with its interval, unless the guard refuses it.

    Args:
        name: How the estimator is called in reports.
        terms: What it made of the log.
        guard: When to refuse; the usual limits unless given.
        interval: How the interval is made.
    """
    diagnostics = diagnose(terms)
    reasons = (guard or Guard()).reasons(diagnostics)
    if reasons:
        return Refused(name, reasons, diagnostics)
    return Estimate(name, interval(terms), diagnostics)


def estimate(name: str, log: Decisions | Slates, guard: Guard | None = None) -> Estimate | Refused:
    """Return what an estimator, by its name, says of a log, unless the guard refuses it.

    Raises:
        SettingsError: If there is no such estimator for this kind of log.
        DataError: If the estimator needs predictions and the log has none.
    """
    terms: Terms | None = None
    if isinstance(log, Decisions) and name in DECISION_ESTIMATORS:
        terms = DECISION_ESTIMATORS[name](log)
    if isinstance(log, Slates) and name in SLATE_ESTIMATORS:
        terms = SLATE_ESTIMATORS[name](log)
    if terms is None:
        known = DECISION_ESTIMATORS if isinstance(log, Decisions) else SLATE_ESTIMATORS
        raise SettingsError(
            f"no estimator of {type(log).__name__.lower()} is called {name!r}; expected one of "
            f"{sorted(known)}"
        )
    return judged(name, terms, guard)
