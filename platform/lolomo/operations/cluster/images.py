"""The images that an overlay's pods run on: what an air-gapped site has to mirror."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lolomo.operations.cluster.api import Entry
from lolomo.operations.cluster.overlay import NOTHING

UNPINNED = f"sha256:{NOTHING}"


@dataclass(frozen=True, slots=True)
class Image:
    """One image, and what runs on it."""

    name: str
    """With its digest."""
    is_pinned: bool
    """False while the overlay names no digest of a pushed image."""
    used_by: tuple[str, ...]


def images(entries: Iterable[Entry]) -> list[Image]:
    """Return the images of all containers of rendered objects, those of pipeline steps included."""
    users: dict[str, set[str]] = {}
    for entry in entries:
        for name in _images(entry.get("spec")):
            users.setdefault(name, set()).add(f"{entry['kind']} {entry['metadata']['name']}")
    return [
        Image(name, not name.endswith(UNPINNED), tuple(sorted(users[name])))
        for name in sorted(users)
    ]


def _images(value: Any) -> Iterator[str]:
    """Yield the image of each container, wherever a kind keeps its containers."""
    if isinstance(value, dict):
        if isinstance(value.get("image"), str):
            yield value["image"]
        for part in value.values():
            yield from _images(part)
    elif isinstance(value, list):
        for part in value:
            yield from _images(part)
