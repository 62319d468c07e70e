"""Off-policy evaluation in the simulated service: four worlds, many seeds, a truth that is summed.

    python tests/load/ope_worlds.py --seeds 20 --runs 100

In each world an estimator is asked, from logs of one policy, what another earns. Coverage of its
95 % intervals is counted over all seeds and runs. The third column says whether the world meets
what the estimator assumes (holds), breaks it (broken), or whether bias is the estimator's design.
Everything is *simulated*.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / part) for part in ("platform", "features", "training")]

from lolomo.core.policy import PlackettLuce  # noqa: E402
from lolomo.evaluation.off_policy import (  # noqa: E402
    DECISION_ESTIMATORS,
    Decisions,
    Predictions,
    Slates,
    Terms,
    asymptotic,
    cascade_dr,
    counted_moments,
    diagnose,
    folds_of,
    independent_ips,
    linear_predictions,
    pseudo_inverse,
    rips,
    slate_ips,
)
from lolomo.events.world import Decisions as Service  # noqa: E402
from lolomo.events.world import Logged, draw_decisions, find_world  # noqa: E402

LOGGING, TARGET = PlackettLuce(1.2), PlackettLuce(0.5)
NAMES = ("position-biased", "cascade", "novelty-seeking", "clicks-oppose-satisfaction")
ADDITIVE = ("position-biased", "clicks-oppose-satisfaction")
"""Worlds in which a slot earns by its own item and place alone."""


@dataclass(frozen=True)
class World:
    """One seed of a world, and all that is computed once for it."""

    name: str
    seed: int
    k: int

    @cached_property
    def service(self) -> Service:
        return draw_decisions(
            find_world(self.name), self.seed, contexts=200, candidates=5, k=self.k
        )

    @cached_property
    def truth(self) -> float:
        return self.service.value(TARGET, "plays")

    @cached_property
    def lists(self) -> np.ndarray:
        return np.array(list(permutations(range(5), self.k)))

    @cached_property
    def solved(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights of every list, and marginals of both policies, by context."""
        weights, marginals = [], []
        for scores in self.service.scores:
            tiled = np.tile(scores, (len(self.lists), 1))
            moments = [
                counted_moments(self.lists, 5, policy.propensities(tiled, self.lists).prod(axis=1))
                for policy in (LOGGING, TARGET)
            ]
            shares = [np.diag(each).reshape(self.k, 5) for each in moments]
            ones = np.ones(len(self.lists))
            weights.append(pseudo_inverse(ones, self.lists, shares[1], moments[0]).weights)
            marginals.append(shares)
        logging, target = (np.stack(each) for each in zip(*marginals, strict=True))
        return np.stack(weights), logging, target


def slates(world: World, logged: Logged) -> Slates:
    later = np.cumsum(logged.plays[:, ::-1].mean(axis=0))[::-1]
    model = np.broadcast_to(later, logged.plays.shape)
    return Slates(
        rewards=logged.plays,
        propensities=logged.propensities,
        target_propensities=TARGET.propensities(logged.scores, logged.ranking),
        predictions=Predictions(model, model),
    )


def marginal_slates(world: World, logged: Logged) -> Slates:
    _, logging, target = world.solved
    slots = np.arange(world.k)
    chosen = (logged.context[:, None], slots, logged.ranking)
    return Slates(
        rewards=logged.plays, propensities=logging[chosen], target_propensities=target[chosen]
    )


def pseudo_inverse_terms(world: World, logged: Logged) -> Terms:
    powers = 5 ** np.arange(world.k)
    place = np.argsort(self_codes := world.lists @ powers)
    found = place[np.searchsorted(self_codes[place], logged.ranking @ powers)]
    weights = world.solved[0][logged.context, found]
    return Terms(weights * logged.plays.sum(axis=1), np.ones(len(weights)), weights)


def single(world: World, logged: Logged) -> Decisions:
    """Return a log of single decisions, with a regression on what the service sees."""
    candidates = np.arange(logged.scores.shape[1])
    everything = [
        TARGET.propensities(logged.scores, np.full((len(logged.context), 1), place))
        for place in candidates
    ]
    target = np.concatenate(everything, axis=1)
    actions = logged.ranking[:, 0]
    return Decisions(
        rewards=logged.plays[:, 0],
        propensities=logged.propensities[:, 0],
        target_propensities=target[np.arange(len(actions)), actions],
        predictions=linear_predictions(
            logged.features.astype(np.float64),
            actions,
            logged.plays[:, 0],
            folds_of(len(actions)),
            target,
        ),
    )


LISTS: Mapping[str, Callable[[World, Logged], Terms]] = {
    "slate-ips": lambda world, logged: slate_ips(slates(world, logged)),
    "rips": lambda world, logged: rips(slates(world, logged)),
    "cascade-dr": lambda world, logged: cascade_dr(slates(world, logged)),
    "independent-ips": lambda world, logged: independent_ips(marginal_slates(world, logged)),
    "pseudo-inverse": pseudo_inverse_terms,
}


@dataclass
class Tally:
    """What the runs of one estimator in one world came to."""

    covered: int = 0
    errors: tuple[float, ...] = ()
    effective: tuple[float, ...] = ()

    def add(self, terms: Terms, truth: float) -> None:
        interval = asymptotic(terms)
        self.covered += interval.low <= truth <= interval.high
        self.errors += (interval.mean - truth,)
        self.effective += (diagnose(terms).effective_sample_size,)

    def line(self, estimator: str, world: str, expected: str) -> str:
        runs, errors = len(self.errors), np.array(self.errors)
        low, high = stats.binomtest(self.covered, runs).proportion_ci(method="wilson")
        return (
            f"{estimator:>16}  {world:<27} {expected:<8} {self.covered / runs:6.1%} "
            f"[{low:.1%}, {high:.1%}]  {errors.mean():+.4f}  {errors.std():.4f}  "
            f"{np.sqrt(np.square(errors).mean()):.4f}  {np.mean(self.effective):6.0f}"
        )


def tallies(name: str, k: int, seeds: int, runs: int, rows: int) -> dict[str, Tally]:
    """Return each estimator's tally in a world; with k = 1 those of single decisions."""
    found: dict[str, Tally] = {}
    for seed in range(1, seeds + 1):
        world, rng = World(name, seed, k), np.random.default_rng([seed, k])
        for _ in range(runs):
            logged = world.service.logged(LOGGING, rows, rng)
            if k == 1:
                log = single(world, logged)
                terms = {name: make(log) for name, make in DECISION_ESTIMATORS.items()}
            else:
                terms = {name: make(world, logged) for name, make in LISTS.items()}
            for estimator, each in terms.items():
                found.setdefault(estimator, Tally()).add(each, world.truth)
    return found


def expectation(estimator: str, world: str) -> str:
    """Return whether intervals should hold there."""
    if estimator in ("clipped-ips", "dm", "dr-shrinkage", "switch-dr"):
        return "biased"
    if estimator in ("independent-ips", "pseudo-inverse") and world not in ADDITIVE:
        return "broken"
    return "holds"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--runs", type=int, default=100, help="a seed")
    parser.add_argument("--rows", type=int, default=1000, help="of each log")
    options = parser.parse_args()
    print(f"{'estimator':>16}  {'world':<27} expected coverage (simulated)  bias  sd  error  ESS")
    for k in (1, 3):
        for name in NAMES:
            found = tallies(name, k, options.seeds, options.runs, options.rows)
            for estimator, tally in found.items():
                label = f"{name}, {k} of 5"
                print(tally.line(estimator, label, expectation(estimator, name)), flush=True)


if __name__ == "__main__":
    main()
