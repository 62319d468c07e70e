"""Who comes when, with whom, and on what: a day's visits, a part of the day at a time.

A day has four parts of six hours UTC, and a member comes at most once in each, so that all visits
of a part can be handled at once. When depends on the hour where the member lives, on the weekday,
and on how the service has pleased lately: nobody comes back to be disappointed.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.events.world.config import COUNTRIES, WorldConfig
from lolomo.events.world.population import Codes, Floats, Members

PARTS: Final = 4
HOURS: Final = 24 // PARTS
HOUR_MICROSECONDS: Final = 3_600_000_000
DAY_MICROSECONDS: Final = 24 * HOUR_MICROSECONDS
WEEKEND: Final = 1.35
"""How many more visits there are on a Saturday or Sunday."""
BY_HOUR = np.array(
    [3, 2, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 4, 4, 4, 5, 6, 8, 10, 12, 12, 9, 6], np.float64
)
"""How often members come by local hour."""
BY_COMPANION = np.array([[1.0, 1.0, 1.0, 1.0], [0.3, 0.3, 0.6, 2.5], [0.05, 1.2, 2.0, 0.6]])
"""How much likelier each companion is at night, in the morning, afternoon and evening."""
BY_DEVICE = np.array([[0.35, 0.35, 0.1, 0.2], [0.8, 0.05, 0.05, 0.1], [0.5, 0.05, 0.4, 0.05]])
"""Share of each device by companion."""


@dataclass(frozen=True, slots=True)
class Visits:
    """Members who open the page, each at most once."""

    member: Codes
    timestamp: Codes
    """Microseconds since 1970 UTC, rising. Shape: [visits]."""
    companion: Codes
    device: Codes
    country: Codes
    tastes: Floats
    """In force with that companion, today. Shape: [visits, dim]."""
    day: int

    def __len__(self) -> int:
        return len(self.member)

    def only(self, chosen: Codes | NDArray[np.bool_] | slice) -> "Visits":
        """Return some of the visits."""
        return Visits(
            self.member[chosen],
            self.timestamp[chosen],
            self.companion[chosen],
            self.device[chosen],
            self.country[chosen],
            self.tastes[chosen],
            self.day,
        )


def draw_visits(
    config: WorldConfig, members: Members, day: int, part: int, rng: np.random.Generator
) -> Visits:
    """Draw the visits of one part of a day, in the order of time."""
    luck = rng.random(len(members))
    chance = 1 - np.exp(-_rates(config, members, day, part))
    member = np.flatnonzero(luck < chance)
    country = members.country[member]
    hour = _hours(country, part, rng)
    within = rng.integers(0, HOUR_MICROSECONDS, len(member))
    start = int(config.start.timestamp() * 1e6) + day * DAY_MICROSECONDS
    timestamp = start + (part * HOURS + hour) * HOUR_MICROSECONDS + within
    offsets = np.array([country.utc_offset_hours for country in COUNTRIES])
    local = (part * HOURS + hour + offsets[country]) % 24
    likely = members.companions[member] * BY_COMPANION[:, local // 6].T
    companion = _draw_rows(likely, rng)
    device = _draw_rows(BY_DEVICE[companion], rng)
    order = np.argsort(timestamp, kind="stable")
    tastes = members.tastes[member, companion]
    visits = Visits(member, timestamp, companion, device, country, tastes, day)
    return visits.only(order)


def _rates(config: WorldConfig, members: Members, day: int, part: int) -> Floats:
    """Return how many visits of each member are expected. Shape: [members]."""
    weekend = WEEKEND if (config.start.weekday() + day) % 7 >= 5 else 1.0
    pleased = np.exp(config.retention * (members.satisfaction - 0.5))
    age = day - members.joined_day
    newness = 1 + config.first_enthusiasm * np.exp(-np.maximum(age, 0) / config.enthusiasm_days)
    share = _shares()[:, part].sum(axis=1)[members.country]
    rates: Floats = members.visits_per_day * share * weekend * pleased * newness * (age >= 0)
    return rates


def _shares() -> NDArray[np.float64]:
    """Return the share of visits by country and UTC hour. Shape: [countries, parts, hours]."""
    hours = np.arange(24)
    local = np.array([(hours + country.utc_offset_hours) % 24 for country in COUNTRIES])
    return np.reshape(BY_HOUR[local] / BY_HOUR.sum(), (len(COUNTRIES), PARTS, HOURS))


def _hours(country: Codes, part: int, rng: np.random.Generator) -> Codes:
    return _draw_rows(_shares()[country, part], rng)


def _draw_rows(weights: NDArray[np.floating], rng: np.random.Generator) -> Codes:
    """Draw one column for each row, in proportion to its weights."""
    levels = np.cumsum(weights, axis=1)
    drawn = (rng.random((len(weights), 1)) * levels[:, -1:] >= levels).sum(axis=1)
    return np.asarray(np.minimum(drawn, weights.shape[1] - 1))
