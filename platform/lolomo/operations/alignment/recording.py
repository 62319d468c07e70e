"""A simulated service that keeps its log: each visit with its candidates, as they were then."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.policy import Probabilities, Ranking
from lolomo.events.world.behaviour import Behaviour, Slots
from lolomo.events.world.config import WorldConfig
from lolomo.events.world.plays import FROM_PAGE, FROM_SEARCH, Outcomes, Plays
from lolomo.events.world.population import Codes, Floats, floats
from lolomo.events.world.service import Pages
from lolomo.events.world.simulation import Simulation
from lolomo.events.world.visits import Visits
from lolomo.operations.alignment.signals import Counts, Knowledge, standardised
from lolomo.operations.alignment.variants import LOGGED, LOGGING, scores_of

CANDIDATES = 60
"""How many titles a row is drawn from: most played lately, with room for the newest."""
NEWEST = 15

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Log:
    """Visits of the judged days. Shape of all: [visits, ...]."""

    signals: Floats
    """As they were at the visit. Shape: [visits, candidates, signals]."""
    frozen: Floats
    """The same, had nothing been counted since the first judged day."""
    there: Mask
    """Which candidates might be shown. Shape: [visits, candidates]."""
    candidates: Codes
    """Shape: [visits, candidates]."""
    ranking: Ranking
    """Shown, as places in the candidates. Shape: [visits, k]."""
    propensities: Probabilities
    plays: Mask
    """Which slots were played. Shape: [visits, k]."""
    enjoyed: Floats
    """What a service sees of it: 1 for a play to the end, -1 for none of it, half for a thumb."""
    thumbs: Floats
    """1 for a thumb up after the play, -1 for one down, 0 for none. As `plays`."""
    searched: Mask
    """Which candidates the member found by search. Shape: [visits, candidates]."""
    tastes: Floats
    """The world's secret. Shape: [visits, dim]."""
    effects: Floats
    """What members' last series add to the logit of each candidate, as secret. As `there`."""
    profiles: Floats
    day: Codes


