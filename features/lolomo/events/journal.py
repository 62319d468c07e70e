"""The journal: one row a request, with all that its page was made from.

An event says what a member did; the journal says what they were shown, by whom, out of what, and
with what probability. From it a page can be computed again, features as served compared with those
of training, and policies judged that never ran.

Versions of Lolomo may add columns, which are null in what was written before, and never change or
take away one: each reads what the version before has written.
"""

from typing import Final

import pyarrow as pa

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.core.tables import TIMESTAMP

VERSION_KEY: Final = b"lolomo.journal"
"""Where the schema's version stands in the metadata of a file."""
VERSION: Final = 1

_TEXTS = pa.list_(pa.string())
_SCORED = pa.struct(
    [
        ("task", pa.string()),
        ("release", pa.string()),
        ("degraded", pa.string()),
        (Columns.ITEM_ID + "s", _TEXTS),
        ("snapshot_rows", pa.list_(pa.int32())),
        ("scores", pa.list_(pa.float32())),
    ]
)
_UNFINISHED = pa.struct(
    [(Columns.ITEM_ID, pa.string()), (Columns.PROGRESS, pa.float64()), ("since", pa.int64())]
)
_ROW = pa.struct(
    [
        (Columns.ROW, pa.int32()),
        ("task", pa.string()),
        (Columns.TITLE, pa.string()),
        ("release", pa.string()),
        ("policy_id", pa.string()),
        (Columns.PROPENSITY, pa.float64()),
    ]
)
_SLOT = pa.struct(
    [
        (Columns.ROW, pa.int32()),
        (Columns.POSITION, pa.int32()),
        ("task", pa.string()),
        (Columns.ITEM_ID, pa.string()),
        ("score", pa.float32()),
        (Columns.PROPENSITY, pa.float64()),
        ("policy_id", pa.string()),
        ("sources", _TEXTS),
        (Columns.EVIDENCE, pa.string()),
        (Columns.EVIDENCE_PROPENSITY, pa.float64()),
        (Columns.PROPENSITY_ERROR, pa.float64()),  # null where the propensity is exact
        (Columns.TEAM, pa.string()),  # who picked the title, where two releases did
    ]
)

JOURNAL = pa.schema(
    [
        pa.field(Columns.REQUEST_ID, pa.string(), nullable=False),
        pa.field(Columns.TIMESTAMP, TIMESTAMP, nullable=False),  # the request's own time
        pa.field("received_at", TIMESTAMP, nullable=False),  # the wall clock's
        pa.field(Columns.USER_ID, pa.string(), nullable=False),
        pa.field(Columns.SURFACE, pa.string()),  # `page` or `search`
        pa.field(Columns.DEVICE, pa.string()),
        pa.field(Columns.COUNTRY, pa.string()),
        pa.field("max_rows", pa.int32()),
        pa.field("max_titles", pa.int32()),
        pa.field("user_features", pa.string()),  # JSON, the vector as served
        pa.field("seen_item_ids", _TEXTS),  # kept off the page, beside the history
        pa.field("turned_down", _TEXTS),  # what the user said not to want
        pa.field("unfinished", pa.list_(_UNFINISHED)),
        pa.field("snapshot_version", pa.string()),
        pa.field(Columns.COUNTS_TIMESTAMP, TIMESTAMP),
        pa.field("proposals", pa.list_(_SCORED)),
        pa.field("rankings", pa.list_(_SCORED)),
        pa.field("rows", pa.list_(_ROW)),
        pa.field("slots", pa.list_(_SLOT)),
        pa.field("releases", pa.map_(pa.string(), pa.string())),
        pa.field("degraded", pa.map_(pa.string(), pa.string())),
        pa.field("latency_us", pa.map_(pa.string(), pa.int64())),
        pa.field("exploration", pa.string()),  # as configured, see `core.policy.policies_from`
        pa.field("experiment", pa.string()),
        pa.field("arm", pa.string()),
    ],
    metadata={VERSION_KEY: str(VERSION).encode()},
)
"""One row a request. Positions and rows count from 1; a propensity is null where unknown."""


def version_of(schema: pa.Schema) -> int:
    """Return the version that a file's schema states.

    Raises:
        DataError: If it states none: the file is no journal.
    """
    text = (schema.metadata or {}).get(VERSION_KEY, b"").decode()
    if not text.isdecimal():
        raise DataError(f"a file with columns {schema.names} is no journal: it states no version")
    return int(text)


def as_current(table: pa.Table) -> pa.Table:
    """Return a table of any earlier version with the columns of this one.

    Columns that a later version has added are left out; those that this one added are null.

    Raises:
        DataError: If the file is no journal, or lacks what every version has.
    """
    version = version_of(table.schema)
    columns = {}
    for field in JOURNAL:
        if field.name in table.schema.names:
            columns[field.name] = table[field.name].cast(field.type)
        elif field.nullable:
            columns[field.name] = pa.nulls(len(table), field.type)
        else:
            raise DataError(
                f"a journal of version {version} has no column {field.name!r}: every version has "
                "it; the file was not written by Lolomo"
            )
    return pa.table(columns, schema=JOURNAL)
