"""Worlds so small that the value of every policy is a sum over all that can happen.

A `Bandit` takes one action of few in one of few contexts. A `SlateWorld` shows k of m items, and
its users read the list in one of four ways, of which each slate estimator assumes one.
"""

from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from lolomo.evaluation.off_policy import (
    Decisions,
    Predictions,
    Slates,
    action_means,
    counted_moments,
    folds_of,
    predict,
)

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Bandit:
    """Contexts of equal probability, actions, and clicks of known probability."""

    clicks: Floats
    """P(click | context, action). Shape: [contexts, actions]."""
    logging: Floats
    target: Floats
    categories: Codes
    """What each action is like, for MIPS. Shape: [actions]."""
    error: float = 1.0
    """What logged propensities are multiplied by: 1 if they are right."""

    @property
    def value(self) -> float:
        return float((self.target * self.clicks).sum(axis=1).mean())

    def draw(self, rng: np.random.Generator, size: int) -> tuple[Codes, Codes, Floats]:
        """Return contexts, actions and rewards of so many decisions."""
        contexts = rng.integers(len(self.clicks), size=size)
        reached = np.cumsum(self.logging, axis=1)[contexts]
        actions = np.minimum(
            (reached < rng.random(size)[:, None]).sum(axis=1), self.clicks.shape[1] - 1
        )
        rewards = (rng.random(size) < self.clicks[contexts, actions]).astype(float)
        return contexts, actions, rewards

    def log(self, rng: np.random.Generator, size: int, q: Floats | None = None) -> Decisions:
        """Return a log, with the predictions of `q` or else of means an action, cross-fitted."""
        contexts, actions, rewards = self.draw(rng, size)
        if q is None:
            folds = folds_of(size)
            means = action_means(rewards, actions, self.clicks.shape[1], folds)
            predictions = predict(means, actions, folds, self.target[contexts])
        else:
            expected = (q * self.target).sum(axis=1)
            predictions = Predictions(q[contexts, actions], expected[contexts])
        return Decisions(
            rewards=rewards,
            propensities=self.logging[contexts, actions] * self.error,
            target_propensities=self.target[contexts, actions],
            predictions=predictions,
        )

    def category_log(self, rng: np.random.Generator, size: int) -> Decisions:
        """Return a log whose propensities are those of the actions' categories."""
        contexts, actions, rewards = self.draw(rng, size)
        membership = np.eye(int(self.categories.max()) + 1)[self.categories]
        logging, target = (
            (policy @ membership)[contexts, self.categories[actions]]
            for policy in (self.logging, self.target)
        )
        return Decisions(rewards=rewards, propensities=logging, target_propensities=target)


def bandit(seed: int = 1, contrast: float = 1.0, num_actions: int = 6) -> Bandit:
    """Return a world whose policies differ by so much, with categories that decide the clicks."""
    rng = np.random.default_rng(seed)
    categories = np.arange(num_actions) % 3
    by_category = rng.uniform(0.1, 0.6, (4, 3))
    scores = rng.normal(size=(4, num_actions))
    return Bandit(
        clicks=by_category[:, categories],
        logging=softmax(scores),
        target=softmax(scores + contrast * rng.normal(size=(4, num_actions))),
        categories=categories,
    )


def with_direct_effects(world: Bandit) -> Bandit:
    """Return a world in which actions of one category differ, which MIPS assumes away."""
    own = np.linspace(0.05, 0.9, world.clicks.shape[1])
    return replace(world, clicks=np.broadcast_to(own, world.clicks.shape).copy())


def seldom_shown(world: Bandit, probability: float = 2e-4) -> Bandit:
    """Return a world whose target loves what was seldom shown, and what then pleases."""
    logging, target = world.logging.copy(), np.full_like(world.target, 0.02)
    logging[:, 0], target[:, 0] = probability, 1.0 - 0.02 * (target.shape[1] - 1)
    logging[:, 1:] *= (1.0 - probability) / logging[:, 1:].sum(axis=1, keepdims=True)
    clicks = world.clicks.copy()
    clicks[:, 0] = 0.8
    return replace(world, logging=logging, target=target, clicks=clicks)


def cascade(appeal: Floats, _: Codes) -> Floats:
    """After a click a user goes on below half of the time."""
    going_on = np.cumprod(1.0 - 0.5 * appeal, axis=1)
    return np.asarray(appeal * np.insert(going_on[:, :-1], 0, 1.0, axis=1))


def position(appeal: Floats, _: Codes) -> Floats:
    """A slot is looked at with a probability of its own."""
    return np.asarray(appeal * 0.9 ** np.arange(appeal.shape[1]))


