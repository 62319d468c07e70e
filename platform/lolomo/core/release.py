"""A release: the immutable, content-addressed outcome of training, and the store that holds them.

A release is a folder: the files of its runtime and `card.json`, which says what it is, what it was
made from, what it scored, and the sha256 of every file. Its digest is that of the card, so a file
or a figure that changes makes another release. Nothing is loaded before every sha256 is checked.

Which release answers a task is a *pin*. Promotion writes pins; serving reads them and asks nobody
else. On a cluster the pin is a digest in the overlay, here it is `pins.json` beside the releases.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from lolomo.core.errors import ReleaseError
from lolomo.core.files import digest_of, directory_written_whole, sha256_of, write_atomically
from lolomo.core.promotions import Promotion, PromotionsLog

CARD = "card.json"
PINS = "pins.json"
DIGEST = re.compile(r"[0-9a-f]{64}")
LATER_FIELDS = frozenset({"seed", "continued_from"})
"""Fields of a card that the first version did not write; those that come must be named here."""
BASELINE = "the strongest baseline"
"""What the card of a release that faced no gate, since it is what others must beat, says of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a release says of itself."""

    task: str
    model: str
    """The model's registered name, such as `ease`."""
    runtime: str
    """What loads it: `tensorflow` or `lightgbm`."""
    method: str
    """What it can be asked: `retrieve` or `rank`."""
    inputs: tuple[str, ...]
    """Names of the arrays that a query must have."""
    config: Mapping[str, Any]
    data_window: tuple[str, str]
    """First and last event time it learned from, ISO 8601 UTC."""
    data_fingerprint: str
    feature_service: str
    """Name, version and hash of the Feast FeatureService that it reads."""
    reward: str
    metrics: Mapping[str, Mapping[str, float]]
    """By window (`validation`, `test`) and metric, with `.low` and `.high` ends of intervals."""
    gate: Mapping[str, Any]
    """The decision and the figures it rests on."""
    code_version: str
    seed: int = 0
    """Of all that the fit drew."""
    continued_from: str = ""
    """Digest of the release that the fit went on from; "" if it began anew."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Relative path to sha256 of every file but the card."""
    absent: frozenset[str] = frozenset()
    """Fields that the version which wrote the card did not know: no part of its content."""

    @property
    def content(self) -> dict[str, Any]:
        """What the card says, as plain values."""
        return {
            name: value
            for name, value in asdict(self).items()
            if name != "absent" and name not in self.absent
        }

    @property
    def digest(self) -> str:
        """The release's address: sha256 of the card's content."""
        return digest_of(self.content)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse a card, refusing unknown and missing fields by name.

        A card of an earlier version lacks those of `LATER_FIELDS`, and keeps its digest.

        Raises:
            ReleaseError: If the text is not a card of this version.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise ReleaseError(f"card is not JSON ({error}): publish the release again") from error
        known = {entry.name for entry in fields(cls)} - {"absent"}
        received = set(values) if isinstance(values, dict) else set()
        missing = known - received
        if received - known or missing - LATER_FIELDS:
            raise ReleaseError(
                f"card fields differ: unknown {sorted(received - known)}, missing "
                f"{sorted(missing)}: it was written by another version of Lolomo"
            )
        values["absent"] = frozenset(missing)
        values["inputs"] = tuple(values["inputs"])
        values["data_window"] = tuple(values["data_window"])
        return cls(**values)

    def to_json(self) -> str:
        """Return the card as indented JSON."""
        return json.dumps(self.content, indent=2, sort_keys=True)

    @property
    def failed_gate(self) -> bool:
        """Whether it stood at the gate and lost."""
        stands = self.gate.get("passed") or self.gate.get("first")
        return not stands and self.gate.get("reason") != BASELINE

    @property
    def gate_said(self) -> str:
        """What the gate made of it: `passed`, `first` (nobody served), `baseline` or `failed`.

        By which metric stands behind it, where the card says so.
        """
        if self.failed_gate:
            return "failed"
        said = next((word for word in ("passed", "first") if self.gate.get(word)), "baseline")
        return f"{said} by {self.gate['metric']}" if self.gate.get("metric") else said


