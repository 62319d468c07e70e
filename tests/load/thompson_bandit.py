"""Shows what Thompson sampling on a head is worth where the truth is known.

    python tests/load/thompson_bandit.py --seeds 6 --rounds 60

Two *simulated* services. Members choose one of five titles shown, or none, by a softmax whose
weights nobody knows; the service learns a softmax head from what it showed, again after each round,
with the posterior that a deep ranker gets. In `same titles` every request has the same forty, a
half of which the first log never showed; in `new titles` each request has titles of its own, so
that even who never explores sees something new. What each policy earns is compared, by seed, with
always showing the truly best.
"""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / part) for part in ("tests", "platform", "features", "training")]

from lolomo.core.policy import Greedy, PlackettLuce, Policy, Thompson  # noqa: E402
from lolomo.training.models.head_posterior import HeadQueries, posterior_factor  # noqa: E402

Floats = NDArray[np.float64]
TITLES, SHOWN, ROUND = 40, 5, 20
SAME, NEW = "same titles", "new titles"
UNITS = {SAME: TITLES, NEW: 12}
POLICIES: dict[str, Policy] = {
    "greedy": Greedy(),
    "plackett_luce(0.3)": PlackettLuce(0.3),
    "thompson": Thompson(),
    "thompson(scale=0.5)": Thompson(scale=0.5),
}


@dataclass
class Head:
    """A softmax head over fixed units, fitted to choices by Newton's method."""

    weights: Floats
    units: list[Floats] = field(default_factory=list)
    choices: list[int] = field(default_factory=list)

    def fit(self) -> Floats:
        """Fit again; return the posterior's factor. Shape: [units, units]."""
        units, wanted = np.array(self.units), np.array(self.choices)
        rows = np.arange(len(wanted))
        for _ in range(2):
            shares = softmax(units @ self.weights, axis=1)
            means = np.einsum("qc,qcu->qu", shares, units)
            slope = (units[rows, wanted] - means).sum(axis=0) - self.weights
            flat = (units * np.sqrt(shares)[:, :, None]).reshape(-1, units.shape[2])
            square = flat.T @ flat - means.T @ means
            self.weights = self.weights + np.linalg.solve(square + np.eye(len(self.weights)), slope)
        narrow, weights = units.astype(np.float32), self.weights.astype(np.float32)
        part = HeadQueries(narrow, narrow @ weights, np.ones(units.shape[:2], bool))
        return np.asarray(posterior_factor([part], weights, len(units)), np.float64)


def regret(policy: Policy, service: str, seed: int, rounds: int) -> Floats:
    """Return by how much less than the best is chosen, a request. Shape: [rounds]."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=UNITS[service])
    head, lost = Head(np.zeros(UNITS[service])), np.zeros(rounds)
    logged = [_titles(service, rng)[: TITLES // 2] for _ in range(ROUND)]
    _show(head, truth, [rng.permutation(titles)[:SHOWN] for titles in logged], rng)
    for number in range(rounds):
        factor = head.fit()
        requests = [_titles(service, rng) for _ in range(ROUND)]
        slates = []
        for titles in requests:
            means = titles @ head.weights
            posterior = np.vstack([means, (titles @ factor).T])
            scores = posterior if policy.wants_posterior else means
            slates.append(titles[policy.rankings(scores, SHOWN, rng)])
            best = titles[np.argsort(-titles @ truth)[:SHOWN]]
            lost[number] += _watched(best, truth) - _watched(slates[-1], truth)
        _show(head, truth, slates, rng)
    return lost / ROUND


def _titles(service: str, rng: np.random.Generator) -> Floats:
    """Return the units of a request's titles. Shape: [titles, units]."""
    return np.eye(TITLES) if service == SAME else rng.normal(size=(TITLES, UNITS[NEW])) / 2


def _watched(slate: Floats, truth: Floats) -> float:
    """Return the chance that one of the titles shown is watched; none has a utility of 2."""
    utilities = np.exp(slate @ truth)
    return float(utilities.sum() / (utilities.sum() + np.exp(2.0)))


def _show(head: Head, truth: Floats, slates: list[Floats], rng: np.random.Generator) -> None:
    """Let members choose, and remember what they chose, none being a title of no units."""
    for slate in slates:
        offered = np.vstack([slate, np.zeros(len(truth))])
        chances = softmax(np.append(slate @ truth, 2.0))
        head.units.append(offered)
        head.choices.append(int(rng.choice(SHOWN + 1, p=chances)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    for service in (SAME, NEW):
        print(f"\n{service:22}{'regret':>9}{'last third':>12}{'less than greedy':>26}")
        greedy = np.zeros(options.seeds)
        for name, policy in POLICIES.items():
            runs = [regret(policy, service, seed, options.rounds) for seed in range(options.seeds)]
            means, last = np.mean(runs, axis=1), np.mean(runs, axis=0)[-options.rounds // 3 :]
            greedy = means if name == "greedy" else greedy
            saved = greedy - means
            error = 1.96 * saved.std(ddof=1) / np.sqrt(options.seeds)
            gained = f"{saved.mean():+.4f} ± {error:.4f}"
            print(f"{name:22}{means.mean():9.4f}{last.mean():12.4f}{gained:>26}", flush=True)


if __name__ == "__main__":
    main()
