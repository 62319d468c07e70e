"""Values that a source gives without a date."""

from datetime import UTC, datetime
from typing import Final

import polars as pl

from lolomo.core.columns import Columns

ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""From when undated values are in effect: before any event."""


def always(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table as a change table whose only instant is `ALWAYS`."""
    return table.with_columns(
        pl.lit(ALWAYS, dtype=pl.Datetime("us", "UTC")).alias(Columns.TIMESTAMP)
    )