@dataclass(frozen=True, slots=True)
class Release:
    """A checked release on disk."""

    path: Path
    card: Card

    @property
    def digest(self) -> str:
        """The release's address."""
        return self.card.digest

    @property
    def name(self) -> str:
        """Task, model and the first digits of the digest, for people."""
        return f"{self.card.task}/{self.card.model}@{self.digest[:12]}"


@dataclass(frozen=True, slots=True)
class ReleaseStore:
    """A folder of releases, by digest."""

    root: Path

    def publish(self, files: Path, card: Card, more: Mapping[str, bytes] | None = None) -> Release:
        """Copy a folder of runtime files in, under the digest of its completed card.

        Publishing the same content twice is one release.

        Args:
            files: What the runtime loads.
            card: What the release says of itself; the sums of its files are filled in.
            more: Files to add, by name, such as its golden request.
        """
        added = more or {}
        sums = {
            path.relative_to(files).as_posix(): sha256_of(path)
            for path in sorted(files.rglob("*"))
            if path.is_file() and path.name != CARD
        }
        sums |= {name: hashlib.sha256(content).hexdigest() for name, content in added.items()}
        complete = Card(**{**asdict(card), "files": sums})
        target = self.root / complete.digest
        if not (target / CARD).exists():
            with directory_written_whole(target) as staging:
                shutil.copytree(files, staging, dirs_exist_ok=True)
                for name, content in added.items():
                    (staging / name).write_bytes(content)
                (staging / CARD).write_text(complete.to_json())
        return Release(target, complete)

    def open(self, digest: str) -> Release:
        """Return a release after checking its card and every file.

        Raises:
            ReleaseError: If it is missing, or any content differs from its card.
        """
        return open_release(self.root / digest, digest)

    def card(self, digest: str) -> Card:
        """Return a release's card, checked against its digest; its files are not read.

        Raises:
            ReleaseError: If there is none, or it was edited.
        """
        return _read_card(self.root / digest, digest)

    def find(self, start: str) -> Release:
        """Return the one release whose digest starts so, after checking it.

        Raises:
            ReleaseError: If there is none, or more than one.
        """
        found = [path.name for path in self.root.glob(f"{start}*") if (path / CARD).is_file()]
        if len(found) != 1 or not start.isalnum():
            known = sorted(path.parent.name[:12] for path in self.root.glob(f"*/{CARD}"))
            raise ReleaseError(
                f"{len(found)} releases have a digest that starts with {start!r}: expected the "
                f"first digits of one of {known}"
            )
        return self.open(found[0])

    def pins(self) -> dict[str, str]:
        """Return the digest that serves each task; empty before the first promotion."""
        path = self.root / PINS
        return json.loads(path.read_text()) if path.exists() else {}

    def pin(self, task: str, digest: str, promotion: Promotion | None = None) -> None:
        """Make a release the one that serves its task, and write that down.

        Args:
            task: The task's name.
            digest: Of the release.
            promotion: What to write down; a plain promotion unless given.
        """
        before = self.pins()
        previous = before.get(task, "")
        entry = promotion or Promotion(
            task=task, action="promote", digest=digest, previous=previous
        )
        PromotionsLog(self.root).append(entry)
        pins = {**before, task: digest}
        write_atomically(self.root / PINS, json.dumps(pins, indent=2, sort_keys=True))


def open_release(path: Path, digest: str | None = None) -> Release:
    """Open a release folder after checking its card, every file, and the digest if one is given.

    Raises:
        ReleaseError: If it is missing, or any content differs from its card.
    """
    card = _read_card(path, digest)
    found = {
        file.relative_to(path).as_posix(): sha256_of(file)
        for file in path.rglob("*")
        if file.is_file() and file.name != CARD
    }
    wrong = sorted(
        name for name in found.keys() | card.files.keys() if found.get(name) != card.files.get(name)
    )
    if wrong:
        raise ReleaseError(
            f"release {card.digest[:12]} does not match its card in {wrong}: expected the sha256 "
            "that the card lists; publish the release again"
        )
    return Release(path, card)


def _read_card(path: Path, digest: str | None) -> Card:
    if not (path / CARD).is_file():
        raise ReleaseError(f"no release at {path}: expected a folder with {CARD}; train the task")
    card = Card.from_json((path / CARD).read_text())
    if digest is not None and card.digest != digest:
        raise ReleaseError(
            f"release {digest[:12]} has a card of digest {card.digest[:12]}: it was edited; "
            "publish it again"
        )
    return card
