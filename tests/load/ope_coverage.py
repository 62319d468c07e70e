"""Shows what each off-policy estimator is worth where the truth is known.

    python tests/load/ope_coverage.py --runs 2000 --rows 2000

Four tables, all *simulated*: coverage of 95 % intervals, bias, standard deviation and error in
worlds that meet each estimator's assumptions; the same where one assumption is broken; how the
error falls with rows; and seconds for 10^6 impressions.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / part) for part in ("tests", "platform", "features", "training")]

from evaluation.off_policy.small_bandits import (  # noqa: E402
    Bandit,
    SlateWorld,
    bandit,
    seldom_shown,
    slate_world,
    with_direct_effects,
)

from lolomo.evaluation.off_policy import (  # noqa: E402
    DECISION_ESTIMATORS,
    SLATE_ESTIMATORS,
    Guard,
    Terms,
    asymptotic,
    diagnose,
    mips,
    pseudo_inverse,
)

Draw = Callable[[np.random.Generator, int], Terms]


@dataclass(frozen=True)
class Case:
    """An estimator in a world, and what is true there."""

    estimator: str
    world: str
    draw: Draw
    truth: float
    share: float = 1.0
    """Of the rows that are asked for, so that the effective sample comes near what is needed."""


@dataclass(frozen=True)
class Outcome:
    """What many runs of a case came to."""

    case: Case
    covered: int
    runs: int
    bias: float
    deviation: float
    effective_rows: float
    refused: int

    @property
    def coverage(self) -> str:
        low, high = stats.binomtest(self.covered, self.runs).proportion_ci(method="wilson")
        return f"{self.covered / self.runs:6.1%} [{low:.1%}, {high:.1%}]"

    @property
    def error(self) -> float:
        return float(np.hypot(self.bias, self.deviation))


def run(case: Case, runs: int, rows: int, seed: int = 0) -> Outcome:
    """Estimate so many times from logs of so many rows, or the case's share of them."""
    rows = round(rows * case.share)
    rng = np.random.default_rng([seed, len(case.estimator), len(case.world)])
    estimates, covered, effective, refused = [], 0, [], 0
    for _ in range(runs):
        terms = case.draw(rng, rows)
        interval, found = asymptotic(terms), diagnose(terms)
        covered += interval.low <= case.truth <= interval.high
        estimates.append(interval.mean)
        effective.append(found.effective_sample_size)
        refused += bool(Guard().reasons(found))
    spread = np.array(estimates)
    return Outcome(
        case,
        covered,
        runs,
        float(spread.mean()) - case.truth,
        float(spread.std()),
        float(np.mean(effective)),
        refused,
    )


def of_bandit(estimator: str, name: str, world: Bandit, q: float | None = None) -> Case:
    """Return a case of single actions; `q` is a constant model in place of a learned one."""
    wrong = None if q is None else np.full(world.clicks.shape, q)
    if estimator == "mips":
        return Case("mips", name, lambda rng, n: mips(world.category_log(rng, n)), world.value)
    make = DECISION_ESTIMATORS[estimator]
    return Case(estimator, name, lambda rng, n: make(world.log(rng, n, wrong)), world.value)


def of_slates(estimator: str, name: str, world: SlateWorld) -> Case:
    """Return a case of lists."""
    if estimator == "pseudo-inverse":
        moments = world.moments(world.logging_scores)
        marginals = world.marginals(world.target_scores)

        def draw(rng: np.random.Generator, rows: int) -> Terms:
            lists, rewards = world.draw(rng, rows)
            return pseudo_inverse(rewards.sum(axis=1), lists, marginals, moments)

        return Case(estimator, name, draw, world.value)
    make = SLATE_ESTIMATORS[estimator]
    if estimator == "independent-ips":
        return Case(estimator, name, lambda rng, n: make(world.marginal_log(rng, n)), world.value)
    return Case(estimator, name, lambda rng, n: make(world.log(rng, n)), world.value)


UNBIASED = ("ips", "snips", "dr", "mips")
SLATE_WORLDS = {
    "slate-ips": "below",
    "rips": "cascade",
    "cascade-dr": "cascade",
    "independent-ips": "position",
    "pseudo-inverse": "position",
}
"""By estimator the way of reading that it assumes, or the hardest that it allows."""


def assumptions_met() -> list[Case]:
    """Return each unbiased estimator where its assumptions hold."""
    near = [of_bandit(name, "bandit", bandit()) for name in UNBIASED]
    near += [of_slates(name, reads, slate_world(reads)) for name, reads in SLATE_WORLDS.items()]
    far = [of_bandit(name, "far target, fewer rows", bandit(contrast=2.0)) for name in UNBIASED]
    far += [
        of_slates(name, f"{reads}, far target, fewer rows", slate_world(reads, contrast=1.2))
        for name, reads in SLATE_WORLDS.items()
    ]
    return near + [replace(case, share=0.25) for case in far]


