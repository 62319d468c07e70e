"""One answered request as the front hands it over, and many of them as rows of the journal.

Handing over costs the request a reference to objects that exist anyway. The rows are built later,
on the recorder's thread, column by column over many requests: nested lists made value by value
would cost 20 times as much, and hold the interpreter's lock for as long.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids
from lolomo.core.tables import TIMESTAMP
from lolomo.events.journal import JOURNAL
from lolomo.events.watching import Unfinished
from lolomo.serving.steps import Context, Page, PageRow, Proposals


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A page that was answered, and what it was made from."""

    context: Context
    surface: str = "page"
    received_at: float
    """Seconds since 1970, by the wall clock."""
    page: Page
    proposals: Mapping[str, Proposals]
    """By generator."""
    rankings: Mapping[str, Proposals]
    """By ranking task; best first."""
    releases: Mapping[str, str]
    degraded: Mapping[str, str]
    seconds: Mapping[str, float]
    """By step."""
    turned_down: Collection[str] = ()
    """What the user said not to want."""
    unfinished: Sequence[Unfinished] = ()
    snapshot_version: str = ""
    snapshot_rows: Callable[[Ids], NDArray[np.int64]] | None = None
    """Finds items in the snapshot that was read, if there is one."""
    counts_timestamp: int = 0
    """Microseconds since 1970 UTC."""
    exploration: str = ""
    """How rows are drawn, in the words of the configuration."""
    experiment: str | None = None
    arm: str | None = None


def rows_of(served: Sequence[Served]) -> pa.RecordBatch:
    """Return a row of `JOURNAL` for each answered request."""
    contexts = [each.context for each in served]
    users = [context.user for context in contexts]
    columns = {
        Columns.REQUEST_ID: [context.request_id for context in contexts],
        Columns.TIMESTAMP: [context.timestamp for context in contexts],
        "received_at": [datetime.fromtimestamp(each.received_at, UTC) for each in served],
        Columns.USER_ID: [user.user_id for user in users],
        Columns.SURFACE: [each.surface for each in served],
        Columns.DEVICE: [context.device for context in contexts],
        Columns.COUNTRY: [context.country for context in contexts],
        "max_rows": [context.max_rows for context in contexts],
        "max_titles": [context.max_titles for context in contexts],
        "user_features": [_json(user.features) for user in users],
        "seen_item_ids": [sorted(user.seen_item_ids - set(user.history)) for user in users],
        "turned_down": [sorted(each.turned_down) for each in served],
        "unfinished": [[_unfinished(left) for left in each.unfinished] for each in served],
        "snapshot_version": [each.snapshot_version for each in served],
        Columns.COUNTS_TIMESTAMP: pa.array([each.counts_timestamp for each in served], TIMESTAMP),
        "proposals": _scored(served, [each.proposals for each in served]),
        "rankings": _scored(served, [each.rankings for each in served]),
        "rows": _rows([each.page.rows for each in served]),
        "slots": _slots([each.page.rows for each in served]),
        "releases": [list(each.releases.items()) for each in served],
        "degraded": [list(each.degraded.items()) for each in served],
        "latency_us": [
            [(step, round(seconds * 1e6)) for step, seconds in each.seconds.items()]
            for each in served
        ],
        "exploration": [each.exploration for each in served],
        "experiment": [each.experiment for each in served],
        "arm": [each.arm for each in served],
    }
    arrays = [
        values if isinstance(values, pa.Array) else pa.array(values, field.type)
        for field, values in ((field, columns[field.name]) for field in JOURNAL)
    ]
    return pa.record_batch(arrays, schema=JOURNAL)


