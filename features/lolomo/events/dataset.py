"""A dataset: where events come from, and how their columns are called there.

Whatever the source, it is described by one idea, the `Table`: a CSV or Parquet file and the map
from our column names to its own. A `Dataset` is a name and a function that makes its tables
available on disk; reading, checking and writing are the same for all. A new dataset is one module
with one `Dataset` object, and a company's own needs no code at all (see `datasets.mapping`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lolomo.core.errors import SettingsError
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings

DATASET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """How a source writes its timestamps."""

    unit: str = "auto"
    """`s`, `ms`, `us` or `ns` since 1970; `iso` for ISO 8601 text; `auto` for `iso`, else `s`."""
    format: str = ""
    """A strptime pattern such as `%d/%m/%Y %H:%M`, which goes before `unit`."""
    timezone: str = "UTC"
    """Where clocks stood that say no offset; an hour that occurs twice means its first."""

    @property
    def expected(self) -> str:
        """What a timestamp should look like, for messages."""
        if self.format:
            return f"a time written as {self.format}"
        return {
            "auto": "a time in ISO 8601 or seconds since 1970",
            "iso": "a time in ISO 8601",
        }.get(self.unit, f"a time in {self.unit} since 1970")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One file and how to read it."""

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    """Canonical name to the source's name; empty if the source already uses the canonical ones."""
    format: str = ""
    """`csv` or `parquet`; from the file name unless given. A name in `.gz` is unpacked."""
    separator: str = ","
    """Between CSV fields; one of several characters switches quotes off."""
    quote: str = '"'
    """Around CSV fields that hold a separator; "" if quotes mean nothing."""
    header: tuple[str, ...] = ()
    """Names of the CSV columns if the file's first line does not give them."""
    encoding: str = "utf-8"
    nulls: tuple[str, ...] = ("",)
    """Texts that stand for an absent value."""
    time: TimeFormat = TimeFormat()
    kind: str = ""
    """The kind of every event, if no column gives it."""
    kinds: Mapping[str, str] = field(default_factory=dict)
    """The source's word for a kind to ours."""
    genres_separator: str = "|"
    year_in_title: bool = False
    """Whether titles end in their release year, as in `Heat (1995)`."""
    sha256: str = ""
    """What the file must hash to; "" to accept any."""


@dataclass(frozen=True, slots=True)
class Tables:
    """The files of a dataset, all on disk."""

    events: Table
    items: Table | None = None
    users: Table | None = None

    def named(self) -> dict[str, Table]:
        """Return the tables that there are, by name."""
        tables = {"events": self.events, "items": self.items, "users": self.users}
        return {name: table for name, table in tables.items() if table is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A source of events, items and users.

    Raises:
        SettingsError: If the name cannot be that of a folder.
    """

    name: str
    description: str
    licence: str
    fetch: Callable[[Settings, Progress], Tables]
    """Makes the files available, from a cache if it can, or raises `DataError`."""
    live: bool = False
    """Whether events keep coming, so that "now" is the wall clock and not the last event."""
    origin: str = ""
    """The mapping file that describes it; "" for a dataset in code."""

    def __post_init__(self) -> None:
        if not DATASET_NAME.fullmatch(self.name):
            raise SettingsError(
                f"a dataset is called {self.name!r}; expected letters, digits, dots, dashes and "
                "underscores, since a folder is named after it: rename it"
            )
