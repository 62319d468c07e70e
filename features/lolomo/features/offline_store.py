"""A Feast offline store over DuckDB's ASOF JOIN.

Feast's own default drops rows of entities without a feature before the label, which are the
cold-start rows, and its DuckDB store sorts what an ASOF JOIN need not. This store keeps every row
in its order, respects the TTL, and breaks ties of one key and instant by the created timestamp.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import duckdb
import pandas as pd  # type: ignore[import-untyped]
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
from typing_extensions import override

from lolomo.core.errors import FeatureError

INSTANT = pa.timestamp("us", tz="UTC")
ROW = "__row"


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
            with _connection() as connection:
                connection.register(
                    "entity_rows", rows.append_column(ROW, pa.array(range(len(rows))))
                )
                for view in feature_views:
                    name = view.projection.name_to_use()
                    join = _ViewJoin(view, _parquet(config, view.batch_source), _name(time))
                    sql = join.sql(connection, filter_by_created_timestamp)
                    joined = connection.sql(sql).to_arrow_table()
                    for feature in requested.get(name, ()):
                        column = f"{name}__{feature}" if full_feature_names else feature
                        table = table.append_column(column, joined[feature])
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
class _ViewJoin:
    """The SQL that joins one feature view to `entity_rows`, in their order."""

    view: FeatureView
    stored: str
    time: str

    @property
    def at(self) -> str:
        return _name(self.view.batch_source.timestamp_field)

    @property
    def created(self) -> str | None:
        column = self.view.batch_source.created_timestamp_column
        return _name(column) if column else None

    @property
    def equal(self) -> str:
        row_keys = self.view.projection.join_key_map
        return " AND ".join(
            f"e.{_name(row_keys.get(key, key))} = f.{_name(key)}" for key in self.view.join_keys
        )

    @property
    def values(self) -> str:
        source = self.view.batch_source
        columns = {field: column for column, field in (source.field_mapping or {}).items()}
        ttl = self.view.ttl // timedelta(microseconds=1) if self.view.ttl else 0
        value = "f.{column}"
        if ttl:
            age = f"epoch_us(e.{self.time}) - epoch_us(f.{self.at})"
            value = f"CASE WHEN {age} <= {ttl} THEN f.{{column}} END"
        return ", ".join(
            f"{value.format(column=_name(columns.get(item.name, item.name)))} AS {_name(item.name)}"
            for item in self.view.features
        )

    def sql(self, connection: duckdb.DuckDBPyConnection, by_created: bool) -> str:
        """Return an ASOF join, or a slower one if late corrections must be kept out."""
        stored = self.stored
        if self.created and by_created and self._has_late_rows(connection):
            known = f"f.{self.at} <= e.{self.time} AND f.{self.created} <= e.{self.time}"
            newest = f"f.{self.at} DESC NULLS LAST, f.{self.created} DESC NULLS LAST"
            return (
                f"SELECT {self.values} FROM entity_rows e LEFT JOIN {stored} f "  # noqa: S608
                f"ON {self.equal} AND {known} QUALIFY row_number() OVER "
                f"(PARTITION BY e.{ROW} ORDER BY {newest}) = 1 ORDER BY e.{ROW}"
            )
        if self.created and self._has_ties(connection):
            keys = ", ".join((*map(_name, self.view.join_keys), self.at))
            stored = (
                f"(SELECT * FROM {stored} QUALIFY row_number() OVER "  # noqa: S608
                f"(PARTITION BY {keys} ORDER BY {self.created} DESC) = 1)"
            )
        return (
            f"SELECT {self.values} FROM entity_rows e ASOF LEFT JOIN {stored} f "  # noqa: S608
            f"ON {self.equal} AND e.{self.time} >= f.{self.at} ORDER BY e.{ROW}"
        )

    def _has_late_rows(self, connection: duckdb.DuckDBPyConnection) -> bool:
        sql = f"SELECT 1 FROM {self.stored} WHERE {self.created} > {self.at} LIMIT 1"  # noqa: S608
        return bool(connection.sql(sql).fetchall())

    def _has_ties(self, connection: duckdb.DuckDBPyConnection) -> bool:
        keys = ", ".join((*map(_name, self.view.join_keys), self.at))
        sql = f"SELECT 1 FROM {self.stored} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1"  # noqa: S608
        return bool(connection.sql(sql).fetchall())


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


def _parquet(config: RepoConfig, source: Any) -> str:
    if not isinstance(source, FileSource):
        raise FeatureError(
            f"source {source.name!r} is a {type(source).__name__}; expected a FileSource of Parquet"
        )
    path = str(FileSource.get_uri_for_file_path(config.repo_path, source.path))
    return "read_parquet('" + path.removeprefix("file://").replace("'", "''") + "')"


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
