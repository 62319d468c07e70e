"""Small datasets of one's own: a CSV of plays beside the mapping file that says what is what."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lolomo.core.progress import silent
from lolomo.core.settings import Settings
from lolomo.operations.datasets import ready_dataset

START = datetime(2026, 1, 1, tzinfo=UTC)


def play(user: int, item: int, after: timedelta, *more: object) -> str:
    """Return a line of the CSV: who watched what, how long after `START`, and what else is told."""
    return ",".join([f"u{user}", f"i{item:03d}", (START + after).isoformat(), *map(str, more)])


def write_dataset(
    folder: Path, name: str, plays: Iterable[str], more: Mapping[str, str] | None = None
) -> Path:
    """Write plays and their mapping, and return the mapping's path.

    Args:
        folder: An existing folder.
        name: What the dataset is called.
        plays: Lines of `play`.
        more: Columns beyond user, item and time, by canonical name.
    """
    columns = {"user_id": "user", "item_id": "item", "timestamp": "time", **(more or {})}
    header = ",".join(columns.values())
    (folder / "plays.csv").write_text("\n".join([header, *plays]) + "\n")
    lines = [f'{column} = "{theirs}"' for column, theirs in columns.items()]
    mapping = folder / "mapping.toml"
    mapping.write_text(
        f'name = "{name}"\n\n[events]\npath = "plays.csv"\nkind = "play"\n\n[events.columns]\n'
        + "\n".join(lines)
        + "\n"
    )
    return mapping


@contextmanager
def workspace_of(mapping: Path) -> Iterator[Settings]:
    """Import a mapping's dataset and build its features in `home` beside it, the home meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(mapping.parent / "home"))
        settings = Settings.from_environment()
        ready_dataset(settings, str(mapping), silent)
        yield settings
