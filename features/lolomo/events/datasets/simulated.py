"""The simulated service as a dataset: a world's log, by world and seed, made here, not fetched.

`simulated` is the position-biased world with seed 1; `simulated-cascade` another world with that
seed, and `simulated-cascade-7` with seed 7. The log holds every impression with the propensity of
the policy that drew it. Its truth is known, and every figure from it is to be called *simulated*.
"""

import re
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq

from lolomo.core.files import digest_of, directory_written_whole
from lolomo.core.policy import PlackettLuce, Policy, policy_id
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings
from lolomo.core.tables import EVENTS
from lolomo.events.dataset import Dataset, Table, Tables
from lolomo.events.world import WORLDS, WorldConfig
from lolomo.events.world.simulation import Simulation

NAME = "simulated"
WORLD = "position-biased"
SEED = 1
LOGGING_POLICY: Policy = PlackettLuce(temperature=1.0)
"""What drew the pages of the log: it may show anything, and shows the better more often."""
FORMAT = 2
"""To be raised when what a world does with the same configuration changes."""
_NAMED = re.compile(rf"{NAME}(?:-(?P<world>{'|'.join(WORLDS)}))?(?:-(?P<seed>\d+))?")


def find_simulated(name: str) -> Dataset | None:
    """Return the dataset of a world and seed by its name, or None if the name is of no world."""
    named = _NAMED.fullmatch(name)
    if named is None:
        return None
    return simulated(WORLDS[named["world"] or WORLD], int(named["seed"] or SEED), name)


def simulated(config: WorldConfig, seed: int, name: str) -> Dataset:
    """Return a world as a dataset.

    Args:
        config: The world.
        seed: Of all that happens in it.
        name: What the dataset is called.
    """

    def fetch(settings: Settings, progress: Progress) -> Tables:
        what = [asdict(config), seed, policy_id(LOGGING_POLICY), FORMAT]
        folder = settings.downloads / NAME / f"{config.name}-{seed}-{digest_of(what)[:12]}"
        if not folder.is_dir():
            with directory_written_whole(folder) as staging:
                write_world(config, seed, staging, progress)
        files = {table: folder / f"{table}.parquet" for table in ("events", "items", "users")}
        return Tables(**{table: Table(path=path) for table, path in files.items()})

    return Dataset(
        name=name,
        description=f"simulated, seed {seed}: {config.description}",
        licence="made here, free of any",
        fetch=fetch,
    )


def write_world(config: WorldConfig, seed: int, folder: Path, progress: Progress) -> None:
    """Let a world run and write its tables, a day at a time, in bounded memory."""
    world = Simulation(config, seed)
    with pq.ParquetWriter(folder / "events.parquet", EVENTS, compression="zstd") as writer:
        for day in world.days(world.service(LOGGING_POLICY)):
            writer.write_table(day.events)
            progress(0.1 * day.day / config.num_days, f"day {day.day + 1} of {config.name}")
    pq.write_table(world.records.items(), folder / "items.parquet")
    pq.write_table(world.records.users(), folder / "users.parquet")


SIMULATED = tuple(
    simulated(config, SEED, NAME if config.name == WORLD else f"{NAME}-{config.name}")
    for config in WORLDS.values()
)