def below(appeal: Floats, _: Codes) -> Floats:
    """A user clicks less where the next item is better."""
    return np.asarray(appeal * (1.0 - np.insert(appeal[:, 1:], appeal.shape[1] - 1, 0.0, axis=1)))


def clash(appeal: Floats, rankings: Codes) -> Floats:
    """The second of two neighbours from one half of the catalogue is worth nothing."""
    same = rankings[:, 1:] % 2 == rankings[:, :-1] % 2
    return np.asarray(np.where(np.insert(same, 0, False, axis=1), 0.0, appeal))


READS = {"cascade": cascade, "position": position, "below": below, "clash": clash}
"""How users read a list: of items' appeal and codes to clicks. Shapes: [lists, k]."""


@dataclass(frozen=True)
class SlateWorld:
    """Users of one kind, who are shown k of m items in Plackett-Luce order."""

    appeal: Floats
    """P(click | item), where it is looked at. Shape: [m]."""
    logging_scores: Floats
    target_scores: Floats
    k: int = 3
    reads: str = "cascade"
    """How users read a list, one of `READS`."""

    @property
    def rankings(self) -> Codes:
        """All lists there can be. Shape: [lists, k]."""
        return np.array(list(permutations(range(len(self.appeal)), self.k)))

    def conditionals(self, scores: Floats, rankings: Codes) -> Floats:
        """Return P(item | items above it) of each slot. Shape: [lists, k]."""
        weights = np.exp(scores)[rankings]
        above = np.cumsum(weights, axis=1) - weights
        return np.asarray(weights / (np.exp(scores).sum() - above))

    def expected(self, rankings: Codes) -> Floats:
        """Return what each slot earns on average. Shape: [lists, k]."""
        return READS[self.reads](self.appeal[rankings], rankings)

    @property
    def value(self) -> float:
        lists = self.rankings
        probability = self.conditionals(self.target_scores, lists).prod(axis=1)
        return float(probability @ self.expected(lists).sum(axis=1))

    def draw(self, rng: np.random.Generator, size: int) -> tuple[Codes, Floats]:
        """Return lists that were shown, and their clicks; Gumbel noise draws Plackett-Luce."""
        noise = rng.gumbel(size=(size, len(self.appeal)))
        lists = np.argsort(-(self.logging_scores + noise), axis=1)[:, : self.k]
        return lists, (rng.random(lists.shape) < self.expected(lists)).astype(float)

    def log(self, rng: np.random.Generator, size: int) -> Slates:
        """Return a log with exact propensities, and the predictions of a rough reward model."""
        lists, rewards = self.draw(rng, size)
        return Slates(
            rewards=rewards,
            propensities=self.conditionals(self.logging_scores, lists),
            target_propensities=self.conditionals(self.target_scores, lists),
            predictions=self.rough_predictions(lists),
        )

    def rough_predictions(self, lists: Codes) -> Predictions:
        """Return predictions that know each item's appeal, and that half is clicked below."""
        left = 0.5 * self.appeal.mean() * np.arange(self.k - 1, -1, -1)
        logged = 0.8 * self.appeal[lists] + left
        weights = np.broadcast_to(np.exp(self.target_scores), (len(lists), len(self.appeal))).copy()
        target = np.zeros(lists.shape)
        for slot in range(self.k):
            target[:, slot] = 0.8 * (weights @ self.appeal) / weights.sum(axis=1) + left[slot]
            np.put_along_axis(weights, lists[:, [slot]], 0.0, axis=1)
        return Predictions(logged, target)

    def marginals(self, scores: Floats) -> Floats:
        """Return P(item at slot). Shape: [k, m]."""
        return np.diag(self.moments(scores)).reshape(self.k, -1)

    def moments(self, scores: Floats) -> Floats:
        """Return the second moments of all pairs of slot and item. Shape: [k·m, k·m]."""
        lists = self.rankings
        return counted_moments(
            lists, len(self.appeal), self.conditionals(scores, lists).prod(axis=1)
        )

    def marginal_log(self, rng: np.random.Generator, size: int) -> Slates:
        """Return a log whose propensities are marginal, for item-position IPS."""
        lists, rewards = self.draw(rng, size)
        logging, target = (
            self.marginals(scores)[np.arange(self.k), lists]
            for scores in (self.logging_scores, self.target_scores)
        )
        return Slates(rewards=rewards, propensities=logging, target_propensities=target)


def slate_world(reads: str, seed: int = 2, num_items: int = 5, contrast: float = 0.7) -> SlateWorld:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=num_items)
    return SlateWorld(
        appeal=rng.uniform(0.15, 0.7, num_items),
        logging_scores=0.6 * scores,
        target_scores=0.6 * scores + contrast * rng.normal(size=num_items),
        reads=reads,
    )
