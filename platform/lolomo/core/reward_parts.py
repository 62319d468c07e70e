"""The parts that rewards are made of: each one thing that an event may be worth something for.

A part is a frozen, typed object and an expression over the event table, which is in order of time.
Some parts are known at once; others *arrive later*: whether a member comes back tomorrow is not
known today. Until then their value is null, which is not 0: a reward that took it for 0 would call
everything that happened yesterday a failure.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, ClassVar

import polars as pl
from typing_extensions import override

from lolomo.core.columns import Columns, Kind

DAY = timedelta(days=1)


class Part(ABC):
    """What an event may be worth. A subclass is a frozen dataclass whose fields are its config."""

    name: ClassVar[str]
    delay: ClassVar[timedelta] = timedelta(0)
    """After how long it is surely known."""

    @abstractmethod
    def expression(self) -> pl.Expr:
        """Return the worth of each event, as far as the log tells; null where there is none yet."""

    @property
    def definition(self) -> dict[str, Any]:
        """Its name and config, by which a changed part is told from the old one."""
        return {"part": self.name, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Watched(Part):
    """1 for every play, completion or rating."""

    name: ClassVar[str] = "watched"

    @override
    def expression(self) -> pl.Expr:
        return pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)


@dataclass(frozen=True, slots=True)
class Pleasure(Part):
    """A rating from 0, the lowest given, to 1; anything else that was watched counts 1."""

    name: ClassVar[str] = "pleasure"

    @override
    def expression(self) -> pl.Expr:
        rating = pl.when(pl.col(Columns.KIND) == Kind.RATE).then(pl.col(Columns.VALUE))
        place = (rating - rating.min()) / (rating.max() - rating.min())
        watched = pl.col(Columns.KIND).is_in(Kind.INTERACTIONS).cast(pl.Float64)
        return pl.when(place.is_finite()).then(place).otherwise(watched)


@dataclass(frozen=True, slots=True)
class Completion(Part):
    """How far a play got; nothing if it was given up early."""

    name: ClassVar[str] = "completion"
    at_least: float = 0.1
    """Progress below which a play was a mistake, and is worth nothing."""

    @override
    def expression(self) -> pl.Expr:
        kind, progress = pl.col(Columns.KIND), pl.col(Columns.PROGRESS)
        finished = pl.when(kind == Kind.COMPLETE).then(1.0)
        played = pl.when(kind == Kind.PLAY, progress >= self.at_least).then(progress)
        return pl.coalesce(finished, played, 0.0)


@dataclass(frozen=True, slots=True)
class Thumb(Part):
    """1 for a thumb up that the member gives the item within a day, -1 for one down."""

    name: ClassVar[str] = "thumb"
    delay: ClassVar[timedelta] = DAY

    @override
    def expression(self) -> pl.Expr:
        time, of_pair = pl.col(Columns.TIMESTAMP), (Columns.USER_ID, Columns.ITEM_ID)
        is_thumb = pl.col(Columns.KIND) == Kind.THUMB
        given = pl.when(is_thumb).then(pl.when(pl.col(Columns.VALUE) > 0).then(1.0).otherwise(-1.0))
        thumb = given.backward_fill().over(of_pair)
        at = pl.when(is_thumb).then(time).backward_fill().over(of_pair)
        watched = pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)
        return pl.when(watched.not_()).then(0.0).when(at <= time + self.delay).then(thumb)


@dataclass(frozen=True, slots=True)
class NextDayReturn(Part):
    """1 for what was watched by a member who is there again on the next day, in UTC."""

    name: ClassVar[str] = "next_day_return"
    delay: ClassVar[timedelta] = 2 * DAY

    @override
    def expression(self) -> pl.Expr:
        day = pl.col(Columns.TIMESTAMP).dt.date()
        following = pl.when(day.shift(-1) != day).then(day.shift(-1))
        next_day = following.backward_fill().over(Columns.USER_ID)
        watched = pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)
        came_back = pl.when(next_day == day + pl.duration(days=1)).then(1.0)
        stayed_away = pl.when(next_day.is_not_null()).then(0.0)
        return pl.when(watched.not_()).then(0.0).otherwise(pl.coalesce(came_back, stayed_away))


@dataclass(frozen=True, slots=True)
class Novelty(Part):
    """From 1 for an item that nobody watched before down towards 0 for one that all did."""

    name: ClassVar[str] = "novelty"

    @override
    def expression(self) -> pl.Expr:
        watched = pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)
        before = watched.cum_sum().over(Columns.ITEM_ID) - 1
        return pl.when(watched).then(1.0 / (1.0 + before.log1p())).otherwise(0.0)
