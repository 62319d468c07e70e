"""One decision at a time, with a truth that can be computed: where off-policy estimators are tried.

A fixed set of *contexts* (a member's visit and some candidates each) stands for the service. A
policy draws one row for a context drawn at random; the log says what was drawn with what
probability and what was played. Since there are finitely many contexts and lists, the value of any
policy is a sum, exact to rounding, and needs no simulation.
"""

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import SettingsError
from lolomo.core.policy import Policy, Probabilities, Ranking
from lolomo.events.world.behaviour import Behaviour, Chances, Slots
from lolomo.events.world.config import COMPANIONS, WorldConfig
from lolomo.events.world.population import Codes, Floats, draw_members, draw_titles, floats

Outcome: TypeAlias = Literal["plays", "satisfaction"]
MOST_LISTS = 20_000
"""A context, above which the truth would be a long sum."""
CHUNK = 200_000
"""Lists that are weighed at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What a service knows after `n` decisions, and what only the world knows."""

    context: Codes
    """Which context each decision was for. Shape: [n]."""
    features: Floats
    """What a service sees of each candidate. Shape: [n, candidates, features]."""
    scores: Floats
    """Of its ranker: right on the whole, and noisy. Shape: [n, candidates]."""
    ranking: Ranking
    """Shown, as places in the candidates. Shape: [n, k]."""
    propensities: Probabilities
    """P(item | context, items above it). Shape: [n, k]."""
    joint: Probabilities
    """Of the whole list. Shape: [n]."""
    plays: Chances
    """1 where a slot was played, else 0. Shape: [n, k]."""
    satisfaction: Chances
    """From -1, regretted, to 1 where a slot was played, else 0. Shape: [n, k]."""
    expected_plays: Chances
    """Known to the world alone: the probability of each play, given the list. Shape: [n, k]."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Contexts, their candidates, and the laws by which they answer."""

    behaviour: Behaviour
    tastes: Floats
    """Shape: [contexts, dim]."""
    profiles: Floats
    """Shape: [contexts, genres]."""
    items: Codes
    """Shape: [contexts, candidates]."""
    scores: Floats
    """Shape: [contexts, candidates]."""
    features: Floats
    """Shape: [contexts, candidates, features]."""
    k: int

    def logged(self, policy: Policy, n: int, rng: np.random.Generator) -> Logged:
        """Let a policy decide `n` times, each for a context drawn at random."""
        context = rng.integers(0, len(self.items), n)
        scores = self.scores[context]
        ranking = policy.rankings(scores, self.k, rng)
        propensities = policy.propensities(scores, ranking)
        attraction, satisfaction = self._truth(context, ranking)
        slots = Slots.grid(1, self.k)
        plays = self.behaviour.plays(attraction, slots, rng)
        pleased = self.behaviour.satisfactions(satisfaction, rng)
        return Logged(
            context=context,
            features=self.features[context],
            scores=scores,
            ranking=ranking,
            propensities=propensities,
            joint=propensities.prod(axis=1),
            plays=plays.astype(np.float64),
            satisfaction=np.where(plays, 2 * pleased - 1, 0.0),
            expected_plays=self.behaviour.chances(attraction, slots),
        )

    def value(self, policy: Policy, outcome: Outcome = "plays") -> float:
        """Return what a list of the policy earns on average: plays, or satisfaction, a list.

        Raises:
            SettingsError: If there are too many lists to sum over.
        """
        candidates = self.items.shape[1]
        number = int(np.prod(np.arange(candidates, candidates - self.k, -1, dtype=float)))
        if number > MOST_LISTS:
            raise SettingsError(
                f"{candidates} candidates make {number:,} lists of {self.k}; expected at most "
                f"{MOST_LISTS:,}: ask for fewer candidates or shorter lists"
            )
        lists = np.array(list(permutations(range(candidates), self.k)), np.int64)
        at_once = max(1, CHUNK // len(lists))
        starts = range(0, len(self.items), at_once)
        parts = [
            self._worth(policy, np.arange(start, min(start + at_once, len(self.items))), lists)
            for start in starts
        ]
        plays, satisfaction = np.concatenate(parts, axis=1).mean(axis=1)
        return float(plays if outcome == "plays" else satisfaction)

    def _worth(self, policy: Policy, contexts: Codes, lists: Ranking) -> Chances:
        """Return expected plays and satisfaction by context. Shape: [2, contexts]."""
        context = np.repeat(contexts, len(lists))
        ranking = np.tile(lists, (len(contexts), 1))
        probability = policy.propensities(self.scores[context], ranking).prod(axis=1)
        attraction, satisfaction = self._truth(context, ranking)
        plays = self.behaviour.chances(attraction, Slots.grid(1, self.k))
        pleasure = plays * (2 * satisfaction - 1)
        worth = np.stack([plays.sum(axis=1), pleasure.sum(axis=1)]) * probability
        return np.asarray(worth.reshape(2, len(contexts), len(lists)).sum(axis=2))

    def _truth(self, context: Codes, ranking: Ranking) -> tuple[Chances, Chances]:
        """Return attraction and mean satisfaction of each slot. Shapes: [n, k]."""
        items = np.take_along_axis(self.items[context], ranking, axis=1)
        tastes = self.tastes[context]
        watched = np.zeros(items.shape, bool)
        attraction = self.behaviour.attraction(tastes, self.profiles[context], watched, items, DAY)
        return attraction, self.behaviour.mean_satisfaction(tastes, items)


DAY = 30.0
"""The day on which decisions are made."""


def draw_decisions(
    config: WorldConfig,
    seed: int,
    *,
    contexts: int = 400,
    candidates: int = 6,
    k: int = 3,
) -> Decisions:
    """Draw contexts in a world; members come to choose, so attraction is high.

    Args:
        config: The world; its catalogue and members are made small.
        seed: Of everything that is drawn.
        contexts: How many visits stand for the service.
        candidates: How many titles each chooses from.
        k: How many a row shows.
    """
    rng = np.random.default_rng([seed, 6])
    eager = config.attraction + 5.5
    small = replace(config, num_members=contexts, num_items=400, attraction=eager)
    titles, members = draw_titles(small, rng), draw_members(small, rng)
    behaviour = Behaviour(small, titles)
    out = np.flatnonzero(titles.launch_day <= DAY)
    items = np.stack([rng.choice(out, candidates, replace=False) for _ in range(contexts)])
    tastes = members.tastes[np.arange(contexts), rng.integers(0, len(COMPANIONS), contexts)]
    profiles = floats(rng.dirichlet(np.full(small.num_genres, 0.3), contexts))
    watched: NDArray[np.bool_] = np.zeros(items.shape, bool)
    chance = behaviour.attraction(tastes, profiles, watched, items, DAY)
    logits = np.log(chance / (1 - chance))
    noise = rng.standard_normal(items.shape)
    scores = floats(0.7 * (logits - logits.mean(axis=1, keepdims=True)) + 0.7 * noise)
    age = np.log1p(DAY - titles.launch_day[items])
    match = np.einsum("bg,bsg->bs", profiles, titles.genres[items])
    seen = (scores, titles.fame[items] + 0.5 * noise, age, match)
    features = np.stack([floats(each) for each in seen], axis=2)
    return Decisions(behaviour, tastes, profiles, items, scores, features, k)
