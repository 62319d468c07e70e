"""Launches: titles that hardly anybody could have watched yet, and the place that they get.

A ranker that learned from what was watched puts a title without events last, so that it never gets
any. Hence one place of a row is kept for launches, `POSITION`, far enough up to be seen and far
enough down to cost little; the other places keep their order. Who stands there is decided by how
well the title's content fits the user, plus a bonus for how little is known of it, which shrinks as
it is watched: optimism in the face of uncertainty (UCB1, Auer et al. 2002).

What is a launch at an instant is decided by what is known then: no event at all, or a release in
the current year and few events.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

POSITION = 4
"""Where in a row a launch stands, from 0: the fifth place."""
MOST_PLAYS = 5
"""A title of this year that was watched more often than this has been launched."""
BONUS = 0.5
"""What one standard unit of uncertainty is worth beside an affinity from 0 to 1."""

Floats = NDArray[np.float32]


def is_launch(
    num_plays: NDArray[np.floating], release_year: NDArray[np.floating], year: int
) -> NDArray[np.bool_]:
    """Return which items are launches.

    Args:
        num_plays: Plays before the instant, NaN for none. Shape: [..., items].
        release_year: NaN where unknown. Shape: [items].
        year: Of the instant.

    >>> is_launch(np.array([0, 3, 3, 9]), np.array([1950, 2013, 1950, 2013]), 2013).tolist()
    [True, True, False, False]
    """
    plays = np.nan_to_num(num_plays)
    launches: NDArray[np.bool_] = (plays == 0) | ((plays <= MOST_PLAYS) & (release_year >= year))
    return launches


def exploration_scores(affinity: Floats, num_plays: NDArray[np.floating]) -> Floats:
    """Return by what launches are ordered: affinity, and a bonus that falls with each play.

    Args:
        affinity: Of the user to each launch, from 0 to 1. Shape: [..., launches].
        num_plays: Plays of each, NaN for none, of the same shape.
    """
    plays = np.nan_to_num(num_plays)
    total = plays.sum(axis=-1, keepdims=True)
    scores: Floats = affinity + BONUS * np.sqrt(np.log1p(1.0 + total) / (1.0 + plays))
    return scores.astype(np.float32)


def with_launch(row: Sequence[str], launches: Sequence[str]) -> list[str]:
    """Return a row, as long as before, whose place `POSITION` has the first of the launches.

    A launch that stands in the row already, at its place or above it, keeps the row as it is; one
    further down moves up. Nothing changes without launches, or in a row too short for the place.

    Args:
        row: Item ids, best first.
        launches: Item ids, in the order of `exploration_scores`.

    >>> with_launch(["a", "b", "c", "d", "e", "f"], ["new"])
    ['a', 'b', 'c', 'd', 'new', 'e']
    """
    if not launches or len(row) <= POSITION or set(row[: POSITION + 1]) & set(launches):
        return list(row)
    others = [item for item in row if item != launches[0]]
    return [*others[:POSITION], launches[0], *others[POSITION:]][: len(row)]
