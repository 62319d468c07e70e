"""The promotions log: every change of what serves a task, in the order it happened.

One JSON object a line, appended and never edited: each line holds the sha256 of the line before, so
a line that is changed or taken out later is noticed when the log is read. It lies beside the pins:
in the release store here, in the overlay (and so in its git history) for a cluster.
"""

import fcntl
import getpass
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from lolomo.core.errors import ReleaseError

PROMOTIONS = "promotions.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One change of what serves a task."""

    task: str
    action: str
    """`promote`, `rollback` or `canary`."""
    digest: str
    """What serves from now on; of a canary, what is tried."""
    previous: str = ""
    """What served until now; "" for nothing."""
    percent: float = 100.0
    """Share of users who get `digest`; 0 where a canary ends."""
    forced: bool = False
    """Whether the release had failed its gate."""
    reason: str = ""
    """In the words of whoever did it."""
    by: str = ""
    """Who did it; the process's user unless said."""
    at: str = ""
    """When, ISO 8601 UTC; now unless said."""


@dataclass(frozen=True, slots=True)
class PromotionsLog:
    """The log in one folder."""

    folder: Path

    @property
    def path(self) -> Path:
        """The file, which may not exist yet."""
        return self.folder / PROMOTIONS

    def append(self, promotion: Promotion) -> None:
        """Write a promotion down, after whatever other processes have written.

        Raises:
            ReleaseError: If the log was edited.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        stamped = {
            **asdict(promotion),
            "by": promotion.by or current_user(),
            "at": promotion.at or datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self.path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            lines = file.read().splitlines()
            _parse(lines, self.path)
            line = json.dumps({**stamped, "after": _sha256(lines)}, sort_keys=True)
            file.write(line + "\n")

    def read(self) -> list[Promotion]:
        """Return every promotion, the oldest first.

        Raises:
            ReleaseError: If a line was changed, taken out, or is of another version.
        """
        if not self.path.exists():
            return []
        return _parse(self.path.read_text().splitlines(), self.path)

    def before(self, task: str, digest: str) -> str:
        """Return what served a task before a release did; "" if the log does not say."""
        for entry in reversed(self.read()):
            if entry.task == task and entry.action != "canary" and entry.digest == digest:
                return entry.previous
        return ""


def current_user() -> str:
    """Return who runs this process; its number where it has no name, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _sha256(lines: Sequence[str]) -> str:
    return hashlib.sha256(lines[-1].encode()).hexdigest() if lines else ""


def _parse(lines: Sequence[str], path: Path) -> list[Promotion]:
    known = {entry.name for entry in fields(Promotion)}
    promotions = []
    for number, line in enumerate(lines, start=1):
        values = json.loads(line)
        if values.pop("after", None) != _sha256(lines[: number - 1]):
            raise ReleaseError(
                f"line {number} of {path} does not follow the line before: the log was edited; "
                "restore it from a backup or the overlay's git history"
            )
        if set(values) != known:
            raise ReleaseError(
                f"line {number} of {path} has fields {sorted(values)}: expected {sorted(known)}"
            )
        promotions.append(Promotion(**values))
    return promotions
