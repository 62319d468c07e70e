"""Runs the study: one life of a service an arm and seed, and what is told of it.

*Loop strength* is that of `evaluation.exposure`, the partial rank correlation of what is shown in
one period with what was shown in the one before, given demand; demand is here the truth, what
members would search for by themselves, which only a simulated world knows. Beside it stand what the
loop costs: plays and satisfaction a visit, and how concentrated what is shown has become.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import SettingsError
from lolomo.core.policy import PlackettLuce
from lolomo.core.progress import Progress, silent
from lolomo.evaluation.exposure import exposure, loop_strength
from lolomo.events.world import WorldConfig, find_world
from lolomo.events.world.simulation import Simulation
from lolomo.operations.feedback.service import FEATURES, LearnedService
from lolomo.training.corrections import (
    Corrections,
    Examples,
    Negatives,
    SlotModel,
    fit,
    joined,
)

SHOWN = Corrections(negatives=Negatives.SHOWN)
ARMS: Mapping[str, Corrections] = {
    "catalogue negatives": Corrections(),
    "impressions": SHOWN,
    "impressions + position head": replace(SHOWN, position_head=True),
    "impressions + propensities": replace(SHOWN, propensity_weights=True),
    "catalogue + organic plays": Corrections(organic_weight=0.5),
    "all four": replace(SHOWN, position_head=True, propensity_weights=True, organic_weight=0.25),
}
"""What is compared. The weights of organic plays were chosen on seed 0, which is not reported."""
MEMBERS_ASKED: Final = 500
"""How many members true demand is averaged over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackPlan:
    """How long the study is."""

    world: str = "position-biased"
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    num_members: int = 1_500
    retrainings: int = 20
    days: int = 2
    """Between retrainings."""
    memory: int = 5
    """How many periods a model learns from."""
    temperature: float = 0.4
    """Of the Plackett-Luce policy that draws the pages."""
    arms: tuple[str, ...] = tuple(ARMS)

    @property
    def config(self) -> WorldConfig:
        """The world, small and lively, without resuming and pitches, which the study leaves out."""
        return replace(
            find_world(self.world),
            num_members=self.num_members,
            num_items=500,
            num_days=self.retrainings * self.days + self.days,
            visits_per_day=0.15,
            present_at_start=0.9,
            attraction=-5.2,
            pitch_strength=0.0,
            series_strength=0.0,
            resuming=0.0,
            rows=("picks",),
            row_length=12,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One life of a service."""

    arm: str
    seed: int
    loop_strength: float
    """Mean over the second half of the retrainings."""
    gini: float
    """Of the impressions of that half."""
    plays: float
    """From the page, a visit, in that half."""
    satisfaction: float
    """Sum over those plays, a visit, in that half."""
    by_period: tuple[float, ...]
    """Loop strength after each retraining."""


@dataclass(slots=True)
class _Period:
    """What one period showed and taught."""

    page: list[Examples]
    organic: list[Examples]
    shown: NDArray[np.int64]
    visits: int = 0
    plays: int = 0
    pleased: float = 0.0


def run_study(plan: FeedbackPlan, progress: Progress = silent) -> list[Outcome]:
    """Return every arm's life in every seed.

    Raises:
        SettingsError: If an arm is unknown.
    """
    unknown = sorted(set(plan.arms) - ARMS.keys())
    if unknown:
        raise SettingsError(f"no arm is called {unknown}; expected some of {list(ARMS)}")
    lives = [(arm, seed) for seed in plan.seeds for arm in plan.arms]
    outcomes = []
    for number, (arm, seed) in enumerate(lives):
        progress(number / len(lives), f"{arm}, seed {seed}")
        outcomes.append(_live(plan, arm, seed))
    progress(1.0, "done")
    return outcomes


def _live(plan: FeedbackPlan, arm: str, seed: int) -> Outcome:
    """Let a service live: a period by chance, then one after each retraining."""
    world, corrections = Simulation(plan.config, seed), ARMS[arm]
    sizes = (plan.config.num_items, plan.config.row_length)
    nothing = SlotModel(np.zeros(sizes[0]), np.zeros(len(FEATURES)), np.zeros(sizes[1]))
    policy = PlackettLuce(plan.temperature)
    service = LearnedService(world, nothing, policy, sizes[1], np.random.default_rng([seed, 99]))
    periods: list[_Period] = []
    strengths: list[float] = []
    for number in range(plan.retrainings + 1):
        first = number * plan.days
        periods.append(_period(world, service, corrections, range(first, first + plan.days)))
        if number > 1:
            shown = [period.shown for period in periods[-2:]]
            strengths.append(loop_strength(shown, _demand(world, first)))
        service.model = _learned(periods[-plan.memory :], sizes, corrections)
    return _outcome(arm, seed, periods, strengths)


def _period(
    world: Simulation, service: LearnedService, corrections: Corrections, days: Sequence[int]
) -> _Period:
    period = _Period([], [], np.zeros(len(world.titles), np.int64))
    for day in days:
        for part in world.parts(service, day):
            page, organic = service.examples(part, corrections)
            period.page.append(page)
            period.organic.append(organic)
            if service.shown is not None:
                period.shown += np.bincount(
                    service.shown.items.ravel(), minlength=len(world.titles)
                )
            period.visits += len(part.visits)
            period.plays += int(part.from_page.sum())
            period.pleased += float(part.pleased.sum())
    return period


def _learned(
    periods: Sequence[_Period], sizes: tuple[int, int], corrections: Corrections
) -> SlotModel:
    page = joined([part for period in periods for part in period.page])
    organic = joined([part for period in periods for part in period.organic])
    return fit(page, organic, sizes, corrections)


def _demand(world: Simulation, day: int) -> NDArray[np.float64]:
    """Return what members would search for: the share of each title, the world's secret."""
    config, titles = world.config, world.titles
    general = world.behaviour.interest(day) - config.appeal_strength * titles.appeal
    general = np.where(titles.launch_day <= day, general, -np.inf)
    tastes = world.members.tastes[:MEMBERS_ASKED, 0]
    wanted = np.exp(config.taste_strength * tastes @ titles.vectors.T + general)
    return np.asarray((wanted / wanted.sum(axis=1, keepdims=True)).mean(axis=0))


def _outcome(
    arm: str, seed: int, periods: Sequence[_Period], strengths: Sequence[float]
) -> Outcome:
    late = periods[len(periods) // 2 :]
    visits = sum(period.visits for period in late)
    shown = np.sum([period.shown for period in late], axis=0)
    return Outcome(
        arm=arm,
        seed=seed,
        loop_strength=float(np.nanmean(strengths[len(strengths) // 2 :])),
        gini=exposure(shown).gini,
        plays=sum(period.plays for period in late) / visits,
        satisfaction=sum(period.pleased for period in late) / visits,
        by_period=tuple(strengths),
    )
