"""A world that runs: visits come, a service answers, members react, and the past leaves its mark.

Each day is four parts; in each, all visits are asked for, answered and reacted to at once, in
arrays. What happens is a function of the configuration, the seed and the service alone: every part
has generators of its own, one for who comes and one for how they react, so two policies that run in
the same world meet the same luck as far as their members still do the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lolomo.core.policy import Policy
from lolomo.events.world.behaviour import Behaviour, with_effects
from lolomo.events.world.config import WorldConfig
from lolomo.events.world.pitches import Pitches
from lolomo.events.world.plays import FROM_PAGE, FROM_RESUMING, Outcomes, Plays, in_order, watch
from lolomo.events.world.population import (
    Codes,
    Floats,
    Members,
    Titles,
    draw_members,
    draw_titles,
    floats,
)
from lolomo.events.world.records import SECOND, Records
from lolomo.events.world.service import CountingService, Pages, Service
from lolomo.events.world.state import Observed
from lolomo.events.world.unfinished import Unfinished
from lolomo.events.world.visits import PARTS, Visits, draw_visits

VISITS_AT_ONCE: Final = 4_096
"""Bounds the memory that a part of a day takes."""
_VISITS, _REACTIONS, _SERVICE, _DRIFT, _BIRTH, _LEANING, _PITCHES = range(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What happened on one day."""

    day: int
    events: pa.Table
    """The columns of `core.tables.EVENTS`, ordered by time."""
    visits: int
    plays: int
    """Plays that began on the page."""
    page_satisfaction: float
    """Sum of the satisfaction of those, 0 to 1 each: the world's secret."""
    members_satisfaction: float
    """Mean over the members who came."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some visits, and all that came of them."""

    visits: Visits
    plays: Plays
    outcomes: Outcomes
    events: pa.Table
    """Without ids and in no order: see `Records.by_time`."""

    @property
    def from_page(self) -> NDArray[np.bool_]:
        """Which plays began on the page. Shape: [plays]."""
        return np.asarray(self.plays.source == FROM_PAGE)

    @property
    def pleased(self) -> Floats:
        """Satisfaction of those, 0 to 1: the world's secret."""
        return self.outcomes.satisfaction[self.from_page]


