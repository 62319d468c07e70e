"""What training on what was shown earns, by the world's own law. *Simulated*.

    python tests/load/shown_truth.py --dataset simulated

Fits `shown_plays` with several shares of the loss on what was shown and not played, beside the
counting models, before the validation window, and gives each the visits of the window: its greedy
row, in place of the one that stood there. Expected plays a row come from the world's own law, with
each member's taste of that day: no luck is in them but whose visits they are.
"""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from typing_extensions import override

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / part) for part in ("platform", "features", "training")]

from lolomo import runtimes  # noqa: E402
from lolomo.evaluation.bootstrap import DEFAULT  # noqa: E402
from lolomo.events.datasets.simulated import LOGGING_POLICY, SEED, WORLD  # noqa: E402
from lolomo.events.world import WORLDS, find_world  # noqa: E402
from lolomo.events.world.behaviour import Slots, with_effects  # noqa: E402
from lolomo.events.world.records import item_code  # noqa: E402
from lolomo.events.world.simulation import Simulation  # noqa: E402
from lolomo.training.pipelines.candidate import load_candidate  # noqa: E402
from lolomo.training.pipelines.context import StepContext  # noqa: E402
from lolomo.training.pipelines.logged_rows import LoggedRows  # noqa: E402
from lolomo.training.pipelines.prepare import prepare  # noqa: E402
from lolomo.training.pipelines.train import FitOptions, train  # noqa: E402

TASK, WINDOW, LENGTH = "trending_now", "validation", 6
SHARES: Mapping[str, Mapping[str, Any]] = {
    "catalogue alone": {"shown_share": (0.0,)},
    "half shown": {"shown_share": (0.5,)},
    "shown alone": {"shown_share": (1.0,)},
    "chosen": {},
}


class Asked(Simulation):
    """A simulation that gives lists to some of its visits and notes what they would earn."""

    def __init__(self, config: Any, seed: int, lists: Mapping[str, np.ndarray]) -> None:
        super().__init__(config, seed)
        self.lists, self.number = lists, 0
        self.earned: dict[str, np.ndarray] = {}

    @override
    def react(self, visits: Any, pages: Any, rng: np.random.Generator) -> Any:
        names = [f"r{self.number + row}" for row in range(len(visits))]
        self.number += len(visits)
        rows = np.array([row for row, name in enumerate(names) if name in self.lists], np.int64)
        if len(rows):
            items = np.stack([self.lists[names[row]] for row in rows], axis=1)
            of = visits.only(rows)
            profiles = self.observed.profiles[of.member]
            for row, worth in enumerate(np.stack([self._plays(of, i, profiles) for i in items], 1)):
                self.earned[names[rows[row]]] = worth
        return super().react(visits, pages, rng)

    def _plays(self, visits: Any, items: np.ndarray, profiles: np.ndarray) -> np.ndarray:
        unseen = np.zeros(items.shape, bool)
        law = self.behaviour
        chance = law.attraction(visits.tastes, profiles, unseen, items, visits.day)
        chance = with_effects(chance, self._series_effects(visits, items))
        return np.asarray(law.chances(chance, Slots.grid(1, items.shape[1])).sum(axis=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="simulated")
    name = parser.parse_args().dataset
    runtimes.quiet_tensorflow()
    context = StepContext.open(TASK, name)
    logged = LoggedRows.of(context, getattr(context.folds, WINDOW))
    assert logged is not None
    prepared, lists = prepare(TASK, name, []), []
    known = np.array([item_code(item) for item in logged.known])
    entrants: dict[str, tuple[str, Mapping[str, Any]]] = {
        "recent_popularity": ("recent_popularity", {}),
        **{label: ("shown_plays", config) for label, config in SHARES.items()},
    }
    for model, config in entrants.values():
        options = FitOptions(cuts=(WINDOW,), config=config)
        key = train(TASK, name, model, prepared, options)
        lists.append(known[logged.lists(load_candidate(context.outcome(key), WINDOW), LENGTH)])
    every = np.stack(lists)
    asked = {
        request: every[:, row] for row, request in enumerate(logged.rows["request_id"].to_list())
    }
    told = re.fullmatch(rf"simulated(?:-({'|'.join(WORLDS)}))?(?:-(\d+))?", name)
    world, seed = (told[1] or WORLD, int(told[2] or SEED)) if told else (WORLD, SEED)
    simulation = Asked(find_world(world), seed, asked)
    for _ in simulation.days(simulation.service(LOGGING_POLICY)):
        pass
    earned = np.stack([simulation.earned[request] for request in asked])
    users = logged.rows["user_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
    report(list(entrants), earned, users)


def report(labels: list[str], earned: np.ndarray, users: np.ndarray) -> None:
    """Print plays a row, and the difference to the catalogue alone, members drawn again."""
    base = earned[:, labels.index("catalogue alone")]
    draws = np.concatenate(list(DEFAULT.draws(int(users.max()) + 1)))
    rows = np.bincount(users)
    for label, values in zip(labels, earned.T, strict=True):
        by_user = np.bincount(users, values - base)
        lifts = (draws @ by_user) / (draws @ rows)
        print(
            f"{label:20} {values.mean():.4f} plays a row (simulated), against the catalogue alone "
            f"{DEFAULT.interval(float((values - base).mean()), lifts)}"
        )


if __name__ == "__main__":
    main()
