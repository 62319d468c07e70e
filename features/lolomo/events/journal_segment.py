"""A segment: the part of the journal that is being written, safe to lose power over.

    LOLOMO J1 | length, crc32 | Arrow schema | length, crc32 | Arrow record batch | …

Each append is one frame, flushed and synced before it counts as written. A process that dies leaves
a torn frame at the end, or a disk that lost a write leaves one whose checksum is wrong: reading
stops there, and returns the whole frames before it and how many bytes came after. Whoever writes a
segment holds a lock on it, so a segment without one was left behind.
"""

import fcntl
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from lolomo.core.errors import DataError

MAGIC = b"LOLOMO J1"
_FRAME = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Segment:
    """What could be read of a segment."""

    table: pa.Table
    torn_bytes: int
    """Bytes after the last whole frame: 0 of a segment that ended as it should."""


class SegmentWriter:
    """Appends record batches to a new file.

    Args:
        path: Must not exist yet.
        schema: Of every batch.

    Raises:
        OSError: If the file cannot be made.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        unlocked = path.with_name(f"{path.name}.new")
        self._file: BinaryIO = unlocked.open("xb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self.num_bytes = 0
        self._write(MAGIC + _framed(schema.serialize()))
        unlocked.rename(path)

    def append(self, batch: pa.RecordBatch) -> None:
        """Write a batch; it is on the disk when this returns.

        Raises:
            OSError: If the disk is full or gone; what was written before stays whole.
        """
        self._write(_framed(batch.serialize()))

    def close(self) -> None:
        """Write nothing more."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
            os.fsync(self._file.fileno())
        except OSError:
            os.ftruncate(self._file.fileno(), self.num_bytes)
            self._file.seek(self.num_bytes)
            raise
        self.num_bytes += len(data)


def read_segment(path: Path) -> Segment:
    """Return every whole record of a segment, whether or not it is still written to.

    Raises:
        DataError: If not even the schema is whole.
    """
    data = path.read_bytes()
    frames, end = _frames(data)
    if not frames:
        raise DataError(f"{path} is no segment of a journal: its first {len(data)} bytes are torn")
    schema = pa.ipc.read_schema(pa.py_buffer(frames[0]))
    batches = [pa.ipc.read_record_batch(pa.py_buffer(frame), schema) for frame in frames[1:]]
    return Segment(pa.Table.from_batches(batches, schema), len(data) - end)


def is_abandoned(path: Path) -> bool:
    """Return whether nobody writes to a segment any more."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _framed(payload: pa.Buffer) -> bytes:
    content: bytes = payload.to_pybytes()
    return _FRAME.pack(len(content), zlib.crc32(content)) + content


def _frames(data: bytes) -> tuple[list[bytes], int]:
    """Return the whole frames at the start of some data, and where they end."""
    frames: list[bytes] = []
    end = len(MAGIC)
    if not data.startswith(MAGIC):
        return frames, 0
    while end + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, end)
        content = data[end + _FRAME.size : end + _FRAME.size + length]
        if len(content) < length or zlib.crc32(content) != checksum:
            break
        frames.append(content)
        end += _FRAME.size + length
    return frames, end
