"""One side of the comparison: a world, a workspace that serves it, and what its members felt."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.settings import Workspace
from lolomo.events import EventLog
from lolomo.events.absorbing import absorb
from lolomo.events.world.simulation import Simulation
from lolomo.features import FeatureStore
from lolomo.operations.loop.platforms import Platform


@dataclass(slots=True)
class Outcomes:
    """What one arm's members felt, by day and member: only a simulation knows this."""

    delight: NDArray[np.float64]
    """Sum over plays from the page of the satisfaction, -1 to 1. Shape: [days, members]."""
    plays: NDArray[np.float64]
    """Plays from the page. Shape: [days, members]."""
    visits: NDArray[np.float64]
    """Shape: [days, members]."""
    shown: list[NDArray[np.int64]] = field(default_factory=list)
    """How often each title was shown on each day. Shape of each: [items]."""

    @classmethod
    def none(cls, days: int, members: int) -> "Outcomes":
        """Return the outcomes before anything happened."""
        shape = (days, members)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))


@dataclass(slots=True)
class Arm:
    """A world that is served by a workspace's releases."""

    name: str
    world: Simulation
    workspace: Workspace
    outcomes: Outcomes

    def live(
        self, platform: Platform, day: int, number: int, between: Callable[[float], None]
    ) -> None:
        """Let one day pass: pages, reactions, events taken in; then features as of its end.

        Args:
            platform: What serves the arm's workspace.
            day: Of the world.
            number: Of the loop, from 0.
            between: Told the fraction of the day that is done.
        """
        shown = np.zeros(len(self.world.titles), np.int64)
        for done, part in enumerate(self.world.parts(platform, day), start=1):
            events = self.world.records.by_time([part.events])
            platform.take(events)
            self._count(number, part.visits.member, np.ones(len(part.visits)), self.outcomes.visits)
            member = part.visits.member[part.plays.visit[part.from_page]]
            self._count(number, member, np.ones(len(member)), self.outcomes.plays)
            self._count(number, member, 2.0 * part.pleased - 1.0, self.outcomes.delight)
            impressions = pl.DataFrame(pl.from_arrow(events)).filter(
                pl.col(Columns.KIND) == Kind.IMPRESSION
            )
            shown += _by_title(impressions, len(shown))
            between(min(1.0, done / 4))
        self.outcomes.shown.append(shown)
        self.learn_the_day(platform)

    def learn_the_day(self, platform: Platform) -> None:
        """Absorb what came in, and materialise features as of now."""
        absorb(self.workspace)
        store = FeatureStore(self.workspace)
        store.build(EventLog(self.workspace.events))
        store.materialize(store.latest)
        platform.reload()

    def organic_plays(self) -> NDArray[np.int64]:
        """Return how often each title was searched for and played. Shape: [items]."""
        events = EventLog(self.workspace.events).events()
        searched = events.filter(pl.col(Columns.KIND) == Kind.SEARCH)
        return _by_title(searched, len(self.world.titles))

    def _count(
        self,
        number: int,
        member: NDArray[np.int64],
        amount: NDArray[np.floating],
        into: NDArray[np.float64],
    ) -> None:
        np.add.at(into[number], member, amount)


def _by_title(events: pl.DataFrame, num_items: int) -> NDArray[np.int64]:
    codes = events[Columns.ITEM_ID].str.slice(1).cast(pl.Int64).to_numpy()
    return np.bincount(codes, minlength=num_items)
