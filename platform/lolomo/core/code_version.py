"""Which code made something: a release card states it, and work is redone when it changes."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import lolomo

ROOMS = ("core", "tasks", "events", "features", "runtimes", "evaluation", "training")
"""The packages that decide what training produces; command line and serving do not."""


@cache
def code_version() -> str:
    """Return the distribution's version and a digest of the sources that decide what is learned."""
    digest = hashlib.sha256()
    for root in sorted(Path(entry) for entry in lolomo.__path__):
        for room in ROOMS:
            for path in sorted((root / room).rglob("*.py")):
                digest.update(path.relative_to(root).as_posix().encode())
                digest.update(path.read_bytes())
    return f"{version('lolomo')}+{digest.hexdigest()[:12]}"
