"""The committed worlds: where one estimator or model shines, another must be able to fail."""

from lolomo.core.errors import SettingsError
from lolomo.events.world.config import Browsing, WorldConfig

POSITION_BIASED = WorldConfig(
    name="position-biased",
    description="what is seen depends on where it stands, and on nothing else that is shown",
)
CASCADE = WorldConfig(
    name="cascade",
    description="members look slot after slot, and stop at the first title that they play",
    browsing=Browsing.CASCADE,
    attraction=-7.4,
    row_bias=0.9,
    position_bias=0.06,
)
NOVELTY_SEEKING = WorldConfig(
    name="novelty-seeking",
    description="members tire of what they know: more of the same attracts less, fame repels",
    satiation=2.0,
    familiarity=-2.5,
    fame_strength=0.3,
    attraction=-6.0,
    rewatching=-6.0,
    drift=0.05,
)
CLICKS_OPPOSE_SATISFACTION = WorldConfig(
    name="clicks-oppose-satisfaction",
    description="what attracts disappoints: artwork sells the worst titles best",
    attraction=-8.6,
    appeal_strength=1.6,
    appeal_of_quality=-0.8,
    taste_strength=0.9,
    satisfaction=0.6,
    satisfaction_quality=1.2,
    satisfaction_appeal=-1.2,
)

WORLDS = {
    world.name: world
    for world in (POSITION_BIASED, CASCADE, NOVELTY_SEEKING, CLICKS_OPPOSE_SATISFACTION)
}
SEEDS = tuple(range(1, 21))
"""The seeds that are reported, all of them; seed 0 is the one that parameters are chosen on."""


def find_world(name: str) -> WorldConfig:
    """Return a committed world.

    Raises:
        SettingsError: If there is none of that name.
    """
    if name not in WORLDS:
        raise SettingsError(f"no world is called {name!r}; expected one of {sorted(WORLDS)}")
    return WORLDS[name]
