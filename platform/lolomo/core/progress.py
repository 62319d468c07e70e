"""How long work says where it is; who shows it is somebody else's business."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[float, str], None]
"""Told the fraction done, 0 to 1, and what is being done."""


def silent(fraction: float, message: str) -> None:
    """Report progress to nobody."""
