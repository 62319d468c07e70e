"""A service that learns from its own pages, in a simulated world.

It knows what any service knows: how much each title is played lately, how well its genres meet the
member's history, and how new it is; and it keeps of each page what training needs.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.policy import Policy
from lolomo.events.world.behaviour import Slots
from lolomo.events.world.plays import FROM_PAGE, FROM_SEARCH, Plays
from lolomo.events.world.service import Pages
from lolomo.events.world.simulation import Part, Simulation
from lolomo.events.world.visits import Visits
from lolomo.training.corrections import (
    Corrections,
    Examples,
    Negatives,
    SlotModel,
    impression_weights,
)

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
FEATURES: Final = ("plays lately", "genre match", "newness", "constant")
NEGATIVES: Final = 12
"""Titles drawn from the catalogue for each play."""
MATCH: Final = 3.0
NEW_DAYS: Final = 20.0


@dataclass(slots=True)
class LearnedService:
    """Shows one row of what its model scores best, drawn by a policy."""

    world: Simulation
    model: SlotModel
    policy: Policy
    row_length: int
    rng: np.random.Generator
    shown: Pages | None = None
    """The last pages."""
    features: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    """Of all titles at the last visits. Shape: [visits, items, features]."""

    def pages(self, visits: Visits) -> Pages:
        """Return a page for each visit: no title twice, none that was watched lately."""
        self.features = self._features(visits)
        scores = self.model.scores(self.features)
        scores[~self._may_show(visits)] = -np.inf
        order = self.policy.rankings(scores, self.row_length, self.rng)
        self.shown = Pages(
            items=order,
            propensities=self.policy.propensities(scores, order),
            slots=Slots.grid(1, self.row_length),
            row_names=("picks",),
            row_order=np.zeros((len(visits), 1), np.int64),
        )
        return self.shown

    def examples(self, part: Part, corrections: Corrections) -> tuple[Examples, Examples]:
        """Return what the last pages taught: of the page, and of organic plays."""
        searched = part.plays.source == FROM_SEARCH
        organic = self._against_catalogue(part, searched)
        if corrections.negatives is Negatives.SHOWN:
            return self._impressions(part.plays, corrections), organic
        return self._against_catalogue(part, part.plays.source == FROM_PAGE), organic

    def _features(self, visits: Visits) -> Floats:
        titles, observed = self.world.titles, self.world.observed
        match = MATCH * observed.profiles[visits.member] @ titles.genres.T
        age = np.maximum(visits.day - titles.launch_day, 0)
        general = np.stack([np.log1p(observed.plays_lately), np.exp(-age / NEW_DAYS)], axis=1)
        features = np.ones((len(visits), len(titles), len(FEATURES)))
        features[:, :, 0], features[:, :, 2] = general[:, 0], general[:, 1]
        features[:, :, 1] = match
        return features

    def _may_show(self, visits: Visits) -> NDArray[np.bool_]:
        titles = self.world.titles
        may = titles.available[visits.country] & (titles.launch_day <= visits.day)
        history = self.world.observed.history[visits.member]
        known = np.hstack([may, np.zeros((len(may), 1), bool)])
        known[np.arange(len(may))[:, None], history] = False
        return known[:, :-1]

    def _impressions(self, plays: Plays, corrections: Corrections) -> Examples:
        """Return every slot of the last pages, and whether it was played."""
        assert self.shown is not None  # noqa: S101 - a part is a reaction to pages
        items = self.shown.items
        visit, slot = np.indices(items.shape)
        played = np.zeros(items.shape)
        on_page = plays.source == FROM_PAGE
        played[plays.visit[on_page], plays.slot[on_page]] = 1.0
        return Examples(
            item=items.ravel(),
            features=self.features[visit, items].reshape(-1, len(FEATURES)),
            played=played.ravel(),
            weight=impression_weights(self.shown.propensities.ravel(), corrections),
            slot=slot.ravel(),
        )

    def _against_catalogue(self, part: Part, chosen: NDArray[np.bool_]) -> Examples:
        """Return some plays, each with titles drawn from all that could have been shown."""
        visit, item = part.plays.visit[chosen], part.plays.item[chosen]
        weights = (self.world.titles.launch_day <= part.visits.day).astype(np.float64)
        drawn = self.rng.choice(len(weights), (len(visit), NEGATIVES), p=weights / weights.sum())
        items = np.column_stack([item, drawn])
        played = np.zeros(items.shape)
        played[:, 0] = 1.0
        return Examples(
            item=items.ravel(),
            features=self.features[visit[:, None], items].reshape(-1, len(FEATURES)),
            played=played.ravel(),
            weight=np.ones(items.size),
            slot=np.full(items.size, -1),
        )
