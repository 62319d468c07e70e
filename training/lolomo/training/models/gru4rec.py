"""GRU4Rec: the history read in order by a gated recurrent unit.

Hidasi et al., "Session-based recommendations with recurrent neural networks" (ICLR 2016), with the
many shared negatives and cross-entropy of Hidasi & Karatzoglou, "Recurrent neural networks with
top-k gains" (CIKM 2018). A history takes the place of the session; time enters as the gaps between
events and the moment of the query.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from lolomo.training.models.next_item import NextItemModel
from lolomo.training.models.next_item_config import NextItemConfig

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, kw_only=True)
class GRU4RecConfig(NextItemConfig):
    """What GRU4Rec may be told."""

    units: int = 128
    """Of each recurrent layer."""
    num_layers: int = 1
    """Recurrent layers."""


class GRU4Rec(NextItemModel[GRU4RecConfig]):
    """Scores items by the state of a recurrent network."""

    name = "gru4rec"
    Config = GRU4RecConfig

    @override
    def body(self, length: int, timed: bool) -> "keras.layers.Layer":
        from lolomo.training.layers.recurrent import WindowedGRU

        config = self.config
        return WindowedGRU(config.embedding_dim, config.units, config.num_layers, config.dropout)
