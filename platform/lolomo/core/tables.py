"""The canonical tables, as Arrow schemas: whatever the source, these are what the platform reads.

Timestamps are UTC microseconds, ids are text (an IMDb id keeps its leading zeros), and a column
that a source does not have is null throughout. Rows of `EVENTS` are ordered by time, and events of
the same instant keep the order of their source.
"""

import pyarrow as pa

from lolomo.core.columns import Columns

TIMESTAMP = pa.timestamp("us", tz="UTC")

EVENTS = pa.schema(
    [
        pa.field(Columns.EVENT_ID, pa.string(), nullable=False),
        pa.field(Columns.USER_ID, pa.string(), nullable=False),
        pa.field(Columns.ITEM_ID, pa.string(), nullable=False),
        pa.field(Columns.KIND, pa.string(), nullable=False),
        pa.field(Columns.VALUE, pa.float64()),
        pa.field(Columns.TIMESTAMP, TIMESTAMP, nullable=False),
        pa.field(Columns.SESSION_ID, pa.string()),
        pa.field(Columns.REQUEST_ID, pa.string()),
        pa.field(Columns.DEVICE, pa.string()),
        pa.field(Columns.COUNTRY, pa.string()),
        pa.field(Columns.SURFACE, pa.string()),
        pa.field(Columns.ROW, pa.int32()),
        pa.field(Columns.POSITION, pa.int32()),
        pa.field(Columns.PROPENSITY, pa.float64()),
        pa.field(Columns.PROGRESS, pa.float64()),
        pa.field(Columns.EVIDENCE, pa.string()),
        pa.field(Columns.EVIDENCE_PROPENSITY, pa.float64()),
    ]
)
"""One row an event: who did what with which item, when, and in what context."""

ITEMS = pa.schema(
    [
        pa.field(Columns.ITEM_ID, pa.string(), nullable=False),
        pa.field(Columns.TITLE, pa.string()),
        pa.field(Columns.GENRES, pa.list_(pa.string())),
        pa.field(Columns.RELEASE_YEAR, pa.int32()),
        pa.field(Columns.DURATION_SECONDS, pa.int32()),
    ]
)
"""One row an item of the catalogue."""

USERS = pa.schema(
    [
        pa.field(Columns.USER_ID, pa.string(), nullable=False),
        pa.field(Columns.AGE, pa.int32()),
        pa.field(Columns.GENDER, pa.string()),
        pa.field(Columns.OCCUPATION, pa.string()),
    ]
)
"""One row a user, whatever is known of them."""
