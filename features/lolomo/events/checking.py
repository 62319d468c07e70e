"""Looks through data without importing it: each file, its counts, and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from lolomo.core.errors import LolomoError
from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.events.canonical import QUARANTINE, SCHEMAS, Canonical, read_canonical
from lolomo.events.dataset import Dataset, Table
from lolomo.events.datasets import all_datasets, find_dataset
from lolomo.events.downloads import verify

DOCUMENTS = ("readme", "license", "licence")
"""Files of these names in a folder are about data, not data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found in one file."""

    source: str
    table: str
    """`events`, `items` or `users`; "" if that is unknown."""
    rows_in: int = 0
    rows_out: int = 0
    quarantine: pl.DataFrame
    """The refused rows: table, source, row, reason, raw."""
    error: str = ""
    """Why the file cannot be read at all; "" if it can."""

    @property
    def wrong(self) -> bool:
        """Whether anything is."""
        return bool(self.error) or not self.quarantine.is_empty()


def check(path_or_name: str, settings: Settings) -> list[Finding]:
    """Check a dataset by name, a mapping file, a data file, or everything in a folder.

    A data file without a mapping must have the canonical column names: those of events, unless it
    is called `items.*` or `users.*`. In a folder, a file that a mapping names is read
    by that mapping.

    Returns:
        One finding a file at least; no file of a folder is left out but its README and licence.
    """
    path = Path(path_or_name)
    if path_or_name not in all_datasets() and path.is_dir():
        return list(_check_folder(path, settings))
    if path_or_name in all_datasets() or path.suffix == ".toml" or not path.exists():
        return list(_check_dataset(path_or_name, settings))
    return [_check_file(path)]


def _check_folder(folder: Path, settings: Settings) -> Iterator[Finding]:
    files = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and not path.name.lower().startswith(DOCUMENTS)
    ]
    if not files:
        yield _failed(str(folder), "", f"{folder} has no file; expected .csv, .parquet or .toml")
    read: set[Path] = set()
    for path in files:
        if path.suffix == ".toml":
            findings = list(_check_dataset(str(path), settings))
            read |= {Path(finding.source).resolve() for finding in findings}
            yield from findings
    for path in files:
        if path.resolve() not in read and path.suffix != ".toml":
            yield _check_file(path)


def _check_dataset(name: str, settings: Settings) -> Iterator[Finding]:
    try:
        dataset: Dataset = find_dataset(name)
        tables = dataset.fetch(settings, silent).named()
    except LolomoError as error:
        yield _failed(name, "", str(error))
        return
    for table_name, table in tables.items():
        yield _check_table(table_name, table)


def _check_file(path: Path) -> Finding:
    stem = path.name.split(".")[0].lower()
    separator = "\t" if ".tsv" in path.suffixes else ","
    return _check_table(
        stem if stem in SCHEMAS else "events", Table(path=path, separator=separator)
    )


def _check_table(name: str, table: Table) -> Finding:
    try:
        if table.sha256:
            verify(table.path, table.sha256, "get it again, or correct its sha256")
        found: Canonical = read_canonical(name, table)
    except LolomoError as error:
        return _failed(str(table.path), name, str(error))
    return Finding(
        source=str(table.path),
        table=name,
        rows_in=found.rows_in,
        rows_out=found.frame.height,
        quarantine=found.quarantine,
    )


def _failed(source: str, table: str, error: str) -> Finding:
    return Finding(
        source=source, table=table, quarantine=pl.DataFrame(schema=QUARANTINE), error=error
    )
