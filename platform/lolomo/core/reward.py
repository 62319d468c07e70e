"""What an event is worth to a task: a versioned, typed expression over the event table.

The paper's lesson is that the reward, a short-term proxy of what is wanted, changes more often than
any model. So it is an object of its own: a weighted sum of parts (`reward_parts`), with a version
that each release carries in its card. The reference holds a digest of the definition too, so that a
reward that was changed under its old version does not pass for the old one.

Parts that arrive late are null until they do. `Reward.of` fills them: with what a model expects
where one is given (`expected_by_user_and_item` is the plain one), else with 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.files import digest_of
from lolomo.core.reward_parts import (
    Completion,
    NextDayReturn,
    Novelty,
    Part,
    Pleasure,
    Thumb,
    Watched,
)

Expectation: TypeAlias = Callable[[pl.DataFrame, pl.Series], pl.Series]
"""Of events and a part's values, null where they have not arrived, to values that are all known."""

PSEUDO_COUNT = 5.0
"""How many average events each user and item starts with."""


@dataclass(frozen=True, slots=True)
class Term:
    """A part, and how much it counts."""

    weight: float
    part: Part

    @property
    def text(self) -> str:
        """Say it in words: `0.5 completion(at_least=0.1)`."""
        config = {key: value for key, value in self.part.definition.items() if key != "part"}
        inner = ", ".join(f"{key}={value}" for key, value in config.items())
        return f"{self.weight:g} {self.part.name}" + (f"({inner})" if inner else "")


@dataclass(frozen=True, slots=True)
class Reward:
    """A named, versioned sum of parts.

    >>> events = pl.DataFrame({"kind": ["play", "impression"], "value": [None, None]})
    >>> INTERACTION.of(events).to_list()
    [1.0, 0.0]
    """

    name: str
    version: int
    terms: tuple[Term, ...]

    @property
    def reference(self) -> str:
        """Name, version and digest of the definition, as a release card states it."""
        return f"{self.name}@v{self.version}#{digest_of(self.definition)[:8]}"

    @property
    def definition(self) -> list[dict[str, Any]]:
        """All that decides it, as JSON values."""
        return [{"weight": term.weight, **term.part.definition} for term in self.terms]

    def of(
        self,
        events: pl.DataFrame,
        as_of: datetime | None = None,
        expect: Expectation | None = None,
    ) -> pl.Series:
        """Return the worth of each event, float64, 0 where there is none. Shape: [events].

        Args:
            events: In order of time.
            as_of: What is known by then counts: a late part of a younger event is still to come,
                and of an older one it is settled. None for the end of the log, all settled.
            expect: Says what a late part will be; 0 without it.
        """
        total = pl.zeros(events.height, eager=True)
        for term in self.terms:
            values = events.select(term.part.expression().cast(pl.Float64)).to_series()
            if as_of is not None and term.part.delay:
                values = _settled(events, values, term.part, as_of)
                values = values if expect is None else expect(events, values)
            total = total + term.weight * values.fill_null(0.0)
        return total.alias("reward")


def expected_by_user_and_item(events: pl.DataFrame, values: pl.Series) -> pl.Series:
    """Return the values, and where they have not arrived the mean of the user's and the item's own.

    Each mean begins with `PSEUDO_COUNT` average events, so that who is little known is average.
    """
    frame = events.select(Columns.USER_ID, Columns.ITEM_ID, values.alias("value"))
    value = pl.col("value")
    overall = value.mean().fill_null(0.0)

    def mean_of(key: str) -> pl.Expr:
        known = value.sum().over(key) + PSEUDO_COUNT * overall
        return known / (value.count().over(key) + PSEUDO_COUNT)

    expected = mean_of(Columns.USER_ID) + mean_of(Columns.ITEM_ID) - overall
    within = expected.clip(value.min(), value.max())
    return frame.select(pl.coalesce(value, within, 0.0)).to_series()


def _settled(events: pl.DataFrame, values: pl.Series, part: Part, as_of: datetime) -> pl.Series:
    """Return a late part's values: null where young and not yet arrived, 0 where it never came."""
    is_old = pl.col(Columns.TIMESTAMP) <= as_of - part.delay
    return events.select(
        pl.when(is_old).then(values.fill_null(0.0)).otherwise(values).alias("value")
    ).to_series()


SATISFACTION = Reward("satisfaction", 1, (Term(1.0, Pleasure()),))
"""How much an interaction pleased: a rating from 0, the lowest given, to 1; a play counts 1."""
INTERACTION = Reward("interaction", 1, (Term(1.0, Watched()),))
"""Every play, completion or rating counts as one, whatever the rating says."""
ENJOYMENT_V1 = Reward("enjoyment", 1, (Term(1.0, Completion()), Term(0.5, Thumb())))
"""What was finished and liked."""
ENJOYMENT = Reward(
    "enjoyment",
    2,
    (
        Term(0.6, Completion()),
        Term(0.5, Thumb()),
        Term(0.3, NextDayReturn()),
        Term(0.1, Novelty()),
    ),
)
"""What was finished and liked, brought the member back, and was not what all watch anyway."""
REWARDS = (INTERACTION, SATISFACTION, ENJOYMENT_V1, ENJOYMENT)
"""Every version that a card may name: an old one is kept, so that what changed can be said."""
