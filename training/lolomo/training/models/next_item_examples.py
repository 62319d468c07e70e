"""Events as the packed rows that models of the next item train on.

Each target may know items as of its moment less a delay: none for half of the targets, and an even
share of the longest for the others. An item that was not there yet is no negative, and no target,
just as evaluation and serving rank what is known.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.training.models.data import TrainingData
from lolomo.training.models.next_item_config import NextItemConfig
from lolomo.training.sequences import PackedSequences, pack_sequences

if TYPE_CHECKING:
    from lolomo.training.loop import Examples

MICROSECONDS_A_DAY = 86_400_000_000


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
        _, users = np.unique(data.events[Columns.USER_ID].to_numpy(), return_inverse=True)
        index = np.searchsorted(
            items.astype(str), data.events[Columns.ITEM_ID].to_numpy().astype(str)
        )
        timestamps = data.events[Columns.TIMESTAMP].to_physical().to_numpy().astype(np.int64)
        _, first = np.unique(index, return_index=True)
        kinds, names = np.zeros(len(index), np.int32), ()
        if with_kinds and Columns.KIND in data.events.columns:
            column = data.events[Columns.KIND].to_numpy().astype(str)
            values, places = np.unique(column, return_inverse=True)
            if len(values) > 1:
                kinds, names = (places + 1).astype(np.int32), tuple(values.tolist())
        return cls(
            users.astype(np.int64),
            index.astype(np.int32),
            timestamps,
            kinds,
            names,
            timestamps[first],
        )


def next_item_examples(
    config: NextItemConfig,
    events: NextItemEvents,
    context: NDArray[np.int32],
    rng: np.random.Generator,
    since: int | None = None,
) -> "Examples":
    """Pack the events into rows, the last held back if asked.

    Args:
        config: How.
        events: All events.
        context: Places of what is known of user and request, `[events, fields]`.
        rng: Draws the delays.
        since: From when on events are new, microseconds; None to learn from all users.
    """
    from lolomo.training.loop import Examples

    packed = packed_events(config, events, since, rng)
    known_at = _known_at(config, packed, rng)
    weights = _weights(config, events, packed, known_at)
    num_known = round(len(events.timestamps) * (1 - config.held_back))
    later = events.timestamps[num_known] if config.held_back else events.timestamps[-1] + 1
    early = np.where(packed.timestamps < later, weights, 0).astype(np.float32)
    columns = {**told_tokens(events, context, packed), "known_at": known_at}
    rows = np.flatnonzero(early.any(axis=1))
    return Examples(
        training=_dataset(columns, early, rows),
        num_training=len(rows),
        batch_size=config.batch_rows,
        validation=_held_back(columns, packed, later) if config.held_back else None,
    )


def packed_events(
    config: NextItemConfig, events: NextItemEvents, since: int | None, rng: np.random.Generator
) -> PackedSequences:
    """Pack the events of all users; or of those with new events, and as many of the others.

    Args:
        config: How long histories are.
        events: All events.
        since: As in `next_item_examples`.
        rng: Draws the others.
    """
    if since is None:
        return pack_sequences(
            events.users, events.items + 1, events.timestamps, config.history_length
        )
    users = np.unique(events.users)
    active = np.unique(events.users[events.timestamps >= since])
    others = np.setdiff1d(users, active)
    num_replayed = min(len(others), round(config.replay * len(active)))
    learned = np.concatenate([active, rng.choice(others, num_replayed, replace=False)])
    chosen = np.flatnonzero(np.isin(events.users, learned))
    packed = pack_sequences(
        events.users[chosen],
        events.items[chosen] + 1,
        events.timestamps[chosen],
        config.history_length,
    )
    places = np.where(packed.events < 0, -1, chosen[packed.events]).astype(np.int32)
    return replace(packed, events=places)


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


def _known_at(
    config: NextItemConfig, packed: PackedSequences, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose as of when each token's prediction knows items."""
    times = packed.timestamps[packed.events >= 0]
    longest = config.longest_delay * (int(times.max()) - int(times.min()))
    shape = packed.items.shape
    delays = rng.uniform(0, longest, shape) * (rng.random(shape) < 0.5)
    return packed.timestamps - delays.astype(np.int64)


def _weights(
    config: NextItemConfig,
    events: NextItemEvents,
    packed: PackedSequences,
    known_at: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return the weight of each token's prediction, 0 if its item was not known."""
    first = events.first_timestamps[np.maximum(packed.items - 1, 0)]
    weights = (packed.is_target & (first < known_at)).astype(np.float32)
    if config.event_half_life_days:
        days = (events.timestamps[-1] - packed.timestamps) / MICROSECONDS_A_DAY
        weights *= 0.5 ** (days / config.event_half_life_days)
    return weights


def _held_back(columns: dict[str, NDArray[Any]], packed: PackedSequences, later: np.int64) -> Any:
    """Return the dataset of the last events, each counting alike."""
    late = np.where(packed.timestamps >= later, packed.is_target, 0).astype(np.float32)
    return _dataset(columns, late, np.flatnonzero(late.any(axis=1)))


def _dataset(
    columns: dict[str, NDArray[Any]], weights: NDArray[np.float32], rows: NDArray[np.intp]
) -> Any:
    """Return a dataset of rows: (inputs, targets, weights)."""
    import tensorflow as tf

    inputs = {name: values[rows] for name, values in columns.items()}
    targets = np.maximum(inputs["items"] - 1, 0)
    return tf.data.Dataset.from_tensor_slices((inputs, targets, weights[rows]))
