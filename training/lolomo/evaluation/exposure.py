"""Exposure: which titles a service shows, how unequally, and how far it feeds on itself.

A recommender learns from plays that its own pages led to. *Loop strength* measures how much of what
it shows is explained by what it showed before rather than by what members look for by themselves:
the partial rank correlation of today's exposure with yesterday's, given organic plays (searches),
over titles. Near 0 each day follows demand, near 1 exposure follows exposure (Chaney et al., "How
algorithmic confounding in recommendation systems increases homogeneity", RecSys 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from lolomo.events.world.marginals import gini

Counts = NDArray[np.integer] | NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How a service's impressions fall on its titles."""

    gini: float
    """0 if all titles are shown equally often, towards 1 if one has every impression."""
    coverage: float
    """Share of the titles that are shown at all."""
    top_share: float
    """Share of the impressions that the most shown hundredth of the titles has."""


def exposure(shown: Counts) -> Exposure:
    """Return how concentrated impressions are.

    Args:
        shown: How often each title was shown. Shape: [items].
    """
    rising = np.sort(np.asarray(shown, np.float64))
    top = rising[-max(1, len(rising) // 100) :]
    return Exposure(
        gini=gini(rising),
        coverage=float((rising > 0).mean()),
        top_share=float(top.sum() / max(1.0, rising.sum())),
    )


def loop_strength(shown: Sequence[Counts], organic: Counts) -> float:
    """Return how far exposure follows exposure, beyond what demand explains; NaN if none varies.

    Args:
        shown: How often each title was shown, by period, two or more. Shape of each: [items].
        organic: How often each was played without having been recommended. Shape: [items].
    """
    demand = _ranks(organic)
    strengths = []
    for before, after in pairwise(shown):
        residuals = [_residual(_ranks(counts), demand) for counts in (before, after)]
        spread = np.std(residuals[0]) * np.std(residuals[1])
        if spread > 0:
            strengths.append(float(np.mean(residuals[0] * residuals[1]) / spread))
    return float(np.mean(strengths)) if strengths else float("nan")


def _ranks(counts: Counts) -> NDArray[np.float64]:
    """Return centred ranks, ties at their mean. Shape: [items]."""
    _, place, number = np.unique(counts, return_inverse=True, return_counts=True)
    last = np.cumsum(number)
    ranks = (last - (number - 1) / 2)[place]
    return np.asarray(ranks - ranks.mean())


def _residual(values: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a line through the given does not explain."""
    spread = (given**2).sum()
    return values - given * ((values * given).sum() / spread if spread else 0.0)
