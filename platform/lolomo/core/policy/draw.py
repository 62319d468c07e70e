"""A policy: how a list is drawn from scores, and with what probability.

A service that always shows its best guess learns nothing of what it never shows. A policy turns the
scores of all candidates into one ordered list by chance, and says how probable each choice was:
the *propensity* of a slot is P(item | context, the items above it), and their product is the
probability of the whole list. Logged with what was shown, these numbers let any other policy be
judged by the same log (Horvitz & Thompson 1952; Swaminathan & Joachims 2015), so they must be those
of the draw that really happened. Hence three rules: drawing is the last thing that is done to a
list, the whole candidate set is logged with it, and chance is seeded by the request, so that a
replay draws the same list.

Scores are `[candidates]`, or `[batch, candidates]` for many lists at once; an item whose score is
-inf is no candidate and is never drawn. Of equal scores the first is the better.
"""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import PolicyError
from lolomo.core.files import digest_of

Scores: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
"""Shape: [..., candidates]."""
Ranking: TypeAlias = NDArray[np.int64]
"""Places in the candidates, best first. Shape: [..., k]."""
Probabilities: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Draw:
    """One list that a policy drew."""

    order: Ranking
    """Places in the candidates, best first. Shape: [k]."""
    propensities: Probabilities
    """P(item | context, the items above it) of each slot. Shape: [k]."""
    joint: float
    """Probability of the whole list: the product of the propensities."""
    errors: Probabilities | None = None
    """Standard errors of the propensities, where a policy can only estimate them; None where they
    are exact. Shape: [k]."""


class Policy(ABC):
    """Draws lists. A subclass is a frozen dataclass whose fields are its configuration."""

    name: ClassVar[str]

    @property
    def wants_posterior(self) -> bool:
        """Whether scores should be means and factors, where a ranker has a posterior."""
        return False

    @abstractmethod
    def rankings(self, scores: Scores, k: int, rng: np.random.Generator) -> Ranking:
        """Draw one list for each row of scores. Shapes: [..., candidates] to [..., k]."""

    @abstractmethod
    def propensities(self, scores: Scores, ranking: Ranking) -> Probabilities:
        """Return P(item | context, items above it) of any ranking.

        Args:
            scores: Of all candidates. Shape: [..., candidates].
            ranking: Distinct places of candidates. Shape: [..., k].

        Returns:
            0 for what the policy never shows there. Shape: [..., k].
        """

    def means(self, scores: Scores) -> Probabilities:
        """Return the scores by which the policy would be greedy. Shape: [..., candidates]."""
        return np.asarray(scores, np.float64)

    def with_errors(
        self, scores: Scores, ranking: Ranking
    ) -> tuple[Probabilities, Probabilities | None]:
        """Return the propensities of a ranking, and their standard errors, None if exact.

        Shapes: [k].
        """
        return self.propensities(scores, ranking), None

    def draw(self, scores: Scores, k: int, rng: np.random.Generator) -> Draw:
        """Draw one list, with its probability.

        Args:
            scores: Of all candidates. Shape: [candidates], or what the policy makes one list of.
            k: Its length; shorter where there are fewer candidates.
            rng: That of the request, see `request_rng`.

        Raises:
            PolicyError: If a score is NaN, or there is more than one list of them.
        """
        order = self.rankings(scores, k, rng)
        if order.ndim != 1:
            raise PolicyError(
                f"`draw` received scores of shape {list(np.shape(scores))}; expected [candidates]: "
                "use `rankings` for a batch"
            )
        propensities, errors = self.with_errors(scores, order)
        return Draw(order, propensities, float(np.prod(propensities)), errors)


def request_rng(request_id: str, row: str) -> np.random.Generator:
    """Return the generator of one row of one request: the same each time, so replay is exact."""
    digest = hashlib.sha256(f"{request_id}\n{row}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def policy_id(policy: Policy) -> str:
    """Return the policy's name with a hash of its configuration, as the journal logs it."""
    return f"{policy.name}@{digest_of(repr(policy))[:12]}"


def drawable(scores: Scores, k: int) -> tuple[Probabilities, int]:
    """Return checked scores as float64, and how long a list they allow, at most `k`.

    Raises:
        PolicyError: If a score is NaN or +inf, or `k` is negative.
    """
    values = np.asarray(scores, np.float64)
    if np.isnan(values).any() or np.isposinf(values).any() or k < 0:
        raise PolicyError(
            f"received k = {k} and {int(np.isnan(values).sum())} NaN, "
            f"{int(np.isposinf(values).sum())} infinite scores of {values.size}; expected k >= 0 "
            "and finite scores, -inf for no candidate: correct the ranker's output"
        )
    candidates = np.isfinite(values).sum(axis=-1)
    return values, int(min(k, candidates.min(initial=values.shape[-1])))


def best_first(scores: Scores) -> Ranking:
    """Return all places by falling score, the first of equals first. Shape: [..., candidates]."""
    order: Ranking = np.argsort(-np.asarray(scores, np.float64), axis=-1, kind="stable")
    return order


def places_left(scores: Scores, ranking: Ranking) -> Ranking:
    """Return each slot's place, from 0, among what the slots above it left, best first.

    Shapes: [..., candidates] and [..., k] to [..., k].
    """
    ranks = np.argsort(best_first(scores), axis=-1)
    rank = np.take_along_axis(ranks, ranking, axis=-1)
    above = np.tri(rank.shape[-1], k=-1, dtype=bool)
    taken = (rank[..., None, :] < rank[..., :, None]) & above
    left: Ranking = rank - taken.sum(axis=-1)
    return left


def num_left(scores: Scores, k: int) -> NDArray[np.int64]:
    """Return how many candidates each of `k` slots chooses from. Shape: [..., k]."""
    left: NDArray[np.int64] = np.isfinite(scores).sum(axis=-1)[..., None] - np.arange(k)
    return left
