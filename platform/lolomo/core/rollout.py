"""A rollout: which release serves each task, and which one is tried on a share of the users.

A *canary* is a release that some users get in place of the champion. Who gets it is decided by a
salted hash of the user's id, so a user stays on one side however many pods answer and however often
they restart; KServe's own traffic split is random a request, and ignored in Standard mode. Raising
the percentage keeps those who have the canary already, since a user's bucket does not move.

A rollout is two files in one folder: `pins.json`, a digest a task, and `canaries.json`. Embedded,
the folder is the release store's; on a cluster it is a ConfigMap of the overlay, mounted.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lolomo.core.errors import ReleaseError
from lolomo.core.experiment import bucket
from lolomo.core.files import write_atomically
from lolomo.core.release import DIGEST, PINS

CANARIES = "canaries.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A release on trial."""

    digest: str
    percent: float
    """Share of users who get it, 0 to 100."""
    salt: str
    """Mixed into the hash of user ids, so that two trials draw different users."""

    def __post_init__(self) -> None:
        if not DIGEST.fullmatch(self.digest) or not 0 < self.percent <= 100:
            raise ReleaseError(
                f"received a canary of {self.percent} % on release {self.digest[:64]!r}: expected "
                "more than 0 and at most 100 %, and a digest of 64 hexadecimal digits"
            )

    def takes(self, user_id: str) -> bool:
        """Return whether a user gets the canary; always the same for one user and salt."""
        return bucket(user_id, self.salt) * 100 < self.percent


@dataclass(frozen=True, slots=True)
class Rollout:
    """The pins and canaries in a folder."""

    folder: Path

    def pins(self) -> dict[str, str]:
        """Return the digest that serves each task; empty before the first promotion."""
        return read_pins(_read(self.folder / PINS))

    def canaries(self) -> dict[str, Canary]:
        """Return the canary of each task that has one."""
        return read_canaries(_read(self.folder / CANARIES))

    def set_canary(self, task: str, canary: Canary | None) -> None:
        """Begin, widen or (None) end a task's canary."""
        canaries = {**self.canaries(), task: canary}
        write_atomically(self.folder / CANARIES, write_canaries(canaries))


def read_pins(text: str) -> dict[str, str]:
    """Parse `pins.json`.

    Raises:
        ReleaseError: If it does not map tasks to digests.
    """
    pins = _object(text, PINS)
    wrong = [task for task, digest in pins.items() if not DIGEST.fullmatch(str(digest))]
    if wrong:
        raise ReleaseError(f"{PINS} pins {wrong} to what is no digest: promote a release")
    return {str(task): str(digest) for task, digest in pins.items()}


def read_canaries(text: str) -> dict[str, Canary]:
    """Parse `canaries.json`.

    Raises:
        ReleaseError: If a canary lacks a field, or has one that is unknown or out of range.
    """
    known = {entry.name for entry in fields(Canary)}
    canaries = {}
    for task, values in _object(text, CANARIES).items():
        if not isinstance(values, dict) or set(values) != known:
            raise ReleaseError(
                f"{CANARIES} has {values!r} for {task!r}: expected an object with {sorted(known)}"
            )
        canaries[task] = Canary(**values)
    return canaries


def write_canaries(canaries: Mapping[str, Canary | None]) -> str:
    """Return the text of `canaries.json`; a task of None is left out."""
    held = {task: asdict(canary) for task, canary in canaries.items() if canary is not None}
    return json.dumps(held, indent=2, sort_keys=True)


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else "{}"


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise ReleaseError(f"{name} is not JSON ({error}): promote again to write it") from error
    if not isinstance(values, dict):
        raise ReleaseError(f"{name} holds {type(values).__name__}: expected an object by task")
    return values
