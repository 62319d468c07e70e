"""Events as the packed rows that models of the next item train on.

Each target may know items as of its moment less a delay: none for half of the targets, and an even
share of the longest for the others. An item that was not there yet is no negative, and no target,
just as evaluation and serving rank what is known.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.training.models.data import TrainingData, places_in
from lolomo.training.models.next_item_config import NextItemConfig
from lolomo.training.sequences import PackedSequences, pack_sequences

if TYPE_CHECKING:
    from lolomo.training.loop import Examples

MICROSECONDS_A_DAY = 86_400_000_000
EVENTS_A_PART = 200_000
"""About so many events are packed at once."""
WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class NextItemEvents:
    """The events as numbers, in order of time; arrays have the shape [events], if not said."""

    users: NDArray[np.int64]
    items: NDArray[np.int32]
    timestamps: NDArray[np.int64]
    kinds: NDArray[np.int32]
    """Place among `kind_names`, from 1."""
    kind_names: tuple[str, ...]
    """Sorted; empty if kinds are not told, or all are one."""
    first_timestamps: NDArray[np.int64]
    """Of the first event of each item. Shape: [items]."""

    @classmethod
    def of(cls, data: TrainingData, items: Ids, with_kinds: bool) -> "NextItemEvents":
        """Number users and items; each item has at least one event."""
        table = data.events
        users = table[Columns.USER_ID]
        index = places_in(items.tolist(), table[Columns.ITEM_ID])
        timestamps = table[Columns.TIMESTAMP].to_physical().to_numpy().astype(np.int64)
        first = np.empty(len(items), np.int64)
        first[index[::-1]] = timestamps[::-1]
        kinds, names = np.zeros(len(index), np.int32), ()
        if with_kinds and Columns.KIND in table.columns:
            values = table[Columns.KIND].unique().sort().to_list()
            if len(values) > 1:
                kinds, names = places_in(values, table[Columns.KIND]) + 1, tuple(values)
        numbers = places_in(users.unique().sort(), users).astype(np.int64)
        return cls(numbers, index, timestamps, kinds, names, first)


def next_item_examples(
    config: NextItemConfig,
    events: NextItemEvents,
    context: NDArray[np.int32],
    rng: np.random.Generator,
    since: int | None = None,
) -> "Examples":
    """Pack the events into rows on disk, the last held back if asked.

    Args:
        config: How.
        events: All events.
        context: Places of what is known of user and request, `[events, fields]`.
        rng: Draws the delays.
        since: From when on events are new, microseconds; None to learn from all users.
    """
    from lolomo.training.loop import Examples
    from lolomo.training.streaming import StoredRows

    again = deepcopy(rng)
    num_known = round(len(events.timestamps) * (1 - config.held_back))
    later = int(events.timestamps[num_known] if config.held_back else events.timestamps[-1] + 1)
    told = _Told(config, events, context, since)
    training = StoredRows.write(told.learned(later, rng))
    watched = None
    if config.held_back and config.patience:
        watched = StoredRows.write(told.held_back(later, again))
    return Examples(
        training=training,
        num_training=training.num_rows,
        batch_size=config.batch_rows,
        validation=watched,
        to_example=_example,
    )


def packed_parts(
    config: NextItemConfig,
    events: NextItemEvents,
    rng: np.random.Generator,
    since: int | None = None,
) -> Iterator[PackedSequences]:
    """Pack the events of all users; or of those with new events, and as many of the others.

    Args:
        config: How long histories are.
        events: All events.
        rng: Draws the others.
        since: As in `next_item_examples`.

    Yields:
        All events of some users at once, about `EVENTS_A_PART` of them.
    """
    learned = None if since is None else _learned_users(config, events, since, rng)
    num_parts = -(-len(events.users) // EVENTS_A_PART)
    for part in range(num_parts):
        is_chosen = events.users % num_parts == part
        if learned is not None:
            is_chosen &= np.isin(events.users, learned)
        chosen = np.flatnonzero(is_chosen)
        packed = pack_sequences(
            events.users[chosen],
            events.items[chosen] + 1,
            events.timestamps[chosen],
            config.history_length,
        )
        places = np.where(packed.events < 0, -1, chosen[packed.events]).astype(np.int32)
        yield replace(packed, events=places)


def _learned_users(
    config: NextItemConfig, events: NextItemEvents, since: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the users with new events, and as many of the others as the config says."""
    active = np.unique(events.users[events.timestamps >= since])
    others = np.setdiff1d(events.users, active)
    num_replayed = min(len(others), round(config.replay * len(active)))
    return np.concatenate([active, rng.choice(others, num_replayed, replace=False)])


