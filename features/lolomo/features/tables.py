"""The change tables on disk: one Parquet file a feature group, all whole or none.

They are keyed by the event log's fingerprint and by the code that computes them, so building again
does nothing until either changes.
"""

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import FeatureError
from lolomo.core.files import digest_of, directory_written_whole, sha256_of
from lolomo.core.progress import Progress, silent
from lolomo.features import transforms
from lolomo.features.group import EFFECTIVE_AFTER, ENTITY_IDS, FeatureGroup
from lolomo.features.transforms.static import ALWAYS

CREATED: Final = "created_timestamp"
"""From when a row could be known. Feast lets no row in that was created after the query, and of
several rows of one instant the latest created wins."""

MANIFEST: Final = "manifest.json"


class Log(Protocol):
    """What is read of `lolomo.events.EventLog`."""

    @property
    def manifest(self) -> Any:
        """With `fingerprint`."""
        ...

    def events(self, start: datetime | None = None, end: datetime | None = None) -> pl.DataFrame:
        """Return events, ordered by time."""
        ...

    def items(self) -> pl.DataFrame:
        """Return the catalogue."""
        ...

    def users(self) -> pl.DataFrame:
        """Return what is known of users."""
        ...


@dataclass(frozen=True, slots=True)
class ChangeTables:
    """The folder of change tables."""

    path: Path

    def file(self, group: str) -> Path:
        """Return the Parquet file of a group."""
        return self.path / f"{group}.parquet"

    @property
    def manifest(self) -> dict[str, Any]:
        """What they were built from.

        Raises:
            FeatureError: If they have not been built.
        """
        path = self.path / MANIFEST
        if not path.exists():
            raise FeatureError(
                f"no feature tables at {self.path}: run `lolomo features apply` to build them"
            )
        values: dict[str, Any] = json.loads(path.read_text())
        return values

    def build(
        self, log: Log, groups: Mapping[str, FeatureGroup], progress: Progress = silent
    ) -> bool:
        """Compute and write the change table of every group that stores anything.

        Returns:
            Whether there was anything to do.
        """
        stored = [group for group in groups.values() if group.stored]
        key = digest_of([log.manifest.fingerprint, [_code_of(group) for group in stored]])
        if (self.path / MANIFEST).exists() and self.manifest["key"] == key:
            return False
        events, items, users = log.events(), log.items(), log.users()
        with directory_written_whole(self.path) as staging:
            for done, group in enumerate(stored):
                progress(done / len(stored), group.name)
                table = group.change_table(events, items, users)
                table.with_columns(pl.col(Columns.TIMESTAMP).alias(CREATED)).write_parquet(
                    staging / f"{group.name}.parquet", compression="lz4"
                )
            for entity, id_column in ENTITY_IDS.items():
                tables = (events, items if entity == "item" else users)
                known = pl.concat([table.select(id_column) for table in tables])
                known.unique().sort(id_column).write_parquet(staging / _known_file(entity))
            manifest = {
                "key": key,
                "fingerprint": log.manifest.fingerprint,
                "latest": _latest(events).isoformat(),
                "groups": [group.name for group in stored],
            }
            (staging / MANIFEST).write_text(json.dumps(manifest, indent=2))
            progress(1.0, "feature tables")
        return True

    def known(self, entity: str) -> NDArray[np.object_]:
        """Return every id of an entity that an event or a catalogue holds, sorted. Shape: [ids].

        Raises:
            FeatureError: If the tables have not been built.
        """
        self.manifest  # noqa: B018
        column = pl.read_parquet(self.path / _known_file(entity)).to_series()
        return column.to_numpy().astype(object)


def _known_file(entity: str) -> str:
    return f"known_{entity}s.parquet"


def _latest(events: pl.DataFrame) -> datetime:
    last = events[Columns.TIMESTAMP].max()
    return last + EFFECTIVE_AFTER if isinstance(last, datetime) else ALWAYS


def _code_of(group: FeatureGroup) -> list[Any]:
    """Return what changes whenever the values of a group may."""
    sources = sorted(Path(inspect.getfile(transforms)).parent.glob("*.py"))
    module = inspect.getmodule(group.transform)
    if module is not None and module.__file__ is not None:
        sources.append(Path(module.__file__))
    columns = {name: str(dtype) for name, dtype in group.schema.items()}
    return [group.name, group.version, columns, [sha256_of(path) for path in sources]]
