"""Feature groups: the one idea of this room.

A *feature group* states some features of one entity and the pure function that computes them. The
function returns a **change table**: a row per entity and instant at which any of its values
changes, so that the latest row at an instant is exact then, never stale. A count over a window
changes when an event enters it and again when the event leaves it, and both are rows.

Values are stamped with the instant from which they are in effect: what an event at `t` changes is
in effect from `t` + 1 microsecond. "The latest row at or before the query" is then "strictly
before", and events of one instant never see each other.

Some values change at every instant: how long ago something happened, or a decayed count. A group
stores what they rest on as *state* and *derives* them at the query's own time, with an elementwise
function that training, Feast's on-demand view, the timeline and serving all call.

Built-in groups and those of a company (entry point group `lolomo.features`) are handled alike.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError

Entity: TypeAlias = Literal["user", "item", "context"]
DType: TypeAlias = Literal[
    "number", "instant", "category", "categories", "text", "ids", "kinds", "timestamps"
]
Transform: TypeAlias = Callable[[pl.DataFrame, pl.DataFrame, pl.DataFrame], pl.DataFrame]

EFFECTIVE_AFTER: Final = timedelta(microseconds=1)
"""How long after an event what it changes is in effect."""

ENTITY_IDS: Final = {"user": Columns.USER_ID, "item": Columns.ITEM_ID}
"""The id column of each entity that has change tables."""

POLARS_TYPES: Final[Mapping[DType, Any]] = {
    "number": pl.Float64(),
    "instant": pl.Int64(),
    "category": pl.String(),
    "categories": pl.List(pl.String()),
    "text": pl.String(),
    "ids": pl.List(pl.String()),
    "kinds": pl.List(pl.String()),
    "timestamps": pl.List(pl.Int64()),
}
"""How each kind of value is stored; instants and timestamps are microseconds since 1970 UTC."""

SEQUENCES: Final = ("ids", "kinds", "timestamps")
"""Values in the order of a history, oldest first: padded at the front in arrays."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One named value of a user, an item or the context of a request.

    >>> Feature("user_plays_1d", "user", "number", "Plays within the last day.").entity
    'user'
    """

    name: str
    entity: Entity
    dtype: DType
    description: str


@dataclass(frozen=True, slots=True)
class Derived:
    """A feature that is computed at the query's own time, from stored values and the clock."""

    feature: Feature
    inputs: tuple[str, ...]
    """Stored values of its group (of the request, for the context) that it reads."""
    function: Callable[..., NDArray[Any]]
    """Called with the inputs (numbers float64, NaN where missing) and the query times (int64
    microseconds), all broadcasting; elementwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGroup:
    """Features of one entity that are computed together, and how.

    Raises:
        FeatureError: If its parts contradict each other.
    """

    name: str
    """Also the name of its Feast feature view."""
    entity: Entity
    description: str
    features: tuple[Feature, ...] = ()
    """Stored in the change table, for tasks to name."""
    state: tuple[Feature, ...] = ()
    """Stored in the change table, for `derived` alone."""
    transform: Transform | None = None
    """`(events, items, users)` to a change table: entity id, `timestamp`, features and state."""
    derived: tuple[Derived, ...] = ()
    """Computed at the query's time, for tasks to name."""
    owner: str = "lolomo"
    version: int = 1
    ttl: timedelta = timedelta(0)
    """How long a stored row counts after its own instant, offline and online; 0 for ever."""
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        everything = (*self.stored, *(derived.feature for derived in self.derived))
        foreign = [item.name for item in everything if item.entity != self.entity]
        if foreign:
            raise FeatureError(
                f"group {self.name!r} of entity {self.entity!r} holds features of another entity: "
                f"{foreign}; put them in a group of their own"
            )
        if bool(self.stored) != (self.transform is not None):
            raise FeatureError(
                f"group {self.name!r} needs both stored features and a transform, or neither"
            )
        numbers = {item.name for item in self.stored if item.dtype in ("number", "instant")}
        for derived in self.derived if self.entity != "context" else ():
            if not numbers.issuperset(derived.inputs):
                raise FeatureError(
                    f"derived feature {derived.feature.name!r} reads {list(derived.inputs)}; "
                    f"expected stored numbers of its group: {sorted(numbers)}"
                )

    @property
    def stored(self) -> tuple[Feature, ...]:
        """Every column of the change table that is a value."""
        return (*self.features, *self.state)

    @property
    def public(self) -> tuple[Feature, ...]:
        """Every feature that a task may name."""
        return (*self.features, *(derived.feature for derived in self.derived))

    @property
    def derive_inputs(self) -> tuple[str, ...]:
        """Names of all that the derived features read, each once."""
        return tuple(dict.fromkeys(name for item in self.derived for name in item.inputs))

    def reads(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the stored columns that the named features of this group rest on, each once."""
        wanted = set(names)
        stored = [item.name for item in self.stored if item.name in wanted]
        inputs = [
            name for item in self.derived if item.feature.name in wanted for name in item.inputs
        ]
        return tuple(dict.fromkeys(stored + inputs))

    def derive(
        self, names: Iterable[str], stored: Mapping[str, NDArray[Any]], timestamp: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        """Compute those of the named features that are derived.

        Args:
            names: Any names; others than derived features of this group are ignored.
            stored: Arrays of what they read. Any shape.
            timestamp: Query times in microseconds, broadcasting against the stored arrays.
        """
        wanted = set(names)
        return {
            item.feature.name: item.function(*(stored[name] for name in item.inputs), timestamp)
            for item in self.derived
            if item.feature.name in wanted
        }

    @property
    def derived_view(self) -> str:
        """Name of its on-demand feature view."""
        return self.name if self.entity == "context" else f"{self.name}_at_query"

    @property
    def id_column(self) -> str:
        """The column of the entity's id.

        Raises:
            FeatureError: If the group is one of the context, which has no entity.
        """
        if self.entity not in ENTITY_IDS:
            raise FeatureError(f"group {self.name!r} is of the context, which has no id column")
        return ENTITY_IDS[self.entity]

    @property
    def schema(self) -> dict[str, Any]:
        """Polars types of the change table, by column."""
        return {
            self.id_column: pl.String(),
            Columns.TIMESTAMP: pl.Datetime("us", "UTC"),
            **{item.name: POLARS_TYPES[item.dtype] for item in self.stored},
        }

    def change_table(
        self, events: pl.DataFrame, items: pl.DataFrame, users: pl.DataFrame
    ) -> pl.DataFrame:
        """Compute the change table, checked, ordered by time, one row an entity and instant.

        Raises:
            FeatureError: If the transform returns other columns than the group declares.
        """
        if self.transform is None:
            raise FeatureError(f"group {self.name!r} stores nothing, so it has no change table")
        table = self.transform(events, items, users)
        if set(table.columns) != set(self.schema):
            raise FeatureError(
                f"transform of group {self.name!r} returned columns {sorted(table.columns)}; "
                f"expected {sorted(self.schema)}"
            )
        return (
            table.select(pl.col(name).cast(dtype) for name, dtype in self.schema.items())
            .unique([self.id_column, Columns.TIMESTAMP], keep="last", maintain_order=True)
            .sort(Columns.TIMESTAMP, self.id_column)
        )
