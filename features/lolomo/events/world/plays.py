"""Plays as arrays: what was watched in a visit, one after the other, and what came of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lolomo.events.world.population import Codes, Floats, floats

FROM_RESUMING, FROM_PAGE, FROM_SEARCH = 0, 1, 2
SURFACES = ("continue_watching", "page", "search")
"""Where a play began, by its source; one from a page has the name of its row instead."""
BETWEEN_SECONDS = 20.0
"""From one play, or the page, to the next."""


@dataclass(frozen=True, slots=True)
class Plays:
    """Plays of many visits, in the order of visits, and of time within a visit."""

    visit: Codes
    """Which of the visits. Shape of all: [plays]."""
    item: Codes
    source: Codes
    slot: Codes
    """On the page; -1 elsewhere."""
    turn: Codes
    """0 for the first play of its visit."""

    def __len__(self) -> int:
        return len(self.visit)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What came of plays. Shape of all: [plays]."""

    satisfaction: Floats
    progress: Floats
    """How far the member got, 1 for the end."""
    seconds: Floats
    """How long was watched."""
    offset_seconds: Floats
    """When it ended, after the start of the visit."""
    thumb: NDArray[np.bool_]


def in_order(
    resumed: tuple[Codes, Codes], page: tuple[Codes, Codes, Codes], searched: tuple[Codes, Codes]
) -> Plays:
    """Return plays by visit: first what is gone on with, then the page's, then what was searched.

    Args:
        resumed: Visits and items.
        page: Visits, items and slots.
        searched: Visits and items.
    """
    parts = (resumed[0], page[0], searched[0])
    visit = np.concatenate(parts)
    item = np.concatenate([resumed[1], page[1], searched[1]])
    source = np.repeat((FROM_RESUMING, FROM_PAGE, FROM_SEARCH), [len(part) for part in parts])
    slot = np.full(len(visit), -1)
    slot[source == FROM_PAGE] = page[2]
    order = np.lexsort((slot, source, visit))
    visit = visit[order]
    first = np.searchsorted(visit, visit)
    return Plays(visit, item[order], source[order], slot[order], np.arange(len(visit)) - first)


def watch(
    plays: Plays,
    satisfaction: NDArray[np.float64],
    already: Floats,
    duration_seconds: Codes,
    thumb: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Outcomes:
    """Let plays take their course, one after the other: who is pleased stays to the end.

    Args:
        plays: What is watched.
        satisfaction: That each play leaves, 0 to 1.
        already: Progress from which each goes on.
        duration_seconds: Of each play's item.
        thumb: Whether its member says how it was.
        rng: Decides who leaves early, and when.
    """
    stays = rng.random(len(plays)) < np.clip(0.15 + satisfaction, 0, 1)
    left_at = already + (1 - already) * rng.uniform(0.03, 0.9, len(plays))
    progress = np.where(stays, 1.0, left_at)
    seconds = (progress - already) * duration_seconds
    until = np.cumsum(seconds + BETWEEN_SECONDS)
    first = np.searchsorted(plays.visit, plays.visit)
    before = np.concatenate([[0.0], until])[first]
    return Outcomes(
        satisfaction=floats(satisfaction),
        progress=floats(progress),
        seconds=floats(seconds),
        offset_seconds=floats(until - before),
        thumb=thumb,
    )
