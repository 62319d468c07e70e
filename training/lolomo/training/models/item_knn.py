"""Item-kNN: items that the same users watched soon after each other belong together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse
from typing_extensions import override

from lolomo.training.models.blended import BlendConfig, BlendedModel, Run, Settings
from lolomo.training.models.following import following
from lolomo.training.models.item_item import ItemItem, strongest
from lolomo.training.models.model import Role
from lolomo.training.models.plays import Plays
from lolomo.training.models.space import Choice, Range, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKNNConfig(BlendConfig):
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


class ItemKNN(BlendedModel[ItemKNNConfig]):
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
    quick: ClassVar[Mapping[str, Any]] = {
        "popularity_exponent": (0.25, 0.5),
        "backward": (0.0, 1.0),
        "memory_days": 36500.0,
    }
    space: ClassVar[Mapping[str, Space]] = {
        "neighbours": Choice((50, 100, 200, 400)),
        "window": Range(5, 100, log=True),
        "shrinkage": Range(1.0, 100.0, log=True),
        "popularity_exponent": Range(0.0, 0.6),
        "backward": Range(0.0, 1.0),
        "memory_days": Choice((15.0, 60.0, 180.0, 36500.0)),
        "half_life_days": Range(1.0, 60.0, log=True),
        "prior_weight": Range(0.01, 3.0, log=True),
    }

    @override
    def learn(self, plays: Plays, settings: Settings, run: Run) -> ItemItem:
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
        return ItemItem(strongest(similar, self.config.neighbours))