class RecordedSimulation(Simulation):
    """A simulation whose service counts, and from a day on keeps its log.

    Args:
        config: The world.
        seed: Of all that is drawn.
        first_day: The first day that is judged.
    """

    def __init__(self, config: WorldConfig, seed: int, first_day: int) -> None:
        super().__init__(config, seed)
        self.first_day = first_day
        self.counts = Counts.nothing(config)
        self.judged: list[Log] = []
        self._similarity = np.zeros((config.num_items, config.num_items))
        self._frozen: Knowledge | None = None
        self._drawn: _Drawn | None = None
        self._rng = np.random.default_rng([seed, 77])

    @property
    def law(self) -> Behaviour:
        """How members decide: known to the world, and to who measures."""
        return self.behaviour

    def run(self) -> Log:
        """Let all days pass, and return the log of the judged ones."""
        for day in range(self.config.num_days):
            if day % 7 == 0 or day == self.first_day:
                self._similarity = self.counts.similarity()
            if day == self.first_day:
                self._frozen = Knowledge.of(self.observed, self.counts, self._similarity)
            self.day(self, day)
        names = Log.__slots__
        return Log(
            **{
                name: np.concatenate([getattr(part, name) for part in self.judged])
                for name in names
            }
        )

    def pages(self, visits: Visits) -> Pages:
        """Draw one row for each visit, and remember what it was drawn from."""
        known = Knowledge.of(self.observed, self.counts, self._similarity)
        candidates = self._candidates(visits.day)
        noise = self._rng.standard_normal((len(visits), len(candidates)))
        there = self.titles.available[visits.country][:, candidates]
        there = there & ~known.watched[visits.member][:, candidates]
        asked = (self.titles, visits.member, candidates, visits.day, noise)
        signals = standardised(known.signals(*asked), there)
        frozen = self._frozen or known
        scores = scores_of(LOGGED, signals, there)
        ranking = LOGGING.rankings(scores, self.config.row_length, self._rng)
        propensities = LOGGING.propensities(scores, ranking)
        everything = np.broadcast_to(candidates, there.shape)
        self._drawn = _Drawn(
            signals=signals,
            frozen=standardised(frozen.signals(*asked), there),
            there=there,
            candidates=candidates,
            ranking=ranking,
            propensities=propensities,
            effects=self._series_effects(visits, everything),
            profiles=known.profiles[visits.member],
        )
        return Pages(
            items=candidates[ranking],
            propensities=propensities,
            slots=Slots.grid(1, self.config.row_length),
            row_names=self.config.rows,
            row_order=np.zeros((len(visits), 1), np.int64),
        )

    @override
    def react(
        self, visits: Visits, pages: Pages, rng: np.random.Generator
    ) -> tuple[Plays, Outcomes, pa.Table]:
        """Let members react, count what they did, and keep it."""
        plays, outcomes, table = super().react(visits, pages, rng)
        played = np.zeros(pages.items.shape, bool)
        on_page = plays.source == FROM_PAGE
        played[plays.visit[on_page], plays.slot[on_page]] = True
        counts, size = self.counts, self.config.num_items
        counts.shown += np.bincount(pages.items.ravel(), minlength=size)
        counts.played += np.bincount(pages.items[played], minlength=size)
        counts.total += np.bincount(plays.item, minlength=size)
        counts.progress += np.bincount(plays.item, outcomes.progress, minlength=size)
        counts.pairs[visits.member[plays.visit], plays.item] = 1.0
        if visits.day >= self.first_day and len(visits):
            self._keep(visits, plays, outcomes, played)
        return plays, outcomes, table

    def _candidates(self, day: int) -> Codes:
        """Return what rows are drawn from: the most played lately, and the newest of the rest."""
        age = day - self.titles.launch_day
        out = np.flatnonzero(age >= 0)
        lately = out[np.argsort(-self.observed.plays_lately[out], kind="stable")]
        most, rest = lately[: CANDIDATES - NEWEST], lately[CANDIDATES - NEWEST :]
        return np.concatenate([most, rest[np.argsort(age[rest], kind="stable")[:NEWEST]]])

    def _keep(self, visits: Visits, plays: Plays, outcomes: Outcomes, played: Mask) -> None:
        drawn = self._drawn
        if drawn is None:
            return
        found = np.full(len(visits), -1)
        by_search = plays.source == FROM_SEARCH
        found[plays.visit[by_search]] = plays.item[by_search]
        thumbs = np.where(outcomes.thumb, np.where(outcomes.satisfaction > 0.5, 1.0, -1.0), 0.0)
        liked, enjoyed = np.zeros(played.shape), np.zeros(played.shape)
        on_page = plays.source == FROM_PAGE
        place = plays.visit[on_page], plays.slot[on_page]
        liked[place] = thumbs[on_page]
        enjoyed[place] = (2.0 * outcomes.progress - 1.0 + 0.5 * thumbs)[on_page]
        shape = (len(visits), len(drawn.candidates))
        self.judged.append(
            Log(
                signals=drawn.signals,
                frozen=drawn.frozen,
                there=drawn.there,
                candidates=np.broadcast_to(drawn.candidates, shape),
                ranking=drawn.ranking,
                propensities=drawn.propensities,
                plays=played,
                enjoyed=floats(enjoyed),
                thumbs=floats(liked),
                searched=(drawn.candidates == found[:, None]) & drawn.there,
                tastes=visits.tastes,
                effects=drawn.effects,
                profiles=drawn.profiles,
                day=np.full(len(visits), visits.day),
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """What the last pages were drawn from."""

    signals: Floats
    frozen: Floats
    there: Mask
    candidates: Codes
    ranking: Ranking
    propensities: Probabilities
    effects: Floats
    profiles: Floats
