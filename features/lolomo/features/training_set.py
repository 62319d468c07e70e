"""Point-in-time training sets: what each row could have known, and nothing later."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError
from lolomo.features.group import ENTITY_IDS, POLARS_TYPES, Feature, FeatureGroup
from lolomo.features.transforms import groups_of

if TYPE_CHECKING:
    import feast

EVENT_TIMESTAMP = "event_timestamp"


def point_in_time(
    store: "feast.FeatureStore",
    rows: pl.DataFrame,
    features: Sequence[str],
    delay: timedelta | pl.Expr,
) -> pl.DataFrame:
    """Append features to rows; see `FeatureStore.point_in_time`."""
    selected = list(groups_of(features).values())
    _check_ids(rows, selected)
    references = [
        f"{group.name}:{column}"
        for group, wanted in selected
        if group.entity in ENTITY_IDS
        for column in group.reads(item.name for item in wanted)
    ]
    stored = _stored(store, rows, references, delay) if references else pl.DataFrame()
    timestamp = rows[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    columns: dict[str, pl.Series] = {}
    for group, wanted in selected:
        for item in wanted:
            if item.name in stored.columns:
                columns[item.name] = stored[item.name].cast(POLARS_TYPES[item.dtype])
        values = group.derive((item.name for item in wanted), _read(group, rows, stored), timestamp)
        kinds = {item.name: item for item in wanted}
        columns |= {name: _series(kinds[name], array) for name, array in values.items()}
    return rows.with_columns(columns[name] for name in dict.fromkeys(features))


def _check_ids(
    rows: pl.DataFrame, selected: Sequence[tuple[FeatureGroup, tuple[Feature, ...]]]
) -> None:
    needed = {ENTITY_IDS[group.entity] for group, _ in selected if group.entity in ENTITY_IDS}
    missing = sorted((needed | {Columns.TIMESTAMP}) - set(rows.columns))
    if missing:
        raise FeatureError(
            f"rows lack {missing} that the features need; received columns {rows.columns}"
        )


def _stored(
    store: "feast.FeatureStore",
    rows: pl.DataFrame,
    references: list[str],
    delay: timedelta | pl.Expr,
) -> pl.DataFrame:
    ids = [name for name in ENTITY_IDS.values() if name in rows.columns]
    entities = rows.select(
        (pl.col(Columns.TIMESTAMP) - delay).alias(EVENT_TIMESTAMP), pl.col(ids).cast(pl.String)
    )
    if entities.is_empty():
        return _nothing(references)
    job = store.get_historical_features(
        entity_df=entities.to_pandas(), features=references, filter_by_created_timestamp=True
    )
    names = [reference.split(":", 1)[1] for reference in references]
    table = pl.from_arrow(job.to_arrow().select(names))
    return table if isinstance(table, pl.DataFrame) else table.to_frame()


def _nothing(references: list[str]) -> pl.DataFrame:
    from lolomo.features.transforms import all_groups

    groups = all_groups()
    pairs = [reference.split(":", 1) for reference in references]
    return pl.DataFrame(schema={column: groups[group].schema[column] for group, column in pairs})


def _read(group: FeatureGroup, rows: pl.DataFrame, stored: pl.DataFrame) -> dict[str, NDArray[Any]]:
    if group.entity == "context":
        missing = pl.Series([None] * len(rows), dtype=pl.String)
        return {
            name: (rows[name] if name in rows.columns else missing).to_numpy()
            for name in group.derive_inputs
        }
    return {
        name: stored[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name in group.derive_inputs
        if name in stored.columns
    }


def _series(feature: Feature, values: NDArray[Any]) -> pl.Series:
    if feature.dtype == "number":
        numbers = pl.Series(feature.name, np.asarray(values, np.float64))
        return numbers.fill_nan(None)
    return pl.Series(feature.name, values.tolist(), dtype=POLARS_TYPES[feature.dtype])
