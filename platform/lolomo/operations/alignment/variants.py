"""Who is judged: rankers, good and bad ones, each drawn by three policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lolomo.core.policy import EpsilonGreedy, Greedy, PlackettLuce, Policy
from lolomo.events.world.population import Floats
from lolomo.operations.alignment.signals import SIGNALS

RANKERS: Mapping[str, Mapping[str, float]] = {
    "recent": {"recent": 1.0},
    "popular": {"total": 1.0},
    "new": {"new": 1.0},
    "genre": {"genre": 1.0},
    "together": {"together": 1.0},
    "recent + genre": {"recent": 0.7, "genre": 0.7},
    "recent + together": {"recent": 0.7, "together": 0.7},
    "genre + together": {"genre": 0.7, "together": 0.7},
    "everything": {"recent": 0.5, "genre": 0.5, "together": 0.5, "new": 0.3, "clicked": 0.3},
    "clicked": {"clicked": 1.0},
    "clicked + genre": {"clicked": 0.7, "genre": 0.7},
    "finished": {"finished": 1.0},
    "finished + genre": {"finished": 0.7, "genre": 0.7},
    "noise": {"noise": 1.0},
}
"""The weight of each signal, which has a deviation of 1 among the candidates of a visit."""
POLICIES: tuple[Policy, ...] = (Greedy(), PlackettLuce(0.4), EpsilonGreedy(0.3))
LOGGED: Final = "recent + genre"
"""The ranker of the service whose log is judged by ..."""
LOGGING: Final = PlackettLuce(1.0)
"""... and the policy that draws its rows: it explores widely, or nothing could be told from it."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A ranker and a policy."""

    ranker: str
    policy: Policy

    @property
    def name(self) -> str:
        """Both, for a figure's label."""
        return f"{self.ranker}, {self.policy.name}"

    def scores(self, signals: Floats, there: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return scores of each visit's candidates, -inf for what may not be shown."""
        return scores_of(self.ranker, signals, there)


VARIANTS = tuple(Variant(ranker, policy) for ranker in RANKERS for policy in POLICIES)


def scores_of(ranker: str, signals: Floats, there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a ranker's scores. Shapes: [visits, candidates, signals] to [visits, candidates]."""
    weights = np.array([RANKERS[ranker].get(signal, 0.0) for signal in SIGNALS])
    return np.where(there, signals @ weights, -np.inf)
