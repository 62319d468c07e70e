"""How long work says where it is; who shows it is somebody else's business."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float, str], None]
"""Told the fraction done, 0 to 1, and what is being done."""


def silent(fraction: float, message: str) -> None:
    """Report progress to nobody."""


def part_of(progress: Progress, index: int, total: int, subject: str = "") -> Progress:
    """Return what reports one part, counted from 0, of a whole of `total` parts.

    Args:
        progress: Told where the whole is.
        index: Which part.
        total: How many parts.
        subject: Put before each message.
    """

    def part(fraction: float, message: str) -> None:
        text = ": ".join(word for word in (subject, message) if word)
        progress((index + min(1.0, max(0.0, fraction))) / total, text)

    return part