class Simulation:
    """One world, day after day.

    Args:
        config: The world.
        seed: Of all that is drawn.
    """

    def __init__(self, config: WorldConfig, seed: int) -> None:
        self.config, self.seed = config, seed
        birth = self.rng(_BIRTH)
        self.titles: Titles = draw_titles(config, birth)
        self.members: Members = draw_members(config, birth)
        self.behaviour = Behaviour(config, self.titles)
        self.pitches = Pitches.draw(config, self.titles, self.rng(_LEANING))
        self.observed = Observed.nothing(config)
        self.unfinished = Unfinished.nothing(config.num_members)
        self.records = Records(self.titles, config, seed)

    def rng(self, purpose: int, *when: int) -> np.random.Generator:
        """Return the generator of a purpose at a time."""
        return np.random.default_rng([self.seed, purpose, *when])

    def service(self, policy: Policy) -> CountingService:
        """Return the world's own service, its rows drawn by a policy."""
        return CountingService(
            self.titles,
            self.observed,
            policy,
            self.config.rows,
            self.config.row_length,
            self.config.row_exploration,
            self.rng(_SERVICE),
            self.rng(_PITCHES) if self.config.pitch_strength else None,
        )

    def days(self, service: Service, num_days: int | None = None) -> Iterator[Day]:
        """Let days pass, in bounded memory.

        Args:
            service: What answers the visits.
            num_days: How many; all that the world has, if None.
        """
        for day in range(num_days or self.config.num_days):
            yield self.day(service, day)

    def day(self, service: Service, day: int) -> Day:
        """Let one day pass. Days must be passed in order."""
        happened = list(self.parts(service, day))
        came = np.zeros(len(self.members), bool)
        for part in happened:
            came[part.visits.member] = True
        felt = self.members.satisfaction[came]
        return Day(
            day=day,
            events=self.records.by_time([part.events for part in happened]),
            visits=sum(len(part.visits) for part in happened),
            plays=sum(int(part.from_page.sum()) for part in happened),
            page_satisfaction=sum(float(part.pleased.sum()) for part in happened),
            members_satisfaction=float(felt.mean()) if len(felt) else float("nan"),
        )

    def parts(self, service: Service, day: int) -> Iterator["Part"]:
        """Let one day pass, some visits at a time."""
        for part in range(PARTS):
            drawn = draw_visits(self.config, self.members, day, part, self.rng(_VISITS, day, part))
            rng = self.rng(_REACTIONS, day, part)
            for start in range(0, len(drawn), VISITS_AT_ONCE):
                visits = drawn.only(slice(start, start + VISITS_AT_ONCE))
                yield Part(visits, *self.react(visits, service.pages(visits), rng))
        self.members.drift(self.config.drift, self.rng(_DRIFT, day))
        self.observed.end_day()

    def react(
        self, visits: Visits, pages: Pages, rng: np.random.Generator
    ) -> tuple[Plays, Outcomes, pa.Table]:
        """Let members react to their pages, remember it, and return it as events too."""
        plays = in_order(
            self.unfinished.choose(self.config, self.titles, visits, rng),
            self._played(visits, pages, rng),
            self._found(visits, rng),
        )
        tastes = visits.tastes[plays.visit]
        mean = self.behaviour.mean_satisfaction(tastes, plays.item[:, None])[:, 0]
        outcomes = watch(
            plays,
            self.behaviour.satisfactions(mean, rng),
            self._already(visits, plays),
            self.titles.duration_seconds[plays.item],
            rng.random(len(plays)) < self.config.thumbs,
            rng,
        )
        self._remember(visits, plays, outcomes)
        return plays, outcomes, self.records.table(visits, pages, plays, outcomes)

    def _played(
        self, visits: Visits, pages: Pages, rng: np.random.Generator
    ) -> tuple[Codes, Codes, Codes]:
        watched = _contains(self.observed.history[visits.member], pages.items)
        attraction = self.behaviour.attraction(
            visits.tastes,
            self.observed.profiles[visits.member],
            watched,
            pages.items,
            visits.day,
        )
        attraction = with_effects(attraction, self._series_effects(visits, pages.items))
        if pages.pitches is not None:
            attraction = with_effects(
                attraction, self._pitch_effects(visits, pages.items, pages.pitches)
            )
        visit, slot = np.nonzero(self.behaviour.plays(attraction, pages.slots, rng))
        return visit, pages.items[visit, slot], slot

    def _pitch_effects(self, visits: Visits, items: Codes, pitches: Codes) -> Floats:
        """Return what the pitches add to the logit of a play of each slot. [visits, slots]."""
        effects = self.pitches.effects(
            visits.member,
            self.observed.num_watched[visits.member],
            self.observed.profiles[visits.member],
            items,
            visits.day,
        )
        return np.take_along_axis(effects, pitches[:, :, None], axis=2)[:, :, 0]

    def _found(self, visits: Visits, rng: np.random.Generator) -> tuple[Codes, Codes]:
        """Return who searches, and finds, what is on their mind: no page has a part in it."""
        visit = np.flatnonzero(rng.random(len(visits)) < self.config.searching)
        config, titles = self.config, self.titles
        member = visits.member[visit]
        general = self.behaviour.interest(visits.day) - config.appeal_strength * titles.appeal
        general = np.where(titles.launch_day <= visits.day, general, -np.inf)
        by_country = floats(np.where(titles.available, general, -np.inf))
        # A history ends with -1 for nothing, which is the column that is taken off again.
        wanted = np.zeros((len(visit), len(titles) + 1), np.float32)
        wanted[:, :-1] = visits.tastes[visit] @ floats(config.taste_strength * titles.vectors).T
        wanted[:, :-1] += by_country[visits.country[visit]]
        rows = np.arange(len(visit))[:, None]
        for last in self.members.series[member].T:
            wanted[rows, titles.of_series[last]] += config.series_strength
        wanted[rows, self.observed.history[member]] += config.rewatching
        waiting = rng.standard_exponential((len(visit), len(titles)), dtype=np.float32)
        np.maximum(waiting, np.finfo(np.float32).tiny, out=waiting)
        wanted[:, :-1] -= np.log(waiting, out=waiting)
        return visit, wanted[:, :-1].argmax(axis=1)

    def _series_effects(self, visits: Visits, items: Codes) -> Floats:
        """Return what series that were watched last add to the logit of each slot."""
        follows = _contains(self.members.series[visits.member], self.titles.series[items])
        return floats(self.config.series_strength * follows)

    def _already(self, visits: Visits, plays: Plays) -> Floats:
        """Return from which progress each play goes on. Shape: [plays]."""
        reached = self.unfinished.reached(visits.member[plays.visit], plays.item)
        return floats(np.where(plays.source == FROM_RESUMING, reached, 0))

    def _remember(self, visits: Visits, plays: Plays, outcomes: Outcomes) -> None:
        keep = self.config.satisfaction_memory
        ended = visits.timestamp[plays.visit] + np.int64(outcomes.offset_seconds * SECOND)
        for turn in range(int(plays.turn.max(initial=-1)) + 1):
            now = plays.turn == turn
            member = visits.member[plays.visit[now]]
            felt = keep * self.members.satisfaction[member]
            self.members.satisfaction[member] = felt + (1 - keep) * outcomes.satisfaction[now]
            series = self.titles.series[plays.item[now], None]
            self.members.series[member] = np.hstack([self.members.series[member, 1:], series])
            self.observed.add(member, plays.item[now], self.titles.genres)
            left = (plays.visit[now], plays.item[now], outcomes.progress[now], ended[now])
            self.unfinished.leave(visits, *left)


def _contains(rows: Codes, values: Codes) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Return whether each value is in its row. Shapes: [batch, n], [batch, slots] to the last."""
    return np.asarray((rows[:, :, None] == values[:, None, :]).any(axis=1))
