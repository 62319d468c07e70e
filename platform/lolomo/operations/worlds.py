"""What the simulated worlds are like: beside a real log, and for policies whose value is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.policy import Policy
from lolomo.core.progress import Progress, part_of
from lolomo.core.settings import Settings
from lolomo.events import EventLog, find_dataset, import_dataset
from lolomo.events.datasets.simulated import simulated
from lolomo.events.world import SEEDS, draw_decisions, find_world
from lolomo.events.world.marginals import NUM_POINTS, Marginals, marginals


@dataclass(frozen=True, slots=True)
class Likeness:
    """A simulated log beside a real one."""

    world: str
    real: str
    simulated: Marginals
    observed: Marginals


def compare_world(
    settings: Settings, world: str, seed: int, against: str, progress: Progress
) -> Likeness:
    """Import a world's log and a real one as far as they are not, and return their marginals."""
    name = f"simulated-{world}-{seed}"
    found = []
    for number, dataset in enumerate(
        (simulated(find_world(world), seed, name), find_dataset(against))
    ):
        import_dataset(dataset, settings, part_of(progress, number, 2, dataset.name))
        events = EventLog(settings.workspace(dataset.name).events).events()
        found.append(marginals(events))
    return Likeness(world, against, *found)


def draw_likeness(likeness: Likeness, folder: Path) -> Path:
    """Draw popularity, activity and gaps of both logs; return where."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for label, log, colour in (
        (f"{likeness.world} (simulated)", likeness.simulated, "tab:blue"),
        (likeness.real, likeness.observed, "tab:gray"),
    ):
        ranks = np.arange(1, len(log.popularity) + 1) / len(log.popularity)
        axes[0].plot(ranks, np.cumsum(log.popularity), color=colour, label=label)
        axes[1].plot(*_survival(log.activity), color=colour)
        axes[2].plot(*_survival(np.maximum(log.gap_days, 1e-4)), color=colour)
    axes[0].set(title="popularity", xlabel="share of titles", ylabel="share of plays", xscale="log")
    axes[1].set(title="activity", xlabel="plays a user", xscale="log", yscale="log")
    axes[1].set_ylabel("share of users with as many")
    axes[2].set(title="gaps", xlabel="days to the next play", xscale="log")
    axes[2].set_ylabel("share of gaps at least as long")
    axes[0].legend(frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"world-{likeness.world}.png"
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def policy_values(
    worlds: tuple[str, ...], policies: Mapping[str, Policy], progress: Progress
) -> pl.DataFrame:
    """Return the exact value of policies in worlds, for every seed that is reported.

    Returns:
        world, seed, policy, `plays` and `satisfaction` a list, as `Decisions.value` has them.
    """
    rows = []
    for number, world in enumerate(worlds):
        for seed in SEEDS:
            share = part_of(progress, number, len(worlds), world)
            share(seed / len(SEEDS), f"seed {seed}")
            decisions = draw_decisions(find_world(world), seed)
            for name, policy in policies.items():
                values = (decisions.value(policy), decisions.value(policy, "satisfaction"))
                rows.append((world, seed, name, *values))
    names = ("world", "seed", "policy", "plays", "satisfaction")
    return pl.DataFrame(rows, names, orient="row")


def _survival(rising: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return some values, and the share that is at least as large."""
    places = np.unique(np.linspace(0, len(rising) - 1, NUM_POINTS).astype(int))
    return rising[places], 1 - places / len(rising)
