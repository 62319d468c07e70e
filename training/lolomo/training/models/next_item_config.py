"""What every model of the next item may be told, and the rungs of the ladder of its inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from lolomo.core.errors import ModelError
from lolomo.training.models.candidate_values import CLOSE_COVISITS
from lolomo.training.models.past_counts import COUNTS

if TYPE_CHECKING:
    from lolomo.training.layers.next_item_network import TimeKind

Rung: TypeAlias = Literal[
    "ids", "content", "context", "discretised_time", "continuous_time", "absolute_time"
]
Loss: TypeAlias = Literal["softmax", "sampled_softmax", "gbce"]
TIME: "Mapping[str, TimeKind]" = {
    "ids": "none",
    "content": "none",
    "context": "none",
    "discretised_time": "discrete",
    "continuous_time": "continuous",
    "absolute_time": "absolute",
}
"""How each rung is told the time; the rungs in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextItemConfig:
    """What every model of the next item may be told."""

    inputs: Rung = "continuous_time"
    """What the model sees: ids; and content of items; and what is known of user, request and kind
    of event; and time, as buckets, as continuous values, or as the raw timestamp."""
    popularity_prior: bool = True
    """Whether counts are added to the scores; the model then ranks instead of retrieving."""
    covisits: bool = True
    """With the popularity prior: whether it is added too how often candidates were watched close to
    the latest plays of the history."""
    history_length: int = 50
    """Most events of the history that are seen; older ones are dropped."""
    embedding_dim: int = 96
    """Size of item embeddings and states."""
    tied_embeddings: bool = True
    """Whether watched and wanted items share their embeddings."""
    dropout: float = 0.4
    """Share of activations dropped in training."""
    loss: Loss = "sampled_softmax"
    """`softmax` over all items, `sampled_softmax` with logQ correction, or `gbce`."""
    num_negatives: int = 1024
    """Items drawn a batch as negatives; all where there are no more."""
    calibration: float = 0.75
    """Of `gbce`: how far the bias of sampling is undone, from 0 to 1."""
    event_half_life_days: float = 30.0
    """After how many days before the cut an event counts half in the loss; 0 for no decay."""
    longest_delay: float = 0.1
    """How old the list of items may be in training, as a fraction of the data's span."""
    calibration_share: float = 0.1
    """With the popularity prior: last fraction of the events that the network does not learn from
    before its last `continue_epochs`, to weigh its scores and what else is known on them."""
    calibration_questions: int = 1500
    """Most of the held-back events that are asked about."""
    epochs: int = 8
    """Most passes over the data."""
    batch_rows: int = 32
    """Rows of packed sequences a step, of `history_length` + 1 tokens each."""
    learning_rate: float = 4e-3
    """The highest of the schedule."""
    weight_decay: float = 0.0
    """As in AdamW."""
    continue_epochs: int = 3
    """Passes when going on, from a release or, with the popularity prior, after calibration."""
    from_earlier_cut: bool = False
    """With the popularity prior: whether to go on from the same model's fit before the window that
    ends at the cut, which is calibrated on that window, rather than to begin anew: for a fraction
    of the time, and a little less accurate where popularity moves fast."""
    continue_learning_rate: float = 2e-3
    """The highest of the schedule when going on."""
    replay: float = 1.0
    """When going on from a release: users without new events that are learned from again, for each
    user with new ones, so that old tastes are not forgotten."""
    held_back: float = 0.0
    """Last fraction of the events, held back to stop early; 0 learns from all for all epochs."""
    patience: int = 1
    """Epochs without a better loss on what is held back before stopping."""
    mixed_precision: bool = False
    """Whether to compute in bfloat16."""
    xla: bool = False
    """Whether to compile by XLA."""

    def __post_init__(self) -> None:
        for name, choices in (("inputs", get_args(Rung)), ("loss", get_args(Loss))):
            if getattr(self, name) not in choices:
                raise ModelError(
                    f"received {name} {getattr(self, name)!r}: expected one of {list(choices)}"
                )
        if self.from_earlier_cut and self.time == "absolute":
            raise ModelError(
                "received from_earlier_cut and inputs 'absolute_time': the raw timestamp is scaled "
                "by the data of one fit; choose 'continuous_time', or fit anew at each cut"
            )

    @property
    def candidate_values(self) -> tuple[str, ...]:
        """Names of what is added to the network's scores."""
        if not self.popularity_prior:
            return ()
        return (*COUNTS, *CLOSE_COVISITS) if self.covisits else COUNTS

    @property
    def time(self) -> "TimeKind":
        """How time is told."""
        return TIME[self.inputs]

    @property
    def timed(self) -> bool:
        """Whether the gaps between events are told."""
        return self.time in ("discrete", "continuous")

    @property
    def reads_content(self) -> bool:
        """Whether items are told by content too."""
        return self.inputs != "ids"

    @property
    def reads_context(self) -> bool:
        """Whether user, request and kinds of events are told."""
        return self.inputs not in ("ids", "content")
