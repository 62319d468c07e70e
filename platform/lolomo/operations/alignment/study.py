"""All variants in all worlds: measured offline and online, and how well the two agree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lolomo.core.errors import SettingsError
from lolomo.core.progress import Progress, part_of
from lolomo.evaluation.alignment import Agreement, agreement
from lolomo.events.world import WORLDS, WorldConfig, find_world
from lolomo.operations.alignment.offline import OFFLINE, offline_metrics
from lolomo.operations.alignment.online import TRUTHS, online_value
from lolomo.operations.alignment.recording import RecordedSimulation
from lolomo.operations.alignment.variants import VARIANTS


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignmentPlan:
    """What is measured.

    Raises:
        SettingsError: If there would be nothing to judge by.
    """

    worlds: tuple[str, ...] = tuple(WORLDS)
    seeds: tuple[int, ...] = (1,)
    """Worlds are drawn anew for each."""
    num_members: int = 12_000
    num_items: int = 500
    warm_up_days: int = 28
    """Before the first judged day, for counts to mean something."""
    judged_days: int = 14

    def __post_init__(self) -> None:
        if min(self.num_members, self.warm_up_days, self.judged_days, len(self.seeds)) < 1:
            raise SettingsError(f"received {self}; expected members, days and seeds, 1 or more")

    def config(self, world: str) -> WorldConfig:
        """Return a committed world of this size, with one row a page; its laws stay as they are."""
        return replace(
            find_world(world),
            num_members=self.num_members,
            num_items=self.num_items,
            num_days=self.warm_up_days + self.judged_days,
            rows=("top_picks",),
            pitch_strength=0.0,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """One variant in one world and seed."""

    world: str
    seed: int
    variant: str
    offline: dict[str, float]
    online: dict[str, float]
    """Expected, a visit, by `TRUTHS`."""
    lift: dict[str, float]
    """Over the service whose log it was, by `TRUTHS`, as a fraction of that service's plays."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """How well an offline metric puts variants in their online order."""

    world: str
    metric: str
    truth: str
    agreement: Agreement


def measure_alignment(plan: AlignmentPlan, progress: Progress) -> list[Measured]:
    """Run the worlds, and judge every variant in each of them offline and online."""
    rows: list[Measured] = []
    pairs = [(world, seed) for world in plan.worlds for seed in plan.seeds]
    for number, (world, seed) in enumerate(pairs):
        share = part_of(progress, number, len(pairs), f"{world}, seed {seed}")
        rows += _measure_world(plan, world, seed, share)
    return rows


def _measure_world(
    plan: AlignmentPlan, world: str, seed: int, progress: Progress
) -> list[Measured]:
    progress(0.0, "the world runs")
    simulation = RecordedSimulation(plan.config(world), seed, plan.warm_up_days)
    log = simulation.run()
    logged = online_value(simulation.law, log, log.ranking)
    rng = np.random.default_rng([seed, 88])
    rows = []
    for number, variant in enumerate(VARIANTS):
        progress(0.6 + 0.4 * number / len(VARIANTS), variant.name)
        k = log.ranking.shape[1]
        lists, frozen = (
            variant.policy.rankings(variant.scores(signals, log.there), k, rng)
            for signals in (log.signals, log.frozen)
        )
        online = online_value(simulation.law, log, lists)
        lift = {truth: (online[truth] - logged[truth]) / logged["plays"] for truth in TRUTHS}
        offline = offline_metrics(log, variant, lists, frozen)
        rows.append(Measured(world, seed, variant.name, offline, online, lift))
    return rows


def align(rows: Sequence[Measured]) -> list[Alignment]:
    """Return the agreement of every metric with every truth, by world."""
    found = []
    for world in dict.fromkeys(row.world for row in rows):
        of_world = [row for row in rows if row.world == world]
        groups = np.array([row.seed for row in of_world])
        for truth in TRUTHS:
            lifts = np.array([row.lift[truth] for row in of_world])
            for metric in OFFLINE:
                values = np.array([row.offline[metric] for row in of_world])
                found.append(Alignment(world, metric, truth, agreement(values, lifts, groups)))
    return found
