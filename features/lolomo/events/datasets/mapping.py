"""Data of your own: a small TOML file that says how your columns are called.

Given `plays.csv` and `films.parquet`, write `mapping.toml` beside them:

    name = "acme"                          # names the workspace: letters, digits, . _ -
    description = "Acme's plays of 2026"   # optional, as is `licence`
    live = false                           # true if events keep coming; historic by default

    [events]
    path = "plays.csv"                     # relative to this file; CSV or Parquet, or CSV in .gz
    kind = "play"                          # of every event, if no column gives the kind

    [events.columns]                       # our name = "yours"
    user_id = "member"
    item_id = "film"
    timestamp = "watched_at"
    value = "seconds"                      # optional, as is all but the three above
    progress = "share_watched"             # from 0 to 1; what "continue watching" needs

    [events.timestamp]                     # optional: ISO 8601, else seconds since 1970
    unit = "ms"                            # s, ms, us, ns or iso ...
    # format = "%d/%m/%Y %H:%M"            # ... or a strptime pattern
    # timezone = "Europe/Brussels"         # of times without an offset; UTC unless given

    [items]
    path = "films.parquet"

    [items.columns]
    item_id = "id"
    title = "name"
    genres = "genres"                      # one text, split at `genres_separator`, or a list

`[users]` works as `[items]` does. Then `lolomo data check mapping.toml` and
`lolomo data get mapping.toml`.

The columns that can be mapped are those of `lolomo.core.tables`. Without `columns`, the file must
use our names. Without an event_id column, the row number is the id; with one, ids must be unique.
A kind is one of impression, play, complete, rate, thumb, search, list; `kinds = {watched = "play"}`
under `[events]` translates yours. Each table further takes `format` (csv, parquet), `separator`
(","), `quote`, `header` (column names of a file that has none), `encoding` ("utf-8"), `nulls`
(texts for an absent value), `sha256` (refuse any other content); items also `genres_separator`
("|") and `year_in_title`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

from lolomo.core.errors import SettingsError
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings
from lolomo.core.tables import EVENTS, ITEMS, USERS
from lolomo.events.dataset import Dataset, Table, Tables, TimeFormat
from lolomo.events.timestamps import UNITS_PER_SECOND

Config = TypeVar("Config", Table, TimeFormat)

TOP = {"name", "description", "licence", "live", "events", "items", "users"}
COLUMNS = {"events": EVENTS.names, "items": ITEMS.names, "users": USERS.names}
UNITS = {"auto", "iso", *UNITS_PER_SECOND}


def read_mapping(path: Path) -> Dataset:
    """Return the dataset that a mapping file describes; its data files are not touched yet.

    Raises:
        SettingsError: If the file is missing, is not TOML, or has an unknown or wrong entry.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read mapping file {path}: {error}; correct it") from error
    _refuse_unknown(path, "at its top", values, TOP)
    for name in ("name", "events"):
        if name not in values:
            raise SettingsError(f"{path} has no `{name}`; expected `name = ...` and `[events]`")
    for name, kind in {"name": str, "description": str, "licence": str, "live": bool}.items():
        if not isinstance(values.get(name, kind()), kind):
            raise _wrong(path, name, values[name], "true or false" if kind is bool else "a text")
    tables = Tables(
        **{name: _table(path, name, values[name]) for name in COLUMNS if name in values}
    )

    def fetch(_settings: Settings, _progress: Progress) -> Tables:
        return tables

    return Dataset(
        name=values["name"],
        description=values.get("description", f"described by {path}"),
        licence=values.get("licence", "your own"),
        live=values.get("live", False),
        fetch=fetch,
        origin=str(path.absolute()),
    )


def _table(path: Path, name: str, entry: Any) -> Table:
    if not isinstance(entry, dict) or not isinstance(entry.get("path"), str):
        raise SettingsError(f'{path} needs `path = "..."` under [{name}]: name the data file')
    values = {**entry, "path": path.parent / entry["path"]}
    if "timestamp" in values:
        values["time"] = _config(path, f"{name}.timestamp", TimeFormat, values.pop("timestamp"))
        _check_time(path, f"{name}.timestamp", values["time"])
    table = _config(path, name, Table, values)
    _refuse_unknown(path, f"under [{name}.columns]", table.columns, COLUMNS[name])
    if not table.separator or table.separator in (table.quote, "\n", "\r") or len(table.quote) > 1:
        received = f"separator {table.separator!r} and quote {table.quote!r}"
        raise SettingsError(f"{path} has {received} under [{name}]; expected two characters")
    return table


def _config(path: Path, section: str, config: type[Config], values: Any) -> Config:
    """Make a config object from a TOML table, refusing unknown keys and wrong types by name."""
    if not isinstance(values, dict):
        raise _wrong(path, section, values, "a table")
    defaults: dict[str, Any] = {"path": Path(), "columns": {}, "kinds": {}, "header": ()}
    for entry in fields(config):
        if entry.name not in defaults:
            defaults[entry.name] = entry.default
    _refuse_unknown(path, f"under [{section}]", values, defaults.keys())
    typed = {}
    for name, value in values.items():
        expected = defaults[name]
        given = tuple(value) if isinstance(value, list) else value
        texts = given if isinstance(given, tuple) else ()
        texts = tuple(given.values()) if isinstance(given, dict) else texts
        if not isinstance(given, type(expected)) and not isinstance(given, Path):
            raise _wrong(path, f"{section}.{name}", value, f"something like {expected!r}")
        if not all(isinstance(text, str) for text in texts):
            raise _wrong(path, f"{section}.{name}", value, "texts")
        typed[name] = given
    return config(**cast("dict[str, Any]", typed))


def _check_time(path: Path, section: str, time: TimeFormat) -> None:
    if time.unit not in UNITS:
        raise _wrong(path, f"{section}.unit", time.unit, f"one of {sorted(UNITS)}")
    try:
        ZoneInfo(time.timezone)
    except (ValueError, OSError, KeyError) as error:
        zone = "a time zone such as 'Europe/Brussels'"
        raise _wrong(path, f"{section}.timezone", time.timezone, zone) from error


def _refuse_unknown(path: Path, where: str, values: Mapping[str, Any], known: Any) -> None:
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SettingsError(
            f"{path} has unknown {unknown} {where}; expected any of {sorted(known)}"
        )


def _wrong(path: Path, name: str, received: object, expected: str) -> SettingsError:
    return SettingsError(f"{path}: `{name}` is {received!r}; expected {expected}: correct it")