def biased() -> list[Case]:
    """Return the estimators that trade bias for variance, with a model that is half right."""
    names = ("clipped-ips", "dm", "dr-shrinkage", "switch-dr")
    far = bandit(contrast=2.0)
    return [
        of_bandit(name, world, made, q)
        for name in names
        for world, made, q in (("bandit", bandit(), None), ("far target", far, None))
    ]


def one_sided() -> SlateWorld:
    """Return a world in which the target shows neighbours of one half, which harm each other."""
    world = slate_world("clash")
    liked = np.where(np.arange(len(world.appeal)) % 2, -1.5, 1.5)
    return replace(world, logging_scores=0.3 * world.logging_scores, target_scores=liked)


def assumptions_broken() -> list[Case]:
    """Return for each estimator a world in which it fails."""
    rare, wrong = seldom_shown(bandit()), replace(bandit(), error=0.7)
    long = slate_world("cascade", num_items=7, contrast=2.0)
    return [
        of_bandit("ips", "seldom shown", rare),
        of_bandit("snips", "seldom shown", rare),
        of_bandit("clipped-ips", "seldom shown", rare),
        of_bandit("dm", "wrong model", bandit(), q=0.9),
        of_bandit("dr", "wrong model, wrong propensities", wrong, q=0.9),
        of_bandit("dr-shrinkage", "seldom shown, wrong model", rare, q=0.1),
        of_bandit("switch-dr", "seldom shown, wrong model", rare, q=0.1),
        of_bandit("mips", "direct effects", with_direct_effects(bandit())),
        of_slates("slate-ips", "far target, 5 of 7", replace(long, k=5)),
        of_slates("rips", "below", slate_world("below", contrast=1.5)),
        of_slates("cascade-dr", "below", slate_world("below", contrast=1.5)),
        of_slates("independent-ips", "cascade", slate_world("cascade", contrast=1.5)),
        of_slates("pseudo-inverse", "clash", one_sided()),
    ]


def show(title: str, outcomes: list[Outcome]) -> None:
    print(f"\n{title} (simulated)")
    columns = "bias      sd      error      ESS  refused"
    print(f"{'estimator':>16}  {'world':<32} {'coverage':<23} {columns}")
    for each in outcomes:
        print(
            f"{each.case.estimator:>16}  {each.case.world:<32} {each.coverage:<23} "
            f"{each.bias:+.4f}  {each.deviation:.4f}  {each.error:.4f} {each.effective_rows:7.0f}  "
            f"{each.refused / each.runs:5.0%}"
        )


def slope(case: Case, runs: int, sizes: tuple[int, ...] = (500, 2000, 8000)) -> float:
    """Return the power of n by which the error falls: -1/2 is what theory says."""
    errors = [run(case, runs, size).error for size in sizes]
    return float(np.polyfit(np.log(sizes), np.log(errors), 1)[0])


def seconds_for(rows: int) -> dict[str, float]:
    """Return how long each estimator takes over so many impressions, with interval and guard."""
    rng = np.random.default_rng(0)
    single, lists = bandit().log(rng, rows), slate_world("cascade").log(rng, rows // 3)
    drawn: dict[str, Callable[[], Terms]] = {
        **{name: partial(make, single) for name, make in DECISION_ESTIMATORS.items()},
        **{name: partial(make, lists) for name, make in SLATE_ESTIMATORS.items()},
    }
    taken = {}
    for name, make in drawn.items():
        start = time.perf_counter()
        terms = make()
        Guard().reasons(diagnose(terms))
        asymptotic(terms)
        taken[name] = time.perf_counter() - start
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--rows", type=int, default=2000, help="of each log")
    options = parser.parse_args()
    tables = {
        "Assumptions met": assumptions_met(),
        "Biased on purpose: what it costs and what it saves": biased(),
        "Assumptions broken": assumptions_broken(),
    }
    for title, cases in tables.items():
        show(title, [run(case, options.runs, options.rows) for case in cases])
    print("\nThe error falls as n to the power of (simulated)")
    for case in [case for case in assumptions_met() if case.share == 1.0]:
        print(f"{case.estimator:>16}  {slope(case, max(50, options.runs // 5)):+.3f}")
    print("\nSeconds for 10^6 impressions, with interval and guard")
    for name, seconds in seconds_for(1_000_000).items():
        print(f"{name:>16}  {seconds:.3f}")


if __name__ == "__main__":
    main()
