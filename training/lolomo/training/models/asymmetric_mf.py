"""Asymmetric matrix factorisation: a user is the sum of what they watched.

Paterek, "Improving regularized singular value decomposition for collaborative filtering" (2007),
and Koren's asymmetric SVD (2008): a user has no parameters of their own, so new users need no
training. Watched and wanted items have embeddings of their own; recent events may weigh more, and
the softmax over items takes the place of the squared error of ratings.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from lolomo.training.models.next_item import NextItemModel
from lolomo.training.models.next_item_config import NextItemConfig

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, kw_only=True)
class AsymmetricMFConfig(NextItemConfig):
    """What asymmetric matrix factorisation may be told."""

    tied_embeddings: bool = False
    """Whether watched and wanted items share their embeddings."""


class AsymmetricMF(NextItemModel[AsymmetricMFConfig]):
    """Scores items by the inner product with the bag of the history."""

    name = "asymmetric_mf"
    Config = AsymmetricMFConfig

    @override
    def body(self, length: int, timed: bool) -> "keras.layers.Layer":
        from lolomo.training.layers.bag import LinearBag

        return LinearBag(length, timed)
