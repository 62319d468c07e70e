"""Team-draft interleaving: one list out of two, so that users choose between rankers unknowing.

Like captains who pick teams (Radlinski, Kurup and Joachims, CIKM 2008): the rankers pick in turn,
each its best title that is not yet taken, and a coin decides who picks first in each round. A
watched title is a point for the ranker that picked it.

A draft is drawn by chance, so like any policy it can say how probable each title was given those
above it, whoever picked it; then the list can be used to judge other policies as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

TEAMS = ("champion", "challenger")
"""What the first and the second ranker are called in the journal."""


@dataclass(frozen=True, slots=True)
class Interleaved:
    """One list, and who picked each title."""

    item_ids: tuple[str, ...]
    teams: tuple[int, ...]
    """0 where the first ranker picked, 1 where the second did."""
    propensities: tuple[float, ...]
    """P(title | the titles above it), over all coins."""

    def points(self, watched: Sequence[str]) -> tuple[int, int]:
        """Return how many of the watched titles each ranker picked."""
        seen = set(watched)
        won = [team for item, team in zip(self.item_ids, self.teams, strict=True) if item in seen]
        return won.count(0), won.count(1)


def team_draft(
    first: Sequence[str], second: Sequence[str], k: int, rng: np.random.Generator
) -> Interleaved:
    """Merge two rankings into one list of at most k titles.

    Args:
        first: Item ids of one ranker, best first.
        second: Those of the other; the two need not have the same titles.
        k: How many titles to show.
        rng: Who picks first in each round; seed it by the request for a list that can be replayed.
    """
    left = _Left(first, second)
    items: list[str] = []
    teams: list[int] = []
    while len(items) < k and left.any():
        captain = int(rng.integers(2))
        for team in (captain, 1 - captain):
            best = left.best(team)
            if len(items) < k and best is not None:
                items.append(best)
                teams.append(team)
                left.take(best)
    return Interleaved(tuple(items), tuple(teams), tuple(_propensities(first, second, items)))


class _Left:
    """What nobody has picked yet of two rankings."""

    def __init__(self, *rankings: Sequence[str]) -> None:
        self._rankings = rankings
        self._places = [0] * len(rankings)
        self._taken: set[str] = set()

    def best(self, team: int) -> str | None:
        """Return the best title left of a ranking, None if all are taken."""
        ranking, place = self._rankings[team], self._places[team]
        while place < len(ranking) and ranking[place] in self._taken:
            place += 1
        self._places[team] = place
        return ranking[place] if place < len(ranking) else None

    def any(self) -> bool:
        """Return whether anybody can pick."""
        return any(self.best(team) is not None for team in range(len(self._rankings)))

    def take(self, item: str) -> None:
        """Let nobody pick a title again."""
        self._taken.add(item)


def _propensities(
    first: Sequence[str], second: Sequence[str], items: Sequence[str]
) -> Iterator[float]:
    """Yield P(title | the titles above it) of a list that was drafted.

    Who picks next is not known from the titles alone, where both would have picked the same: what
    is followed is how probable it is that each does.
    """
    left = _Left(first, second)
    next_picks: dict[int | None, float] = {None: 1.0}  # None: a coin is tossed
    for item in items:
        reached: dict[int | None, float] = {}
        for picker, after, chance in _picks(next_picks, left):
            if left.best(picker) == item:
                reached[after] = reached.get(after, 0.0) + chance
        total = sum(reached.values())
        yield total
        next_picks = {after: chance / total for after, chance in reached.items()}
        left.take(item)


def _picks(
    next_picks: dict[int | None, float], left: _Left
) -> Iterator[tuple[int, int | None, float]]:
    """Yield who may pick now, who picks after them in the same round, and how probable it is."""
    for waiting, chance in next_picks.items():
        if waiting is not None and left.best(waiting) is not None:
            yield waiting, None, chance
            continue
        for captain in range(2):
            able = left.best(captain) is not None
            yield captain if able else 1 - captain, 1 - captain if able else None, chance / 2
