"""Where a model's settings may be looked for, as its class declares beside its config.

    class Ease(Model[EaseConfig]):
        space = {"neighbours": Choice((100, 200, 400)), "l2": Range(1.0, 1000.0, log=True)}

`lolomo tune` draws from it; a range of two whole numbers gives whole numbers.
"""

from dataclasses import dataclass
from typing import TypeAlias

from lolomo.core.errors import ModelError


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers between two ends, both included."""

    low: float
    high: float
    log: bool = False
    """Whether to look as much between 1 and 10 as between 10 and 100."""

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ModelError(
                f"received the range {self.low}:{self.high}{':log' * self.log}: expected the lower "
                "end first, and above 0 for a logarithmic one"
            )

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    values: tuple[str | int | float | bool, ...]


Space: TypeAlias = Range | Choice
