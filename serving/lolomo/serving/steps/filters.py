"""Declarative filters: what must not be proposed to this user, here and now.

A filter names the item features that it reads. It is in force where the catalogue has them: those
of a company come with its own feature groups (entry point `lolomo.features`), and nothing here has
to be told. What a user has seen or turned down needs no features and is always left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lolomo.core.recommender import Ids
from lolomo.features import all_features
from lolomo.serving.steps.messages import Context

Values = Mapping[str, NDArray[Any]]


class ItemFeatures(Protocol):
    """Reads item features; a part of `Features`."""

    def items(self, item_ids: Ids, timestamp: int, features: Sequence[str]) -> Values:
        """Return features of items, in order. Shape of each: [candidates] or more axes."""
        ...


class Filter(Protocol):
    """Says which items may be proposed."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Item features without which it is not in force."""
        ...

    def keeps(self, items: Values, context: Context) -> NDArray[np.bool_]:
        """Return which items may be proposed. Shape: [candidates]."""
        ...


@dataclass(frozen=True, slots=True)
class InCountry:
    """Keeps what may be shown in the country of the request; an item of no country is for all.

    A request of an unknown country gets only those.
    """

    countries: str = "available_countries"
    """A feature of several categories."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The item feature that it reads."""
        return (self.countries,)

    def keeps(self, items: Values, context: Context) -> NDArray[np.bool_]:
        """Return which items may be proposed. Shape: [candidates]."""
        countries = items[self.countries]
        everywhere = (countries == "").all(axis=1)
        return np.asarray(everywhere | (countries == (context.country or "?")).any(axis=1))


@dataclass(frozen=True, slots=True)
class InWindow:
    """Keeps what may be shown at the time of the request; an open end is for ever."""

    since: str = "available_since"
    """A number: days since 1970 from which on it may be shown."""
    until: str = "available_until"
    """A number: days since 1970 from which on it may not."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The item features that it reads."""
        return (self.since, self.until)

    def keeps(self, items: Values, context: Context) -> NDArray[np.bool_]:
        """Return which items may be proposed. Shape: [candidates]."""
        now = context.timestamp / 86_400e6
        early, late = items[self.since] > now, items[self.until] <= now
        return ~(early | late)


@dataclass(frozen=True, slots=True)
class ForAge:
    """Keeps what is fit for the user's age; of an unknown age, what is fit for all."""

    minimum: str = "minimum_age"
    """A number: years; missing is for all."""
    age: str = "age"
    """The user feature."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The item feature that it reads."""
        return (self.minimum,)

    def keeps(self, items: Values, context: Context) -> NDArray[np.bool_]:
        """Return which items may be proposed. Shape: [candidates]."""
        age = context.user.features.get(self.age)
        return ~(items[self.minimum] > (age if isinstance(age, int | float) else 0))


FILTERS: Final[tuple[Filter, ...]] = (InCountry(), InWindow(), ForAge())


def allowed(
    filters: Sequence[Filter], item_ids: Ids, context: Context, features: ItemFeatures
) -> NDArray[np.bool_]:
    """Return which items pass every filter that is in force. Shape: [candidates]."""
    kept = np.ones(len(item_ids), bool)
    known = all_features()
    for each in filters:
        if all(name in known for name in each.reads):
            kept &= each.keeps(features.items(item_ids, context.timestamp, each.reads), context)
    return kept
