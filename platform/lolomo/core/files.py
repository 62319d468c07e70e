"""Files that are either whole or absent, and are known by their content."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def sha256_of(path: Path) -> str:
    """Return the hex sha256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """Return the hex sha256 of a JSON-serialisable value, the same for equal values.

    >>> digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def directory_written_whole(path: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `path` if, and only if, the block ends without error.

    An older folder at `path` is replaced. A killed process leaves only a hidden temporary folder
    beside it, which counts as nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    staging.chmod(0o755)
    try:
        yield staging
        if path.exists():
            discarded = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
            path.replace(discarded / path.name)
            staging.replace(path)
            shutil.rmtree(discarded)
        else:
            staging.replace(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
