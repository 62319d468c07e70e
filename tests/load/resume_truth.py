"""How well could anybody tell which title a member goes on with? *Simulated*: the world knows.

    python tests/load/resume_truth.py --seeds 3

At each visit that goes on with something, the titles that its member left are put in order: the
last left first, as the baseline does, and by the world's own law, company and all. No model, which
sees neither company nor when nothing was wanted, can be better on average than the law.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / part) for part in ("platform", "features", "training")]

from lolomo.events.datasets.simulated import LOGGING_POLICY  # noqa: E402
from lolomo.events.world import find_world  # noqa: E402
from lolomo.events.world.plays import FROM_RESUMING  # noqa: E402
from lolomo.events.world.simulation import Simulation  # noqa: E402

ORDERS = ("last left first", "the world's law")


class Watched(Simulation):
    """A simulation that notes at which place each order had what was gone on with."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.places: list[np.ndarray] = []

    @override
    def react(self, visits: Any, pages: Any, rng: np.random.Generator) -> Any:
        member = visits.member
        item = self.unfinished.item[member].copy()
        law = self.unfinished.logits(self.config, self.titles, visits)
        left_at = np.where(item >= 0, self.unfinished.left_at[member], -1)
        found = super().react(visits, pages, rng)
        plays = found[0]
        resumed = plays.source == FROM_RESUMING
        visit, target = plays.visit[resumed], plays.item[resumed]
        hit = item[visit] == target[:, None]
        for_order = []
        for keys in (left_at[visit].astype(float), law[visit]):
            own = np.where(hit, keys, -np.inf).max(axis=1)
            for_order.append(1 + (keys > own[:, None]).sum(axis=1))
        self.places.append(np.stack([*for_order, (item[visit] >= 0).sum(axis=1)]))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", default="position-biased")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    for seed in range(1, asked.seeds + 1):
        world = Watched(find_world(asked.world), seed)
        for _ in world.days(world.service(LOGGING_POLICY)):
            pass
        places = np.concatenate(world.places, axis=1)
        late = places[:, -places.shape[1] // 10 :]
        mrr = (1.0 / late[:2]).mean(axis=1)
        several = (late[2] > 1).mean()
        words = ", ".join(f"{name} {value:.4f}" for name, value in zip(ORDERS, mrr, strict=True))
        print(
            f"seed {seed} (simulated): MRR of {words}; {several:.0%} of {late.shape[1]} had several"
        )


if __name__ == "__main__":
    main()
