"""Team-draft interleaving: one list out of two, so that users choose between rankers unknowing.

Like captains who pick teams (Radlinski, Kurup and Joachims, CIKM 2008): the rankers pick in turn,
each its best title that is not yet taken, and a coin decides who picks first in each round. A
watched title is a point for the ranker that picked it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Interleaved:
    """One list, and who picked each title."""

    item_ids: tuple[str, ...]
    teams: tuple[int, ...]
    """0 where the first ranker picked, 1 where the second did."""

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
    left = [list(dict.fromkeys(first)), list(dict.fromkeys(second))]
    items: list[str] = []
    teams: list[int] = []
    while len(items) < k and any(left):
        captain = int(rng.integers(2))
        for team in (captain, 1 - captain):
            if len(items) < k and left[team]:
                items.append(left[team][0])
                teams.append(team)
                left = [[item for item in one if item != items[-1]] for one in left]
    return Interleaved(tuple(items), tuple(teams))
