"""What a log says of a variant: the offline metrics, none of which sees the world's secrets."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lolomo.core.policy import Ranking
from lolomo.evaluation.off_policy import (
    Decisions,
    Guard,
    Slates,
    Terms,
    diagnose,
    independent_ips,
    rips,
    snips,
)
from lolomo.operations.alignment.recording import Log
from lolomo.operations.alignment.variants import Variant

Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]

OFFLINE: Mapping[str, str] = {
    "as-of NDCG": "all plays of the visit, counts as they were",
    "static NDCG": "the same, counts and histories frozen before the first judged day",
    "debiased NDCG": "each play weighted by the inverse root of its title's plays",
    "organic NDCG": "plays found by search alone, which no page had a part in",
    "calibration": "log loss of plays by score and place, learned on the first half, negated",
    "OPE, first slot": "SNIPS of the first slot",
    "OPE, slot by slot": "item-position IPS, given the items above as logged",
    "OPE, whole list": "RIPS",
    "OPE of enjoyment": "the same of how far plays got beyond half way, and of thumbs",
    "OPE of thumbs": "the same of thumbs alone: 1 for one up, -1 for one down",
}
"""What each metric is, by its name; more is better."""
OPE = (
    "OPE, first slot",
    "OPE, slot by slot",
    "OPE, whole list",
    "OPE of enjoyment",
    "OPE of thumbs",
)


def offline_metrics(
    log: Log, variant: Variant, ranking: Ranking, frozen: Ranking
) -> dict[str, float]:
    """Return every metric of a variant; `<metric> refused` is 1 where the guard would refuse it.

    Args:
        log: What was logged.
        variant: Who is judged.
        ranking: The lists that its policy draws. Shape: [visits, k].
        frozen: The same from frozen signals.
    """
    played = _as_candidates(log)
    watched = played | log.searched
    scores = variant.scores(log.signals, log.there)
    times_played = np.bincount(
        log.candidates[watched], minlength=int(log.candidates.max()) + 1
    ).astype(float)
    weight = 1.0 / np.sqrt(np.maximum(times_played[log.candidates], 1.0))
    found = {
        "as-of NDCG": _ndcg(ranking, watched),
        "static NDCG": _ndcg(frozen, watched),
        "debiased NDCG": _ndcg(ranking, watched, weight),
        "organic NDCG": _ndcg(ranking, log.searched),
        "calibration": -_log_loss(scores, log),
    }
    for name, terms in _off_policy(log, variant, scores).items():
        found[name] = terms.estimate
        found[f"{name} refused"] = float(bool(Guard().reasons(diagnose(terms))))
    return found


def _off_policy(log: Log, variant: Variant, scores: Doubles) -> dict[str, Terms]:
    target = variant.policy.propensities(scores, log.ranking)
    rewards = log.plays.astype(float)
    slates = Slates(rewards=rewards, propensities=log.propensities, target_propensities=target)
    first = Decisions(
        rewards=rewards[:, 0],
        propensities=log.propensities[:, 0],
        target_propensities=target[:, 0],
    )
    enjoyed = replace(slates, rewards=log.enjoyed.astype(float))
    thumbs = replace(slates, rewards=log.thumbs.astype(float))
    lists = (independent_ips(slates), rips(slates), independent_ips(enjoyed))
    return dict(zip(OPE, (snips(first), *lists, independent_ips(thumbs)), strict=True))


def _as_candidates(log: Log) -> Mask:
    """Return which candidates were played from the page. Shape: [visits, candidates]."""
    played = np.zeros(log.there.shape, bool)
    np.put_along_axis(played, log.ranking, log.plays, axis=1)
    return played


def _ndcg(ranking: Ranking, relevant: Mask, weight: Doubles | None = None) -> float:
    """Return the mean NDCG over visits with something relevant, each weighted by its targets."""
    k = ranking.shape[1]
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    hit = np.take_along_axis(relevant, ranking, axis=1)
    best = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(relevant.sum(axis=1), k)]
    asked = best > 0
    if not asked.any():
        return math.nan
    reached = (hit @ discount)[asked] / best[asked]
    if weight is None:
        return float(reached.mean())
    by_visit = np.where(relevant, weight, 0.0).sum(axis=1)[asked] / relevant.sum(axis=1)[asked]
    return float(np.average(reached, weights=by_visit))


def _log_loss(scores: Doubles, log: Log) -> float:
    """Return the log loss of what was shown in the second half, by a fit to the first."""
    shown = np.take_along_axis(scores, log.ranking, axis=1)
    place = np.broadcast_to(np.log1p(np.arange(shown.shape[1])), shown.shape)
    inputs = np.stack([np.ones(shown.shape), shown, place], axis=2)
    early = log.day < np.median(log.day)
    fitted = _logistic(inputs[early].reshape(-1, 3), log.plays[early].reshape(-1))
    chance = 1.0 / (1.0 + np.exp(-inputs[~early] @ fitted))
    late = log.plays[~early]
    return float(-np.mean(np.where(late, np.log(chance), np.log1p(-chance))))


def _logistic(inputs: Doubles, plays: Mask, steps: int = 12) -> Doubles:
    """Return the coefficients of a logistic regression, by Newton's method."""
    coefficients = np.zeros(inputs.shape[1])
    for _ in range(steps):
        chance = 1.0 / (1.0 + np.exp(-inputs @ coefficients))
        spread = inputs * (chance * (1.0 - chance))[:, None]
        curvature = inputs.T @ spread + 1e-3 * np.eye(inputs.shape[1])
        coefficients = coefficients + np.linalg.solve(curvature, inputs.T @ (plays - chance))
    return coefficients
