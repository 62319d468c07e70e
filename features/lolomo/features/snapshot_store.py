"""The snapshots of a workspace: written from Feast's views, kept by version, swept when old.

What Feast would write to its online store is written as columns instead: the latest row of each
item's view at or before a time, by the very query of Feast's own materialisation. Feast stays the
source of truth; a snapshot is another form of what it materialised.

A version stays while journalled pages may be replayed from it, `KEPT` after it was replaced.
"""

import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from lolomo.core.columns import Columns
from lolomo.core.files import digest_of, directory_written_whole, sha256_of
from lolomo.core.recommender import Ids
from lolomo.features.group import Feature, FeatureGroup
from lolomo.features.inputs import padded
from lolomo.features.item_snapshot import (
    FILE,
    MANIFEST,
    TITLE_KEY,
    ItemSnapshot,
    SnapshotManifest,
    instant_column,
)
from lolomo.features.transforms import all_groups
from lolomo.features.transforms.static import ALWAYS

if TYPE_CHECKING:
    import feast

KEPT = timedelta(days=30)
"""How long a replaced snapshot is kept, for replays."""


@dataclass(frozen=True, slots=True)
class SnapshotStore:
    """The folder of item snapshots."""

    path: Path

    def open(self, version: str) -> ItemSnapshot:
        """Map a snapshot after checking its sha256.

        Raises:
            FeatureError: If it is missing, or not what its version says.
        """
        return ItemSnapshot.load(self.path / version)

    def versions(self) -> list[str]:
        """Return what is kept, the oldest first."""
        folders = [folder for folder in self.path.glob("*") if not folder.name.startswith(".")]
        return [folder.name for folder in sorted(folders, key=lambda each: each.stat().st_mtime)]

    def write(
        self,
        feast_store: "feast.FeatureStore",
        item_ids: Ids,
        as_of: datetime,
        fingerprint: str,
    ) -> str:
        """Write the snapshot of a time; the same content is written once.

        Args:
            feast_store: Whose views say what is stored.
            item_ids: Every item, sorted. Shape: [items].
            as_of: The time whose values are wanted, UTC.
            fingerprint: Of the feature tables.

        Returns:
            Its version.
        """
        groups = [each for each in all_groups().values() if each.entity == "item" and each.stored]
        levels: dict[str, list[str]] = {}
        columns = {Columns.ITEM_ID: pa.array([*item_ids, ""], pa.large_string())}
        for group in groups:
            latest = _latest(feast_store, group, as_of, item_ids)
            columns |= _columns(group, latest, levels)
            if Columns.TITLE in latest.columns:
                columns[TITLE_KEY] = pa.array(_title_keys(latest))
        self.path.mkdir(parents=True, exist_ok=True)
        staged = self.path / f".{FILE}.{time.time_ns()}"
        try:
            _write(staged, pa.table(columns))
            manifest = SnapshotManifest(
                as_of=as_of.isoformat(),
                fingerprint=fingerprint,
                num_items=len(item_ids),
                sha256=sha256_of(staged),
                ttl_microseconds={
                    group.name: group.ttl // timedelta(microseconds=1) for group in groups
                },
                levels=levels,
            )
            version = digest_of(asdict(manifest))
            if not (self.path / version).exists():
                with directory_written_whole(self.path / version) as folder:
                    staged.replace(folder / FILE)
                    (folder / MANIFEST).write_text(manifest.to_json())
        finally:
            staged.unlink(missing_ok=True)
        return version

    def sweep(self, current: str, kept: timedelta = KEPT) -> list[str]:
        """Remove what was replaced longer ago than `kept`; return the versions removed.

        A snapshot's folder is touched while it is current, so its time says when it was last.
        """
        (self.path / current).touch()
        oldest = time.time() - kept.total_seconds()
        gone = [
            version
            for version in self.versions()
            if version != current and (self.path / version).stat().st_mtime < oldest
        ]
        for version in gone:
            shutil.rmtree(self.path / version)
        return gone


def _latest(
    feast_store: "feast.FeatureStore",
    group: FeatureGroup,
    as_of: datetime,
    item_ids: Ids,
) -> pl.DataFrame:
    """Return each item's row as Feast materialises it, nulls where there is none. In order."""
    view = feast_store.get_feature_view(group.name)
    source = view.batch_source
    job = feast_store._get_provider().offline_store.pull_latest_from_table_or_query(
        config=feast_store.config,
        data_source=source,
        join_key_columns=[Columns.ITEM_ID],
        feature_name_columns=[item.name for item in group.stored],
        timestamp_field=source.timestamp_field,
        created_timestamp_column=source.created_timestamp_column,
        start_date=ALWAYS,
        end_date=as_of,
    )
    rows = pl.DataFrame(pl.from_arrow(job.to_arrow()))
    items = pl.DataFrame({Columns.ITEM_ID: [*item_ids, None]}, schema={Columns.ITEM_ID: pl.String})
    return items.join(rows, on=Columns.ITEM_ID, how="left", maintain_order="left")


def _columns(
    group: FeatureGroup, rows: pl.DataFrame, levels: dict[str, list[str]]
) -> Mapping[str, pa.Array]:
    """Return a group's columns and their instants; categories go to `levels`."""
    instants = rows[Columns.TIMESTAMP].dt.epoch("us").cast(pl.Int64).fill_null(-1)
    columns = {item.name: _column(item, rows[item.name], levels) for item in group.stored}
    return {**columns, instant_column(group.name): pa.array(instants.to_numpy())}


def _title_keys(rows: pl.DataFrame) -> "np.typing.NDArray[np.int64]":
    """Return equal numbers for rows of one title and year, however it is spelled.

    An item without a title is known by its id.
    """
    named = rows.select(
        pl.col(Columns.TITLE).replace("", None).fill_null(pl.col(Columns.ITEM_ID)).fill_null(""),
        Columns.RELEASE_YEAR,
    ).rows()
    known: dict[tuple[str, int | None], int] = {}
    keys = [known.setdefault((title.casefold(), year), len(known)) for title, year in named]
    return np.array(keys, np.int64)


def _column(feature: Feature, values: pl.Series, levels: dict[str, list[str]]) -> pa.Array:
    if feature.dtype in ("number", "instant"):
        return pa.array(values.cast(pl.Float64).fill_null(float("nan")).to_numpy())
    if feature.dtype == "text":
        return pa.array(values.fill_null("").to_list(), pa.large_string())
    if feature.dtype == "category":
        return pa.array(_coded(feature.name, values.fill_null("").to_numpy(), levels))
    width = max(int(values.list.len().max() or 0), 1)  # type: ignore[arg-type]
    if feature.dtype == "timestamps":
        times = padded(values, width, 0, at_front=False)
        return pa.FixedSizeListArray.from_arrays(pa.array(times.ravel()), width)
    texts = padded(values.cast(pl.List(pl.String)), width, "", at_front=False)
    codes = _coded(feature.name, texts.ravel(), levels)
    return pa.FixedSizeListArray.from_arrays(pa.array(codes), width)


def _coded(name: str, texts: Any, levels: dict[str, list[str]]) -> Any:
    """Return the place of each text among those there are, "" first."""
    known = sorted({"", *texts.tolist()})
    levels[name] = known
    place = {text: code for code, text in enumerate(known)}
    return np.array([place[text] for text in texts.tolist()], np.int32)


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table.combine_chunks())
