"""SASRec: causal self-attention over the history, with a modern loss and continuous time.

Kang & McAuley, "Self-attentive sequential recommendation" (ICDM 2018), trained by a softmax over
all items, a sampled one with logQ correction, or gBCE (Petrov & Macdonald, RecSys 2023), since the
single negative of the original, not its encoder, is what made it fall behind (Klenitskiy &
Vasilev 2023). Attention sees gaps of time, if they are told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from lolomo.training.models.attention import AttentionConfig, AttentionModel
from lolomo.training.models.model import Role

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, kw_only=True)
class SASRecConfig(AttentionConfig):
    """What SASRec may be told."""


class SASRec(AttentionModel[SASRecConfig]):
    """Scores items by the state of a causal transformer."""

    name = "sasrec"
    Config = SASRecConfig
    roles: ClassVar[Mapping[str, Role]] = {"next_play": Role.CHALLENGER}
    quick: ClassVar[Mapping[str, Any]] = {
        "epochs": 4,
        "learning_rate": 6e-3,
        "continue_epochs": 1,
        "num_negatives": 256,
        "calibration_questions": 600,
        "from_earlier_cut": True,
    }

    @override
    def block(self, index: int, length: int, timed: bool) -> "keras.layers.Layer":
        from lolomo.training.layers.causal_attention import CausalAttentionBlock

        config, name = self.config, f"block_{index}"
        return CausalAttentionBlock(
            config.embedding_dim, config.num_heads, length, timed, config.dropout, name=name
        )
