"""What a loop is to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lolomo.core.errors import SettingsError
from lolomo.events.world import WorldConfig, find_world

MODELS: Mapping[str, tuple[str, ...]] = {
    "trending_now": ("recent_popularity", "decayed_popularity"),
    "because_you_watched": ("item_knn", "ease"),
    "next_play": ("recent_popularity", "item_knn", "ials"),
}
"""By task, what is trained each time: models that a CPU fits in seconds."""


EAGERNESS = 1.5
"""What is added to the logit of each play, so that a few hundred members make a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopPlan:
    """How long, in which world, and what learns.

    Raises:
        SettingsError: If a number is impossible.
    """

    world: str = "position-biased"
    seed: int = 1
    days: int = 14
    """How many days both arms run."""
    warm_up_days: int = 45
    """How many days the world's own service ran before, whose log is learned from first."""
    members: int = 800
    items: int = 500
    visits_per_day: float = 0.12
    """Median over members: a small service needs eager members."""
    retrain_days: int = 3
    """From one training to the next."""
    canary_percent: float = 50.0
    """Share of the members who try what passed the gate, for one day."""
    models: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MODELS)
    """By task, in the order in which they are trained."""
    exploration: str = ""
    """Policies by row, see `lolomo.core.policy.policies_from`; greedy where there is none."""

    def __post_init__(self) -> None:
        """Check the numbers and the world's name."""
        if min(self.days, self.warm_up_days, self.retrain_days, self.members) < 1:
            raise SettingsError(f"received {self}: expected at least one day and one member")
        find_world(self.world)

    @property
    def config(self) -> WorldConfig:
        """The committed world made small: eager members, and a catalogue that renews itself."""
        config = find_world(self.world)
        return replace(
            config,
            num_members=self.members,
            num_items=self.items,
            num_days=self.warm_up_days + self.days,
            visits_per_day=self.visits_per_day,
            launched_later=0.6,
            attraction=config.attraction + EAGERNESS,
        )

    def dataset(self, arm: str) -> str:
        """Return the name of an arm's workspace."""
        return f"loop-{self.world}-{self.seed}-{arm}"