def _json(features: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(features), option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _unfinished(left: Unfinished) -> dict[str, Any]:
    return {
        Columns.ITEM_ID: left.item_id,
        Columns.PROGRESS: left.progress,
        "since": left.since,
    }


def _scored(served: Sequence[Served], answers: Sequence[Mapping[str, Proposals]]) -> pa.Array:
    """Return what was proposed or ranked, a list a request. Shape: [requests]."""
    kind = JOURNAL.field("proposals").type
    parts = [
        (each, task, proposals)
        for each, by_task in zip(served, answers, strict=True)
        for task, proposals in by_task.items()
    ]
    item_ids = [proposals.proposal.item_ids for _, _, proposals in parts]
    values = [
        pa.array([task for _, task, _ in parts], pa.string()),
        pa.array([proposals.release for _, _, proposals in parts], pa.string()),
        pa.array([proposals.degraded for _, _, proposals in parts], pa.string()),
        _lists(item_ids, pa.string()),
        _lists(
            [_rows_in(each, ids) for (each, _, _), ids in zip(parts, item_ids, strict=True)],
            pa.int32(),
        ),
        _lists([proposals.proposal.scores for _, _, proposals in parts], pa.float32()),
    ]
    structs = pa.StructArray.from_arrays(values, fields=list(kind.value_type))
    return _grouped(structs, [len(by_task) for by_task in answers])


def _rows_in(served: Served, item_ids: Ids) -> NDArray[np.int32]:
    if served.snapshot_rows is None:
        return np.empty(0, np.int32)
    return np.asarray(served.snapshot_rows(item_ids), np.int32)


def _rows(pages: Sequence[Sequence[PageRow]]) -> pa.Array:
    kind = JOURNAL.field("rows").type
    flat = [(place, row) for rows in pages for place, row in enumerate(rows, start=1)]
    values: list[Sequence[Any]] = [
        [place for place, _ in flat],
        [row.task for _, row in flat],
        [row.title for _, row in flat],
        [row.release for _, row in flat],
        [row.policy_id for _, row in flat],
        [row.propensity for _, row in flat],
    ]
    return _grouped(_structs(kind.value_type, values), [len(rows) for rows in pages])


def _slots(pages: Sequence[Sequence[PageRow]]) -> pa.Array:
    kind = JOURNAL.field("slots").type
    flat = [
        (place, position, row, entry)
        for rows in pages
        for place, row in enumerate(rows, start=1)
        for position, entry in enumerate(row.entries, start=1)
    ]
    values: list[Sequence[Any]] = [
        [place for place, _, _, _ in flat],
        [position for _, position, _, _ in flat],
        [row.task for _, _, row, _ in flat],
        [entry["item_id"] for _, _, _, entry in flat],
        [entry["score"] for _, _, _, entry in flat],
        [entry["propensity"] for _, _, _, entry in flat],
        [row.policy_id for _, _, row, _ in flat],
        [[origin["source"] for origin in entry["provenance"]] for _, _, _, entry in flat],
        [entry["evidence"] or None for _, _, _, entry in flat],
        [entry["evidence_propensity"] for _, _, _, entry in flat],
        [_at(row.propensity_errors, position) for _, position, row, _ in flat],
        [_at(row.teams, position) for _, position, row, _ in flat],
    ]
    lengths = [sum(len(row.entries) for row in rows) for rows in pages]
    return _grouped(_structs(kind.value_type, values), lengths)


def _at(values: Sequence[Any], position: int) -> Any:
    """Return what a row says of a position, counted from 1; None if it says nothing."""
    return values[position - 1] if values else None


def _structs(kind: pa.StructType, values: Iterable[Sequence[Any]]) -> pa.StructArray:
    fields = list(kind)
    arrays = [pa.array(column, field.type) for field, column in zip(fields, values, strict=True)]
    return pa.StructArray.from_arrays(arrays, fields=fields)


def _lists(parts: Sequence[Sequence[Any] | NDArray[Any]], kind: pa.DataType) -> pa.Array:
    """Return many short arrays as one list array."""
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    flat = np.concatenate(arrays) if arrays else list(chain.from_iterable(parts))
    return _grouped(pa.array(flat, kind), [len(part) for part in parts])


def _grouped(values: pa.Array, lengths: Sequence[int]) -> pa.ListArray:
    """Cut an array into lists of these lengths."""
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
