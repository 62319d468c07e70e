"""Item-kNN: items that the same users watched soon after each other belong together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy import sparse
from typing_extensions import override

from lolomo.training.models.data import TrainingData
from lolomo.training.models.item_item import (
    ItemItem,
    Settings,
    export_item_item,
    fit_item_item,
    strongest,
)
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.plays import Plays


@dataclass(frozen=True, slots=True)
class ItemKNNConfig:
    """How items are counted together; a field of several values is chosen on the last events."""

    neighbours: int = 100
    """Most items that one item speaks for."""
    window: int = 50
    """How many plays later, by the same user, still count as together."""
    shrinkage: float = 10.0
    """Plays added to each item's own, so that what few watched says little."""
    popularity_exponent: tuple[float, ...] = (0.25, 0.5, 0.0)
    """How far a neighbour is discounted for being popular: 0.5 is the cosine, 0 the share of the
    item's own plays."""
    backward: tuple[float, ...] = (0.0, 1.0, 0.5)
    """What it counts that an item came before rather than after."""
    memory_days: tuple[float, ...] = (36500.0, 60.0, 15.0)
    """A pair so much before the cut counts half."""
    half_life_days: tuple[float, ...] = (7.0, 36500.0, 30.0, 1.0)
    """A history entry so much older than the latest counts half."""
    prior_weight: tuple[float, ...] = (1.0, 0.01, 0.1, 0.3, 3.0)
    """What the popularity of the last days counts beside the history."""
    prior_days: tuple[float, ...] = (3.0, 1.0, 14.0)
    """How many days those are."""


class ItemKNN(Model[ItemKNNConfig]):
    """Scores items by how often they were watched along with those of the history.

    The similarity is the asymmetric cosine (Aiolli 2013, "Efficient top-N recommendation for very
    large scale binary rated datasets"), with shrinkage; pairs may be directed and fade with time.
    """

    name = "item_knn"
    Config = ItemKNNConfig
    roles: ClassVar[Mapping[str, Role]] = {
        "because_you_watched": Role.BASELINE,
        "next_play": Role.BASELINE,
    }
    method: ClassVar[Method] = "retrieve"

    _fitted: ItemItem | None = None

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        names = (
            "prior_weight",
            "half_life_days",
            "popularity_exponent",
            "backward",
            "memory_days",
            "prior_days",
        )
        choices = {name: getattr(self.config, name) for name in names}
        self._fitted = fit_item_item(data, rng, choices, self._weigh)

    @override
    def export(self, path: Path) -> Export:
        if self._fitted is None:
            raise self.not_fitted()
        return export_item_item(path, self._fitted)

    def _weigh(self, plays: Plays, settings: Settings, trial: bool) -> sparse.csr_array:
        """Return the similarities of each item's nearest neighbours. Shape: [items, items]."""
        fade = 2.0 ** ((plays.days - plays.days[-1]) / settings["memory_days"])
        together = following(plays, self.config.window, fade)
        together = together + settings["backward"] * together.T
        counts = np.bincount(plays.items, fade, plays.num_items) + self.config.shrinkage
        exponent = settings["popularity_exponent"]
        own = sparse.diags_array(counts ** (exponent - 1.0))
        others = sparse.diags_array(counts**-exponent)
        similar = (own @ together @ others).tocsr()
        similar.setdiag(0.0)
        similar.eliminate_zeros()
        return strongest(similar, self.config.neighbours)


def following(
    plays: Plays, window: int, worth: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> sparse.csr_array:
    """Count how often one user watched the column within `window` plays after the row.

    Args:
        plays: In order of time.
        window: How many plays ahead to look.
        worth: What a pair counts whose later play is this one. Shape: [events].
    """
    order = np.argsort(plays.users, kind="stable")
    users, items, worth = plays.users[order], plays.items[order], worth[order]
    shape = (plays.num_items, plays.num_items)
    total = sparse.csr_array(shape, dtype=np.float64)
    for lag in range(1, window + 1):
        same = np.flatnonzero(users[lag:] == users[:-lag])
        pairs = (items[same], items[same + lag])
        total = total + sparse.csr_array((worth[same + lag], pairs), shape=shape)
    return total
