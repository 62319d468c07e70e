"""EASE: the best linear item-item model there is, in closed form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack
from typing_extensions import override

from lolomo.core.errors import ModelError
from lolomo.core.recommender import Scores
from lolomo.training.models.blended import BlendConfig, BlendedModel, Run, Settings
from lolomo.training.models.item_item import ItemItem, strongest
from lolomo.training.models.model import Role
from lolomo.training.models.plays import Plays, most_watched, watched
from lolomo.training.models.space import Choice, Range, Space

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EaseConfig(BlendConfig):
    """How strongly to regularise; a field of several values is chosen on the last events."""

    neighbours: int = 200
    """Most items that one item speaks for; the smaller of its weights are dropped."""
    max_items: int = 5000
    """So many of the most watched items, the core, are solved for together: time grows with the
    cube of it (3 s at 5,000 on two cores, 25 s at 10,000) and memory with the square (8 bytes each
    pair). Each of the others is solved for as if it alone joined the core."""
    trial_items: int = 1500
    """The core's size while settings are tried; the others are then left out."""
    l2: tuple[float, ...] = (300.0, 100.0, 1000.0, 30.0)
    """Added to each item's count of plays."""
    memory_days: tuple[float, ...] = (36500.0, 60.0)
    """A play so much before the cut counts half."""


class Ease(BlendedModel[EaseConfig]):
    """Learns the weights by which a user's plays best predict each other.

    Least squares with an L2 penalty and no item predicting itself, solved by one matrix inverse
    (Steck 2019, "Embarrassingly shallow autoencoders for sparse data").
    """

    name = "ease"
    Config = EaseConfig
    roles: ClassVar[Mapping[str, Role]] = {
        "because_you_watched": Role.CHALLENGER,
        "next_play": Role.ALTERNATIVE,
    }
    quick: ClassVar[Mapping[str, Any]] = {"l2": (300.0, 1000.0), "memory_days": 36500.0}
    space: ClassVar[Mapping[str, Space]] = {
        "neighbours": Choice((100, 200, 400)),
        "l2": Range(10.0, 1000.0, log=True),
        "memory_days": Choice((15.0, 60.0, 180.0, 36500.0)),
        "half_life_days": Range(1.0, 60.0, log=True),
        "prior_weight": Range(0.01, 3.0, log=True),
        "prior_days": Choice((1.0, 3.0, 7.0, 14.0)),
    }

    @override
    def learn(self, plays: Plays, settings: Settings, run: Run) -> ItemItem:
        order = most_watched(plays)
        limit = self.config.trial_items if run.is_trial else self.config.max_items
        others = order[limit : limit if run.is_trial else None]
        matrix = watched(plays, settings["memory_days"])
        places = (np.sort(order[:limit]), np.sort(others))
        return ItemItem(ease_weights(matrix, settings["l2"], places, self.config.neighbours))


def ease_weights(
    matrix: sparse.csr_array, l2: float, places: tuple[Places, Places], neighbours: int
) -> sparse.csr_array:
    """Return the strongest weights of each item. Shape: [items, items].

    Args:
        matrix: Who watched what. Shape: [users, items].
        l2: Added to the diagonal of the Gram matrix.
        places: The core, solved for together, and other items, each solved for beside it.
        neighbours: How many weights of an item to keep.
    """
    core, others = places
    inverse = _inverse((matrix[:, core].T @ matrix[:, core]).toarray(), l2)
    diagonal = np.diag(inverse).copy()
    weights = -inverse / diagonal
    np.fill_diagonal(weights, 0.0)
    blocks = [_largest(weights, core, core, neighbours)]
    size = max(len(core), 1)
    for block in (others[start : start + size] for start in range(0, len(others), size)):
        onto, back = _joining(matrix, core, block, l2, inverse)
        blocks.append(_largest(onto, core, block, neighbours))
        blocks.append(_largest(back, block, core, neighbours))
    rows, columns, values = (np.concatenate(some) for some in zip(*blocks, strict=True))
    shape = (matrix.shape[1], matrix.shape[1])
    return strongest(sparse.csr_array((values, (rows, columns)), shape=shape), neighbours)


def _inverse(gram: Scores, l2: float) -> Scores:
    """Return the inverse of the regularised Gram matrix, by Cholesky in the memory of one copy."""
    gram = np.asfortranarray(gram, np.float32)
    gram[np.diag_indices_from(gram)] += l2
    factor, failed = lapack.spotrf(gram, overwrite_a=True)
    if failed:
        raise ModelError(f"received l2 {l2}: expected more, the plays alone leave EASE no solution")
    inverse, _ = lapack.spotri(factor, overwrite_c=True)
    upper: Scores = np.triu(inverse)
    return upper + np.triu(upper, 1).T


def _joining(
    matrix: sparse.csr_array, core: Places, others: Places, l2: float, inverse: Scores
) -> tuple[Scores, Scores]:
    """Return weights from core to others and back, each as if it alone joined the core.

    The inverse of a matrix grown by one row is known from that of the matrix (block inversion), so
    nothing is solved again.

    Returns:
        Shapes: [core, others] and [others, core].
    """
    shared = matrix[:, core].T @ matrix[:, others]
    onto: Scores = (shared.T @ inverse).T.astype(np.float32)
    own = matrix[:, others].power(2).sum(axis=0) + l2
    left = own - shared.multiply(onto).sum(axis=0)
    back = (onto / left) / (np.diag(inverse)[:, None] + onto**2 / left)
    return onto, back.T.astype(np.float32)


def _largest(
    weights: Scores, rows: Places, columns: Places, k: int
) -> tuple[Places, Places, Scores]:
    """Return row, column and value of the largest weights of each row."""
    k = min(k, weights.shape[1])
    if k == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
    best = np.argpartition(-np.abs(weights), k - 1, axis=1)[:, :k]
    values = np.take_along_axis(weights, best, axis=1)
    return np.repeat(rows, k), columns[best.ravel()], values.ravel()
