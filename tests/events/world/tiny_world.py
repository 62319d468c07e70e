"""Committed worlds made small, and their logs."""

from dataclasses import replace

import polars as pl
import pyarrow as pa

from lolomo.core.policy import PlackettLuce
from lolomo.events.world import WorldConfig, find_world
from lolomo.events.world.simulation import Simulation

DAYS = 6


def small(name: str = "position-biased", **changed: float | int) -> WorldConfig:
    """Return a committed world made small, its members eager."""
    sizes = {"num_members": 250, "num_items": 200, "num_days": DAYS, "visits_per_day": 0.6}
    return replace(find_world(name), **{**sizes, "attraction": -5.5, **changed})  # type: ignore[arg-type]


def run(config: WorldConfig, seed: int = 0, temperature: float = 1.0) -> pl.DataFrame:
    """Return the log of a world that is served by itself."""
    world = Simulation(config, seed)
    days = world.days(world.service(PlackettLuce(temperature)))
    return pl.DataFrame(pl.from_arrow(pa.concat_tables([day.events for day in days])))
