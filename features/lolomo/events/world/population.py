"""Who lives in a world and what there is to watch: drawn once, from the world's seed.

Members and titles meet in a space of tastes that no policy sees. What a service may see of a title
is in the `items` table: its name, genres, year and duration.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lolomo.events.world.config import COMPANIONS, COUNTRIES, WorldConfig

Floats: TypeAlias = NDArray[np.float32]
Codes: TypeAlias = NDArray[np.int64]
LIBRARY_DAYS = 4_000.0
"""Mean age of what came out before the world began."""
REMEMBERED_SERIES = 3


@dataclass(frozen=True, slots=True)
class Titles:
    """The catalogue, by item code."""

    vectors: Floats
    """Where each lies among tastes, of length about 1. Shape: [items, dim]."""
    genres: Floats
    """Share of each genre. Shape: [items, genres]."""
    fame: Floats
    """Skewed, mean 0. Shape: [items]."""
    quality: Floats
    appeal: Floats
    """Of artwork and pitch: standard normal, as `quality`. Shapes: [items]."""
    launch_day: Floats
    """When it comes out, in days since the world's start; negative for before. Shape: [items]."""
    decay_days: Floats
    duration_seconds: Codes
    series: Codes
    """Titles of one series, or by one hand, have one number. Shape: [items]."""
    of_series: Codes
    """The titles of each series, -1 where there are no more, and a row of -1 for no series.
    Shape: [series + 1, longest]."""
    available: NDArray[np.bool_]
    """Shape: [countries, items]."""

    def __len__(self) -> int:
        return len(self.fame)


@dataclass(slots=True)
class Members:
    """The members, by member code; tastes and satisfaction change as the world runs."""

    anchors: Floats
    """The tastes they return to, one a companion. Shape: [members, companions, dim]."""
    tastes: Floats
    country: Codes
    visits_per_day: Floats
    joined_day: Floats
    companions: Floats
    """How often with whom. Shape: [members, companions]."""
    series: Codes
    """Series of the titles watched last, -1 for none. Shape: [members, REMEMBERED_SERIES]."""
    satisfaction: Floats
    """Of the last plays, 0 to 1, decaying. Shape: [members]."""

    def __len__(self) -> int:
        return len(self.country)

    def drift(self, step: float, rng: np.random.Generator) -> None:
        """Let a day pass over the tastes."""
        back = 0.5 * step
        noise = rng.standard_normal(self.tastes.shape, dtype=np.float32)
        self.tastes += back * (self.anchors - self.tastes) + step * noise


def floats(values: ArrayLike) -> Floats:
    """Return values as float32."""
    return np.asarray(values, np.float32)


def draw_titles(config: WorldConfig, rng: np.random.Generator) -> Titles:
    """Draw the catalogue."""
    items, dim = config.num_items, config.embedding_dim
    centres = _normal(rng, (config.num_genres, dim)) / np.sqrt(dim)
    popularity = rng.dirichlet(np.full(config.num_genres, 2.0))
    main = rng.choice(config.num_genres, items, p=popularity)
    second = rng.choice(config.num_genres, items, p=popularity)
    genres = np.zeros((items, config.num_genres), np.float32)
    genres[np.arange(items), main] += 0.65
    genres[np.arange(items), second] += 0.35
    noise = config.genre_noise * _normal(rng, (items, dim)) / np.sqrt(dim)
    quality = _normal(rng, (items,))
    rho = config.appeal_of_quality
    appeal = rho * quality + np.sqrt(1 - rho**2) * _normal(rng, (items,))
    later = rng.random(items) < config.launched_later
    launch = np.where(later, rng.uniform(0, config.num_days, items), -rng.exponential(1, items))
    decay = config.launch_decay_days * np.exp(0.6 * rng.standard_normal(items))
    minutes = np.where(
        rng.random(items) < 0.4, rng.normal(45, 8, items), rng.normal(105, 18, items)
    )
    fame = rng.gumbel(size=items) - 0.577
    series = rng.integers(0, max(1, round(items / config.series_length)), items)
    available = rng.random((len(COUNTRIES), items))
    return Titles(
        vectors=floats(genres @ centres * np.sqrt(2) + noise),
        genres=genres,
        fame=floats(fame),
        quality=quality,
        appeal=floats(appeal),
        launch_day=floats(np.where(later, launch, launch * LIBRARY_DAYS)),
        decay_days=floats(decay),
        duration_seconds=np.asarray(np.clip(minutes, 15, 240) * 60, np.int64),
        series=series,
        of_series=_members_of(series),
        available=available < np.array([country.availability for country in COUNTRIES])[:, None],
    )


def _members_of(group: Codes) -> Codes:
    """Return who is in each group, -1 where nobody is, and a last row of nobody."""
    order, sizes = np.argsort(group, kind="stable"), np.bincount(group)
    found = np.full((len(sizes) + 1, int(sizes.max())), -1)
    place = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found[group[order], place] = order
    return found


def draw_members(config: WorldConfig, rng: np.random.Generator) -> Members:
    """Draw the members; each companion brings out another taste."""
    members, dim = config.num_members, config.embedding_dim
    shares = np.array([country.share for country in COUNTRIES])
    anchors = _normal(rng, (members, len(COMPANIONS), dim))
    there = rng.random(members) < config.present_at_start
    activity = np.exp(config.activity_spread * rng.standard_normal(members))
    return Members(
        anchors=anchors,
        tastes=anchors.copy(),
        country=rng.choice(len(COUNTRIES), members, p=shares / shares.sum()),
        visits_per_day=floats(config.visits_per_day * activity),
        joined_day=floats(np.where(there, 0.0, rng.uniform(0, config.num_days, members))),
        companions=floats(rng.dirichlet((3.0, 1.0, 0.5), members)),
        series=np.full((members, REMEMBERED_SERIES), -1),
        satisfaction=np.full(members, 0.5, np.float32),
    )


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.standard_normal(shape, dtype=np.float32)
