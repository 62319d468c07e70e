"""EASE: the best linear item-item model there is, in closed form."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy import linalg, sparse
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
class EaseConfig:
    """How strongly to regularise; a field of several values is chosen on the last events."""

    neighbours: int = 200
    """Most items that one item speaks for; the smaller of its weights are dropped."""
    max_items: int = 5000
    """Only so many of the most watched items get weights, since time grows with the cube of it (5 s
    at 5,000 on two cores) and memory with the square (300 MB); the others have the prior alone."""
    trial_items: int = 1500
    """As above, while settings are tried."""
    l2: tuple[float, ...] = (300.0, 100.0, 1000.0, 30.0)
    """Added to each item's count of plays."""
    memory_days: tuple[float, ...] = (36500.0, 60.0)
    """A play so much before the cut counts half."""
    half_life_days: tuple[float, ...] = (7.0, 36500.0, 30.0, 1.0)
    """A history entry so much older than the latest counts half."""
    prior_weight: tuple[float, ...] = (1.0, 0.01, 0.1, 0.3, 3.0)
    """What the popularity of the last days counts beside the history."""
    prior_days: tuple[float, ...] = (3.0, 1.0, 14.0)
    """How many days those are."""


class Ease(Model[EaseConfig]):
    """Learns the weights by which a user's plays best predict each other.

    Least squares with an L2 penalty and no item predicting itself, solved by one matrix inverse
    (Steck 2019, "Embarrassingly shallow autoencoders for sparse data").
    """

    name = "ease"
    Config = EaseConfig
    roles: ClassVar[Mapping[str, Role]] = {"because_you_watched": Role.CHALLENGER}
    method: ClassVar[Method] = "retrieve"

    _fitted: ItemItem | None = None

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        names = ("prior_weight", "half_life_days", "l2", "memory_days", "prior_days")
        choices = {name: getattr(self.config, name) for name in names}
        self._fitted = fit_item_item(data, rng, choices, self._weigh)

    @override
    def export(self, path: Path) -> Export:
        if self._fitted is None:
            raise self.not_fitted()
        return export_item_item(path, self._fitted)

    def _weigh(self, plays: Plays, settings: Settings, trial: bool) -> sparse.csr_array:
        """Return the strongest weights of each item. Shape: [items, items]."""
        counts = np.bincount(plays.items, minlength=plays.num_items)
        limit = self.config.trial_items if trial else self.config.max_items
        popular = np.sort(np.argsort(-counts, kind="stable")[:limit])
        popular = popular[counts[popular] > 0]
        fade = 2.0 ** ((plays.days - plays.days[-1]) / settings["memory_days"])
        watched = sparse.csr_array((fade, (plays.users, plays.items)))[:, popular]
        watched.data = np.minimum(watched.data, 1.0)
        gram = (watched.T @ watched).toarray().astype(np.float32)
        gram[np.diag_indices_from(gram)] += settings["l2"]
        factor = linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
        inverse = linalg.cho_solve(factor, np.eye(len(popular), dtype=np.float32))
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
        return _spread(weights, popular, plays.num_items, self.config.neighbours)


def _spread(
    weights: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    popular: np.ndarray[tuple[int], np.dtype[np.int64]],
    num_items: int,
    neighbours: int,
) -> sparse.csr_array:
    """Return the strongest weights of each row, among all items."""
    k = min(neighbours, weights.shape[1])
    best = np.argpartition(-np.abs(weights), k - 1, axis=1)[:, :k]
    rows, columns = np.repeat(popular, k), popular[best.ravel()]
    entries = (np.take_along_axis(weights, best, axis=1).ravel(), (rows, columns))
    return strongest(sparse.csr_array(entries, shape=(num_items, num_items)), neighbours)
