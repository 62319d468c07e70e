"""Users' sequences of events as the dense rows that a sequence model trains on.

Most users have few events, a few have thousands. Each sequence is cut into windows of at most the
history's length, each window starts with a token that stands for nobody's history (index 0), and
several windows are packed into a row, so that hardly a token is padding. A `segments` number keeps
windows of a row apart.

Each event is predicted from the last token *strictly earlier* in time, as a request would: events
of the same instant never see each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PackedSequences:
    """Rows of tokens; every array has the shape [rows, length]."""

    items: Int32s
    """Item i of the vocabulary as i + 1; 0 at the start of a window and where padded."""
    timestamps: Int64s
    """Microseconds; that of the window's first event at its start."""
    clocks: Int64s
    """When the next token of the window happened: the moment to predict for."""
    segments: Int32s
    """Which window of the row a token is of, from 1; 0 where padded."""
    sources: Int32s
    """From which token of the row the token is predicted."""
    events: Int32s
    """Which event a token is; -1 at the start of a window and where padded."""
    is_target: NDArray[np.bool_]
    """Whether the token is to be predicted, once over all windows."""

    def __getitem__(self, rows: NDArray[np.intp]) -> "PackedSequences":
        return PackedSequences(*(getattr(self, entry.name)[rows] for entry in fields(self)))


def pack_sequences(
    users: NDArray[np.int64], items: Int32s, timestamps: Int64s, history_length: int
) -> PackedSequences:
    """Cut, window and pack the events of many users.

    Windows of one user overlap by a quarter, so that every event is predicted with at least a
    quarter of a history before it, where the user has one.

    Args:
        users: Any number a user. Shape: [events].
        items: Item i of the vocabulary as i + 1. Shape: [events].
        timestamps: Microseconds, ascending. Shape: [events].
        history_length: Most events that a prediction may see.
    """
    order = np.argsort(users, kind="stable")
    starts = np.flatnonzero(np.diff(users[order], prepend=-1))
    events = np.split(order, starts[1:]) if len(order) else []
    windows = [window for event in events for window in _windows(event, history_length)]
    length = history_length + 1
    places, num_rows = _first_fit([len(tokens) + 1 for tokens, _ in windows], length)
    shape = (num_rows, length)
    packed = PackedSequences(
        items=np.zeros(shape, np.int32),
        timestamps=np.zeros(shape, np.int64),
        clocks=np.zeros(shape, np.int64),
        segments=np.zeros(shape, np.int32),
        sources=np.zeros(shape, np.int32),
        events=np.full(shape, -1, np.int32),
        is_target=np.zeros(shape, np.bool_),
    )
    counts = np.zeros(num_rows, np.int32)
    for (tokens, num_known), (row, start) in zip(windows, places, strict=True):
        counts[row] += 1
        packed.events[row, start + 1 : start + 1 + len(tokens)] = tokens
        _write(packed, (row, start, int(counts[row])), items[tokens], timestamps[tokens], num_known)
    return packed


def _windows(events: NDArray[np.intp], length: int) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Yield windows of at most `length` events, and how many of each an earlier one predicted."""
    step = max(length * 3 // 4, 1)
    yield events[:length], 0
    for end in range(length + step, len(events) + step, step):
        window = events[max(end - length, 0) : end]
        yield window, length - step


def _first_fit(sizes: list[int], capacity: int) -> tuple[list[tuple[int, int]], int]:
    """Place sizes into rows of a capacity, largest first, each into the fullest row that has room.

    Returns:
        (row, offset) of each size, and the number of rows.
    """
    places = [(0, 0)] * len(sizes)
    with_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    num_rows = 0
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        size = sizes[index]
        room = next((room for room in range(size, capacity + 1) if with_room[room]), None)
        if room is None:
            room, row, num_rows = capacity, num_rows, num_rows + 1
        else:
            row = with_room[room].pop()
        places[index] = (row, capacity - room)
        with_room[room - size].append(row)
    return places, num_rows


def _write(
    packed: PackedSequences,
    place: tuple[int, int, int],
    items: Int32s,
    timestamps: Int64s,
    num_known: int,
) -> None:
    """Write a window at (row, start, segment)."""
    row, start, segment = place
    tokens = slice(start, start + len(items) + 1)
    earlier = np.searchsorted(timestamps, timestamps, side="left")
    times = np.concatenate([timestamps[:1], timestamps])
    packed.items[row, tokens] = np.concatenate([[0], items])
    packed.timestamps[row, tokens] = times
    packed.clocks[row, tokens] = np.concatenate([times[1:], times[-1:]])
    packed.segments[row, tokens] = segment
    packed.sources[row, tokens] = start + np.concatenate([[0], earlier])
    packed.is_target[row, start + 1 + num_known : tokens.stop] = True
