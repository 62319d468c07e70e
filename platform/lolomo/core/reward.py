"""What an event is worth to a task: a versioned expression over the event table.

The paper's lesson is that the reward, a short-term proxy of what is wanted, changes more often than
any model. So it is an object of its own, with a version that each release carries in its card.
"""

from dataclasses import dataclass

import polars as pl

from lolomo.core.columns import Columns, Kind


@dataclass(frozen=True, slots=True)
class Reward:
    """A named, versioned expression that turns an event into its worth.

    >>> events = pl.DataFrame({"kind": ["play", "impression"], "value": [None, None]})
    >>> INTERACTION.of(events).to_list()
    [1.0, 0.0]
    """

    name: str
    version: int
    expression: pl.Expr
    """A number per event; 0 or null where the event is no success."""

    @property
    def reference(self) -> str:
        """The name with its version, as a release card states it."""
        return f"{self.name}@v{self.version}"

    def of(self, events: pl.DataFrame) -> pl.Series:
        """Return the worth of each event, float64, 0 where there is none. Shape: [events]."""
        worth = self.expression.cast(pl.Float64).fill_null(0.0)
        return events.select(worth.alias("reward")).to_series()


def _satisfaction() -> pl.Expr:
    """Return 1 for what was watched, and for a rating its place on the scale that the data use."""
    rating = pl.when(pl.col(Columns.KIND) == Kind.RATE).then(pl.col(Columns.VALUE))
    place = (rating - rating.min()) / (rating.max() - rating.min())
    watched = pl.col(Columns.KIND).is_in(Kind.INTERACTIONS).cast(pl.Float64)
    return pl.when(place.is_finite()).then(place).otherwise(watched)


SATISFACTION = Reward("satisfaction", 1, _satisfaction())
"""How much an interaction pleased: a rating from 0, the lowest given, to 1; a play counts 1."""
INTERACTION = Reward("interaction", 1, pl.col(Columns.KIND).is_in(Kind.INTERACTIONS))
"""Every play, completion or rating counts as one, whatever the rating says."""
