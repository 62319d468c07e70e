"""A world's configuration: everything that is true in it, committed before any policy runs."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from lolomo.core.errors import SettingsError


class Browsing(StrEnum):
    """How members look through a page."""

    POSITION = "position"
    """Each slot is looked at by chance, less often the lower and the further right, whatever else
    is shown (the position-based model: Craswell et al. 2008)."""
    CASCADE = "cascade"
    """Slot after slot until something is played or patience ends (the cascade model, ibid.)."""


@dataclass(frozen=True, slots=True)
class Country:
    """Where members live."""

    code: str
    share: float
    """Of all members."""
    utc_offset_hours: int
    availability: float
    """Share of the catalogue that may be shown there."""


COUNTRIES = (
    Country("US", 0.34, -6, 1.0),
    Country("BR", 0.12, -3, 0.8),
    Country("GB", 0.12, 0, 0.9),
    Country("DE", 0.12, 1, 0.85),
    Country("IN", 0.16, 5, 0.75),
    Country("JP", 0.14, 9, 0.7),
)
DEVICES = ("tv", "phone", "tablet", "web")
COMPANIONS = ("alone", "partner", "children")
"""Who watches along: each brings out another of a member's tastes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldConfig:
    """One world.

    Logits are natural: +1 multiplies the odds of what it acts on by 2.7.

    Raises:
        SettingsError: If sizes or shares are impossible.
    """

    name: str
    description: str
    browsing: Browsing = Browsing.POSITION

    num_members: int = 10_000
    num_items: int = 5_000
    num_days: int = 180
    start: datetime = datetime(2025, 3, 1, tzinfo=UTC)
    """The first day."""
    rows: tuple[str, ...] = ("top_picks", "trending_now", "new_titles")
    """What the rows of the world's own page are drawn by, the highest first."""
    row_length: int = 6
    row_exploration: float = 0.5
    """Share of the world's own pages whose rows stand in an order drawn uniformly."""

    embedding_dim: int = 12
    """Of tastes and items in the truth, which no policy sees."""
    num_genres: int = 18
    genre_noise: float = 0.7
    """How far an item lies from its genres: what no genre profile can explain."""
    drift: float = 0.02
    """Standard deviation of a day's step of a taste; tastes also return to where they began."""

    series_length: float = 4.0
    """Titles a series on average."""
    series_strength: float = 4.0
    """How much more a title attracts of whose series one of the last was."""

    attraction: float = -7.4
    """Logit of playing a slot that is looked at, for a title of no appeal."""
    taste_strength: float = 0.9
    fame_strength: float = 0.5
    """Of what makes a title widely known, a skewed property."""
    launch_strength: float = 3.8
    """Of a title on the day it comes out."""
    launch_decay_days: float = 18.0
    """Median, over titles, of the time in which that falls by 1/e."""
    launched_later: float = 0.5
    """Share of the catalogue that comes out while the world runs."""
    appeal_strength: float = 0.6
    """Of artwork and pitch, which are about the click and not about the film."""
    pitch_strength: float = 0.7
    """Of the pitch with which a title is shown; at 0 titles are shown without any."""
    satiation: float = 0.0
    """How much less a slot attracts if all slots above it are of its genre."""
    familiarity: float = 0.0
    """How much more a title attracts whose genre fills the member's history."""
    rewatching: float = -4.0
    """What having watched a title adds to its logit."""

    row_bias: float = 0.55
    """Chance to look at row r is (1 + r) ** -row_bias; of a cascade, to go on to the next row."""
    position_bias: float = 0.45
    """Chance to look at position p is (1 + p) ** -position_bias; of a cascade, patience."""

    satisfaction: float = 0.3
    """Logit of the mean satisfaction of a play."""
    satisfaction_taste: float = 0.9
    satisfaction_quality: float = 0.8
    satisfaction_appeal: float = 0.0
    """What a title's appeal does to satisfaction; below 0 it promises what it does not keep."""
    appeal_of_quality: float = 0.0
    """Correlation of a title's appeal with its quality."""

    visits_per_day: float = 0.012
    """Median over members."""
    activity_spread: float = 1.5
    """Standard deviation of the log of the members' visits a day."""
    present_at_start: float = 0.25
    """Share of the members who are there on the first day; others join day by day."""
    first_enthusiasm: float = 4.0
    """How many times more often than later a member comes on the first day."""
    enthusiasm_days: float = 2.0
    """In which that falls by 1/e."""
    retention: float = 2.5
    """How much the logarithm of a member's visits a day rises from no satisfaction to full."""
    satisfaction_memory: float = 0.85
    """Weight of what was felt before, at each new play."""
    searching: float = 0.35
    """Chance of a visit to search for what is on one's mind, whatever the page shows."""
    resuming: float = 0.8
    """Chance of a visit to look at what was left unfinished; a logit decides on each title, beside
    nothing at 0."""
    resume_progress: float = 3.5
    """How much more a title is wanted that was left at its end than one that was hardly begun."""
    resume_fading: float = 0.8
    """How much less as days go by: of the logarithm of one and the days."""
    resume_together: float = 1.5
    """How much more with the companion whom it was left with."""
    resume_screen: float = 1.0
    """How much less on a phone for each hour that is left."""
    thumbs: float = 0.12
    """Chance of a play to be given a thumb, up or down."""

    def __post_init__(self) -> None:
        shares = (self.launched_later, self.present_at_start, self.searching, self.resuming)
        sizes = (self.num_members, self.num_items, self.num_days, self.row_length, len(self.rows))
        if min(sizes) < 1 or not all(0 <= share <= 1 for share in (*shares, self.thumbs)):
            raise SettingsError(
                f"world {self.name!r} has sizes {sizes} and shares {shares}: expected sizes from 1 "
                "and shares from 0 to 1"
            )
        if self.slots * 4 > self.num_items:
            raise SettingsError(
                f"world {self.name!r} has {self.num_items} items for {self.slots} slots; expected "
                "four times as many items as slots: enlarge the catalogue"
            )

    @property
    def slots(self) -> int:
        """Titles on a page of the world's own service."""
        return len(self.rows) * self.row_length
