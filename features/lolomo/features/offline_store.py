"""A Feast offline store whose point-in-time joins read keys and times only.

Feast's own default drops rows of entities without a feature before the label, which are the
cold-start rows, and its DuckDB store joins every row to all versions of its entity before it keeps
one. This store finds positions first (`as_of`) and takes features by them. It keeps every row in
its order, respects the TTL, and breaks ties of one key and instant by the created timestamp.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import duckdb
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pyarrow as pa
from feast.feature_view import FeatureView
from feast.infra.offline_stores import offline_utils
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.offline_stores.offline_store import (
    OfflineStore,
    RetrievalJob,
    RetrievalMetadata,
)
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from numpy.typing import NDArray
from pyarrow import compute, parquet
from typing_extensions import override

from lolomo.core.errors import FeatureError
from lolomo.features.as_of import Int64s, Moments, latest_versions

INSTANT = pa.timestamp("us", tz="UTC")


class AsofOfflineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]
    """Selects this store in a `feature_store.yaml`."""

    type: Literal["lolomo.features.offline_store.AsofOfflineStore"] = (
        "lolomo.features.offline_store.AsofOfflineStore"
    )


class ArrowJob(RetrievalJob):  # type: ignore[misc]
    """A retrieval that ends in an Arrow table."""

    def __init__(
        self,
        query: Callable[[], pa.Table],
        on_demand: list[OnDemandFeatureView] | None = None,
        full_feature_names: bool = False,
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self._query = query
        self._on_demand = on_demand or []
        self._full_feature_names = full_feature_names
        self._metadata = metadata

    @property
    @override
    def full_feature_names(self) -> bool:
        return self._full_feature_names

    @property
    @override
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        return self._on_demand

    @property
    @override
    def metadata(self) -> RetrievalMetadata | None:
        return self._metadata

    @override
    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._query()

    @override
    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        return self._query().to_pandas()


class AsofOfflineStore(OfflineStore):  # type: ignore[misc]
    """Reads Parquet with DuckDB; the interface is Feast's `OfflineStore`."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    @override
    def get_historical_features(
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: Any,
        registry: Any,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
    ) -> RetrievalJob:
        """Join each view's latest row at or before each entity row's time; rows keep their order.

        Raises:
            FeatureError: If `entity_df` is not a data frame.
        """
        if not isinstance(entity_df, pd.DataFrame):
            raise FeatureError(
                f"entity_df is {type(entity_df).__name__}; expected a pandas data frame with ids "
                "and event_timestamp"
            )
        rows = pa.Table.from_pandas(entity_df, preserve_index=False)
        time = offline_utils.infer_event_timestamp_from_entity_df(dict(entity_df.dtypes))
        rows = rows.set_column(rows.column_names.index(time), time, rows[time].cast(INSTANT))
        requested = _features_by_view(feature_refs)

        def query() -> pa.Table:
            table = rows
            for view in feature_views:
                name = view.projection.name_to_use()
                wanted = requested.get(name, [])
                stored = _StoredView(view, *_location(config, view.batch_source))
                columns = stored.features(wanted, rows, time, filter_by_created_timestamp)
                for feature, values in zip(wanted, columns, strict=True):
                    column = f"{name}__{feature}" if full_feature_names else feature
                    table = table.append_column(column, values)
            return table

        return ArrowJob(
            query,
            OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry),
            full_feature_names,
            RetrievalMetadata(
                features=feature_refs,
                keys=sorted(set(entity_df.columns) - {time}),
                min_event_timestamp=entity_df[time].min(),
                max_event_timestamp=entity_df[time].max(),
            ),
        )

    @staticmethod
    @override
    def pull_latest_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """Return the latest row of each entity between two times, both included."""
        created = [created_timestamp_column] if created_timestamp_column else []
        newest = ", ".join(f"{_name(column)} DESC" for column in (timestamp_field, *created))
        keys = ", ".join(_name(key) for key in join_key_columns)
        rows = (
            _between(config, data_source, timestamp_field, start_date, end_date)
            + f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {newest}) = 1"
        )
        return _select_job(
            [*join_key_columns, *feature_name_columns, timestamp_field, *created], rows
        )

    @staticmethod
    @override
    def pull_all_from_table_or_query(
        config: RepoConfig,
        data_source: Any,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return all rows between two times, both included."""
        created = [created_timestamp_column] if created_timestamp_column else []
        rows = _between(config, data_source, timestamp_field, start_date, end_date)
        return _select_job(
            [*join_key_columns, *feature_name_columns, timestamp_field, *created], rows
        )


@dataclass(frozen=True, slots=True)
class _StoredView:
    """The Parquet of one feature view, read by column and only what is asked for."""

    view: FeatureView
    path: str
    filesystem: Any

    def features(
        self, names: Sequence[str], rows: pa.Table, time: str, known: bool
    ) -> list[pa.Array]:
        """Return each row's values of some features; null where there was none, or it expired."""
        source, keys = self.view.batch_source, list(self.view.join_keys)
        row_keys = [self.view.projection.join_key_map.get(key, key) for key in keys]
        created = [source.created_timestamp_column] if source.created_timestamp_column else []
        stored = self._read([*keys, source.timestamp_field, *created], encoded=keys)
        times, *written = (_series(stored[name]) for name in (source.timestamp_field, *created))
        at = _series(rows[time])
        positions = latest_versions(
            Moments(stored.select(keys), times, *written), Moments(rows.select(row_keys), at), known
        )
        present = positions >= 0
        if self.view.ttl:
            present &= _ages(times, positions, at) <= self.view.ttl
        return self._take(names, np.where(present, positions, 0), present)

    def _read(
        self, columns: list[str], encoded: Sequence[str] = (), threads: bool = True
    ) -> pa.Table:
        """Read some columns, of which texts of few values may come as codes."""
        file = parquet.ParquetFile(
            self.path, filesystem=self.filesystem, read_dictionary=list(encoded)
        )
        with file:
            return file.read(columns, use_threads=threads)

    def _take(
        self, names: Sequence[str], positions: Int64s, present: NDArray[np.bool_]
    ) -> list[pa.Array]:
        """Take rows of a few columns at a time, so that memory does not hold the whole file.

        To blank afterwards is several times faster than to take by positions with nulls.
        """
        mapping = self.view.batch_source.field_mapping or {}
        columns = {field: column for column, field in mapping.items()}
        taken, kept = pa.array(positions), pa.array(present)

        def take(name: str) -> pa.Array:
            column = self._read([columns.get(name, name)], threads=False).column(0)
            if not len(column):
                return pa.nulls(len(taken), column.type)
            values = column.combine_chunks().take(taken)
            return compute.if_else(kept, values, pa.scalar(None, column.type))

        with ThreadPoolExecutor(pa.cpu_count()) as pool:
            return list(pool.map(take, names))


def _series(column: pa.ChunkedArray) -> pl.Series:
    return pl.Series(pl.from_arrow(column))


def _ages(times: pl.Series, positions: Int64s, asked: pl.Series) -> NDArray[np.timedelta64]:
    """Return how old the version at each position is; anything where there is none."""
    stored, at = (series.cast(pl.Datetime("us")).to_numpy() for series in (times, asked))
    ages: NDArray[np.timedelta64] = at - (stored[positions] if len(stored) else at)
    return ages


def _between(
    config: RepoConfig,
    source: Any,
    timestamp_field: str,
    start: datetime | None,
    end: datetime | None,
) -> str:
    bounds = [
        f"epoch_us({_name(timestamp_field)}) {sign} {_microseconds(bound)}"
        for sign, bound in ((">=", start), ("<=", end))
        if bound is not None
    ]
    where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
    return f"{_parquet(config, source)}{where}"


def _select_job(columns: list[str], rows: str) -> ArrowJob:
    sql = f"SELECT {', '.join(map(_name, columns))} FROM {rows}"  # noqa: S608

    def query() -> pa.Table:
        with _connection() as connection:
            return connection.sql(sql).to_arrow_table().combine_chunks()

    return ArrowJob(query)


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _location(config: RepoConfig, source: Any) -> tuple[str, Any]:
    """Return the path of a Parquet source, and its file system where that is not this machine."""
    if not isinstance(source, FileSource):
        raise FeatureError(
            f"source {source.name!r} is a {type(source).__name__}; expected a FileSource of Parquet"
        )
    uri = str(FileSource.get_uri_for_file_path(config.repo_path, source.path))
    filesystem, path = FileSource.create_filesystem_and_path(uri, source.s3_endpoint_override)
    return path.removeprefix("file://"), filesystem


def _parquet(config: RepoConfig, source: Any) -> str:
    path, _ = _location(config, source)
    return "read_parquet('" + path.replace("'", "''") + "')"


def _features_by_view(references: list[str]) -> dict[str, list[str]]:
    features: dict[str, list[str]] = {}
    for reference in references:
        view, name = reference.split(":", 1)
        features.setdefault(view, []).append(name)
    return features


def _microseconds(time: datetime) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
