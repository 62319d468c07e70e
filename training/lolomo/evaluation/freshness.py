"""Freshness: how old are the counts that a model reads when it is asked?

A user's own history and the clock are always those of the query. What may lag is what is counted
over everybody: by nothing in the ideal, by a delay where features are computed in batches, or for
ever, where they stand still since the model was fitted. Models are compared at equal freshness.
"""

from dataclasses import dataclass
from datetime import timedelta

from lolomo.core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Freshness:
    """How late counts arrive.

    >>> Freshness().label, Freshness(delay_hours=1).label, Freshness(frozen=True).label
    ('fresh', '1h late', 'frozen')
    """

    delay_hours: float = 0.0
    """What happened within this many hours before the query is not counted yet."""
    frozen: bool = False
    """Whether nothing is counted that happened after the cut at which the model was fitted."""

    @property
    def label(self) -> str:
        """How tables call it."""
        if self.frozen:
            return "frozen"
        return f"{self.delay_hours:g}h late" if self.delay_hours else "fresh"

    @property
    def delay(self) -> timedelta:
        """The delay as a duration."""
        return timedelta(hours=self.delay_hours)


FRESH = Freshness()
FROZEN = Freshness(frozen=True)


def parse_freshness(text: str) -> Freshness:
    """Return what `fresh`, `frozen` or a delay such as `24h` says.

    Raises:
        SettingsError: If it says nothing of the kind.

    >>> parse_freshness("24h").label
    '24h late'
    """
    if text in ("fresh", "frozen"):
        return Freshness(frozen=text == "frozen")
    hours = text.removesuffix("h")
    if hours != text and hours.isdecimal():
        return Freshness(delay_hours=float(hours))
    raise SettingsError(
        f"received freshness {text!r}; expected `fresh`, `frozen` or hours such as `24h`"
    )
