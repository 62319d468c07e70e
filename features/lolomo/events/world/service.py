"""A service as the world sees it: visits in, pages out. Here the world's own, which needs no model.

Its rows are drawn from counts that any service has: what is played lately, how well its genres meet
the member's history, how new it is. So what it shows becomes popular, and what is popular it shows:
the loop that a log of it contains. Any policy may draw the rows.
"""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lolomo.core.policy import Policy, Probabilities
from lolomo.events.world.behaviour import Slots
from lolomo.events.world.population import Codes, Titles
from lolomo.events.world.state import Observed
from lolomo.events.world.visits import Visits
from lolomo.tasks.evidence import PITCHES

CANDIDATES: Final = 240
"""How many titles a row is drawn from."""
GENRE_MATCH: Final = 6.0
NEW_DAYS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What a service shows, a page a visit."""

    items: Codes
    """By item code, -1 for an empty slot. Shape: [visits, slots]."""
    propensities: Probabilities
    """P(item | context, the items above it in its row); NaN where unknown. Shape: as `items`."""
    slots: Slots
    row_names: tuple[str, ...]
    """Of the rows that there are."""
    row_order: Codes
    """Which of them stands in each row of each page. Shape: [visits, rows]."""
    pitches: Codes | None = None
    """With which of `PITCHES` each title is shown, drawn uniformly; None without. As `items`."""
    request_ids: tuple[str, ...] = ()
    """Of the service's answers; empty to let the world number them."""


class Service(Protocol):
    """Whatever answers visits with pages."""

    def pages(self, visits: Visits) -> Pages:
        """Return a page for each visit, knowing only what a service may know."""
        ...


@dataclass(slots=True)
class CountingService:
    """The world's own service: rows by counts, drawn by a policy."""

    titles: Titles
    observed: Observed
    policy: Policy
    rows: tuple[str, ...]
    row_length: int
    row_exploration: float
    """Share of the pages whose rows stand in an order drawn uniformly."""
    rng: np.random.Generator
    pitch_rng: np.random.Generator | None = None
    """Draws the pitches; None to show titles without any."""

    def pages(self, visits: Visits) -> Pages:
        """Return pages: no title twice, none that was watched lately."""
        shown, propensities = self._draw(visits)
        rows = np.tile(np.arange(len(self.rows)), (len(visits), 1))
        explored = self.rng.random(len(visits)) < self.row_exploration
        order = np.where(explored[:, None], self.rng.permuted(rows, axis=1), rows)
        slot = (order[:, :, None] * self.row_length + np.arange(self.row_length)).reshape(
            len(visits), len(self.rows) * self.row_length
        )
        return Pages(
            items=np.take_along_axis(shown, slot, axis=1),
            propensities=np.take_along_axis(propensities, slot, axis=1),
            slots=Slots.grid(len(self.rows), self.row_length),
            row_names=self.rows,
            row_order=order,
            pitches=None
            if self.pitch_rng is None
            else self.pitch_rng.integers(0, len(PITCHES), shown.shape),
        )

    def _draw(self, visits: Visits) -> tuple[Codes, Probabilities]:
        """Draw the titles of one row after the other. Shapes: [visits, slots]."""
        shown = np.full((len(visits), len(self.rows) * self.row_length), -1)
        propensities = np.full(shown.shape, np.nan)
        watched = self.observed.history[visits.member]
        for number, row in enumerate(self.rows):
            place = slice(number * self.row_length, (number + 1) * self.row_length)
            candidates, scores = self._candidates(row, visits)
            taken = np.concatenate([watched, shown[:, : place.start]], axis=1)
            scores = np.where(self.titles.available[visits.country][:, candidates], scores, -np.inf)
            _remove(scores, candidates, taken, len(self.titles))
            ranking = self.policy.rankings(scores, self.row_length, self.rng)
            width = slice(place.start, place.start + ranking.shape[1])
            shown[:, width] = candidates[ranking]
            propensities[:, width] = self.policy.propensities(scores, ranking)
        return shown, propensities

    def _candidates(self, row: str, visits: Visits) -> tuple[Codes, NDArray[np.float64]]:
        """Return a row's candidates, the same for all, and their scores for each visit."""
        age = visits.day - self.titles.launch_day
        recent = np.log1p(self.observed.plays_lately)
        general = {
            "top_picks": recent,
            "trending_now": recent,
            "new_titles": np.where(age < NEW_DAYS, 0.3 * recent - age / NEW_DAYS, -1e3),
        }[row]
        general = np.where(age >= 0, general, -np.inf)
        order = np.argsort(-general, kind="stable")[:CANDIDATES]
        candidates = order[np.isfinite(general[order])]
        scores = np.broadcast_to(general[candidates], (len(visits), len(candidates)))
        if row == "top_picks":
            profile = self.observed.profiles[visits.member]
            scores = scores + GENRE_MATCH * profile @ self.titles.genres[candidates].T
        return candidates, np.array(scores, np.float64)


def _remove(scores: NDArray[np.float64], candidates: Codes, items: Codes, num_items: int) -> None:
    """Make items no candidates, each visit its own. Shapes: [visits, candidates], [visits, any]."""
    place = np.full(num_items + 1, len(candidates))
    place[candidates] = np.arange(len(candidates))
    with_rest = np.concatenate([scores, np.zeros((len(scores), 1))], axis=1)
    np.put_along_axis(with_rest, place[items], -np.inf, axis=1)
    scores[:] = with_rest[:, :-1]
