"""Decisions: may a challenger serve?

It must be superior to the strongest simple baseline, and not inferior to the champion, both by a
paired bootstrap on the same queries of the validation window. Nothing here loosens a gate: a tie,
or an interval that reaches 0, is a gate lost, and the champion goes on serving. With too few users
the decision stands, since somebody has to serve, but says that it is inconclusive.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.task import Gate
from lolomo.evaluation.bootstrap import (
    Bootstrap,
    Comparison,
    num_clusters,
    paired_bootstrap,
    summarise,
)

MIN_USERS = 500
"""With fewer evaluable users nothing is concluded."""
INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Contender:
    """A model with what it scored on each query of one window."""

    name: str
    per_query: pl.DataFrame
    """What `query_metrics` returned."""
    recipe: str = ""
    """What it was made by, such as model and config; the name if not given."""
    num_users: int | None = None
    """How many users its queries speak for; those who ask if not given."""

    @property
    def num_evaluable_users(self) -> int | None:
        """The number of users, None where queries of the clock do not tell."""
        if self.num_users is not None:
            return self.num_users
        asking = self.per_query.filter(pl.col(Columns.USER_ID) != "")[Columns.USER_ID].n_unique()
        return asking or None

    @property
    def identity(self) -> str:
        """Two contenders of one identity are the same model."""
        return self.recipe or self.name


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a gate is passed, why, and by which figures."""

    passed: bool
    reason: str
    figures: Mapping[str, float]
    """Flat, for a release card: means, and the ends of the intervals of differences."""


def decide(
    gate: Gate,
    challenger: Contender,
    baselines: Sequence[Contender],
    champion: Contender | None = None,
) -> Decision:
    """Decide whether a challenger may serve.

    A challenger that is itself a baseline needs no superiority over itself: it must be the
    strongest of the baselines. A champion of the challenger's own recipe (an older fit of it) sets
    no second bar. Without baselines and champion the first model passes.

    Args:
        gate: The metric, margin and confidence.
        challenger: Who wants to serve.
        baselines: Whom it must beat: the strongest of them by mean.
        champion: Who serves now, judged on the same queries; None if nobody does.

    Raises:
        DataError: If contenders were judged on different queries.
    """
    clusters = num_clusters(challenger.per_query)
    if clusters == 0:
        return Decision(False, "no query to decide by: the window is too short or too thin", {})
    mean = _mean(gate, challenger)
    verdicts = [_against_baselines(gate, challenger, baselines)]
    if champion is not None and champion.identity != challenger.identity:
        verdicts.append(_against_champion(gate, challenger, champion))
    figures = {"num_clusters": float(clusters), "challenger.mean": mean}
    for verdict in verdicts:
        figures.update(verdict.figures)
    reasons = [verdict.reason for verdict in verdicts]
    num_users = challenger.num_evaluable_users
    if num_users is not None:
        figures["num_users"] = float(num_users)
        figures[INCONCLUSIVE] = float(num_users < MIN_USERS)
        reasons += [doubt] if (doubt := doubt_of(num_users)) else []
    return Decision(all(verdict.passed for verdict in verdicts), "; ".join(reasons), figures)


def doubt_of(num_users: int) -> str:
    """Return why nothing is concluded from so many users; "" if they are enough."""
    return f"{INCONCLUSIVE} ({num_users} < {MIN_USERS} users)" if num_users < MIN_USERS else ""


def strongest(gate: Gate, contenders: Sequence[Contender]) -> Contender:
    """Return the contender with the highest mean of the gate's metric, the first if tied."""
    return max(contenders, key=lambda contender: _mean(gate, contender))


def _against_baselines(
    gate: Gate, challenger: Contender, baselines: Sequence[Contender]
) -> Decision:
    others = [other for other in baselines if other.identity != challenger.identity]
    if not others:
        return Decision(True, f"{challenger.name} has no other baseline to beat", {})
    best = strongest(gate, others)
    comparison = _compare(gate, challenger, best)
    figures = _figures("baseline", comparison, _mean(gate, best))
    if len(others) < len(baselines):
        passed = comparison.difference.mean >= 0
        standing = "is the strongest baseline" if passed else f"is a baseline below {best.name}"
        return Decision(passed, f"{challenger.name} {standing} ({_words(comparison)})", figures)
    passed = comparison.difference.low > 0
    verb = "beats" if passed else "does not beat"
    reason = f"{challenger.name} {verb} the strongest baseline {best.name} ({_words(comparison)})"
    return Decision(passed, reason, figures)


def _against_champion(gate: Gate, challenger: Contender, champion: Contender) -> Decision:
    comparison = _compare(gate, challenger, champion)
    mean = _mean(gate, champion)
    margin = gate.non_inferiority_margin * mean
    passed = comparison.difference.low > -margin
    verb = "is not inferior to" if passed else "may be inferior to"
    reason = (
        f"{challenger.name} {verb} the champion {champion.name} "
        f"({_words(comparison)}, margin {margin:.4f})"
    )
    return Decision(passed, reason, _figures("champion", comparison, mean))


def _compare(gate: Gate, challenger: Contender, other: Contender) -> Comparison:
    bootstrap = Bootstrap(confidence=gate.confidence)
    return paired_bootstrap(challenger.per_query, other.per_query, gate.metric, bootstrap)


def _mean(gate: Gate, contender: Contender) -> float:
    mean = summarise(contender.per_query, [gate.metric], Bootstrap(num_resamples=1))[
        gate.metric
    ].mean
    return -math.inf if math.isnan(mean) else mean


def _words(comparison: Comparison) -> str:
    difference = comparison.difference
    return (
        f"{comparison.metric} {difference.mean:+.4f} "
        f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    )


def _figures(other: str, comparison: Comparison, mean: float) -> dict[str, float]:
    difference = comparison.difference
    return {
        f"{other}.mean": mean,
        f"{other}.difference": difference.mean,
        f"{other}.difference.low": difference.low,
        f"{other}.difference.high": difference.high,
    }
