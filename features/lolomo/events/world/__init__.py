"""The simulated service: seeded worlds whose truth is known, and that no model has entered.

A *world* has members whose tastes drift, a catalogue that renews itself, and laws by which members
look, play, are pleased and come back (`config`, `population`, `behaviour`). `decisions` asks it one
question at a time, with a truth that can be summed exactly. Whatever is measured here is labelled
*simulated*.
"""

from lolomo.events.world.config import Browsing, WorldConfig
from lolomo.events.world.decisions import Decisions, Logged, draw_decisions
from lolomo.events.world.worlds import SEEDS, WORLDS, find_world

__all__ = [
    "SEEDS",
    "WORLDS",
    "Browsing",
    "Decisions",
    "Logged",
    "WorldConfig",
    "draw_decisions",
    "find_world",
]