def told_tokens(
    events: NextItemEvents, context: NDArray[np.int32], packed: PackedSequences
) -> dict[str, NDArray[Any]]:
    """Return what the network is told of each token. Shapes: [rows, length, ...].

    Args:
        events: All events.
        context: Places of what is known of user and request, `[events, fields]`.
        packed: The rows.
    """
    return {
        "items": packed.items,
        "timestamps": packed.timestamps,
        "clocks": packed.clocks,
        "segments": packed.segments,
        "sources": packed.sources,
        "kinds": _of_tokens(events.kinds, packed),
        "context": _of_tokens(context, packed),
    }


def _of_tokens(values: NDArray[np.int32], packed: PackedSequences) -> NDArray[np.int32]:
    """Return the value of each token's event, 0 where it has none; at least one field."""
    if values.ndim > 1 and not values.shape[1]:
        values = np.zeros((len(values), 1), np.int32)
    nothing = np.zeros((1, *values.shape[1:]), np.int32)
    return np.concatenate([values, nothing])[packed.events]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the network is told, and what it is to predict."""

    config: NextItemConfig
    events: NextItemEvents
    context: NDArray[np.int32]
    since: int | None

    def learned(self, later: int, rng: np.random.Generator) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the columns of rows with events before `later`, microseconds."""
        for packed, known_at in self._parts(rng):
            weights = np.where(packed.timestamps < later, self._weights(packed, known_at), 0)
            yield self._columns(packed, known_at, weights)

    def held_back(self, later: int, rng: np.random.Generator) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the columns of rows with events from `later` on, each counting alike."""
        for packed, known_at in self._parts(rng):
            weights = np.where(packed.timestamps >= later, packed.is_target, 0)
            yield self._columns(packed, known_at, weights)

    def _parts(
        self, rng: np.random.Generator
    ) -> Iterator[tuple[PackedSequences, NDArray[np.int64]]]:
        """Yield packed rows, and as of when each token's prediction knows items."""
        timestamps = self.events.timestamps
        longest = self.config.longest_delay * int(timestamps[-1] - timestamps[0])
        for packed in packed_parts(self.config, self.events, rng, self.since):
            shape = packed.items.shape
            delays = rng.uniform(0, longest, shape) * (rng.random(shape) < 0.5)
            yield packed, packed.timestamps - delays.astype(np.int64)

    def _columns(
        self, packed: PackedSequences, known_at: NDArray[np.int64], weights: NDArray[Any]
    ) -> dict[str, NDArray[Any]]:
        """Return what stands in a row's columns, of rows with anything to predict."""
        rows = np.flatnonzero(weights.any(axis=1))
        columns = {
            **told_tokens(self.events, self.context, packed),
            "known_at": known_at,
            WEIGHTS: weights.astype(np.float32),
        }
        return {name: values[rows] for name, values in columns.items()}

    def _weights(self, packed: PackedSequences, known_at: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the weight of each token's prediction, 0 if its item was not known."""
        first = self.events.first_timestamps[np.maximum(packed.items - 1, 0)]
        weights = (packed.is_target & (first < known_at)).astype(np.float32)
        if self.config.event_half_life_days:
            days = (self.events.timestamps[-1] - packed.timestamps) / MICROSECONDS_A_DAY
            weights *= 0.5 ** (days / self.config.event_half_life_days)
        return weights


def _example(columns: Mapping[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """Return the inputs, targets and weights of a batch of rows."""
    import tensorflow as tf

    inputs = dict(columns)
    weights = inputs.pop(WEIGHTS)
    return inputs, tf.maximum(inputs["items"] - 1, 0), weights
