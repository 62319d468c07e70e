"""How much a network's scores, counts and co-visits weigh, learned from events it never saw.

Fitted together, counts would weigh too little: embeddings and biases are learned from the very
events that they are to explain, later popularity included, so that there is hardly anything left
for the counts to say. After the cut it is otherwise: embeddings are out of date, and counts are
not. The same holds of co-visits (`candidate_values`). Therefore the network first learns without
the last events, is asked about them, each from the history before it, and a regression over what
could have been watched finds the weights of `layers.score_blend` (see `blend_weights`). With these
weights it then goes on to learn from all events.

One fit is judged with fresh counts, with late ones, and with ones that stopped at the cut, so each
question may know the counts of one of three moments: its own, one up to the held-back span earlier,
or the start of that span.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ids, Query, Scores
from lolomo.training.models.blend_weights import NEVER, AnsweredLists, blend_weights
from lolomo.training.models.candidate_values import log_covisits_at
from lolomo.training.models.data import TrainingData
from lolomo.training.models.next_item_config import NextItemConfig
from lolomo.training.models.next_item_examples import (
    NextItemEvents,
    packed_parts,
    told_tokens,
)
from lolomo.training.models.past_counts import COUNTS, log_counts_at

if TYPE_CHECKING:
    from lolomo.training.layers.next_item_network import NextItemNetwork

MICROSECONDS_AN_HOUR = 3_600_000_000
NUM_CANDIDATES = 1500
"""How many items a question is about, on average; all where there are no more."""
BATCH = 128


@dataclass(frozen=True, slots=True)
class Questions:
    """Held-back events as the network is asked about them; arrays have the shape [questions]."""

    inputs: Mapping[str, NDArray[Any]]
    """The packed row that each event is in, see `NextItemNetwork`. Shapes: [questions, length]."""
    sources: NDArray[np.int32]
    """The place in its row that each event is predicted from."""
    context: NDArray[np.int32]
    """Of user and request. Shape: [questions, fields]."""
    timestamps: NDArray[np.int64]
    targets: NDArray[np.int32]
    """Item i as i."""
    start: int
    """When the held-back events begin, microseconds."""

    @classmethod
    def of(
        cls,
        config: NextItemConfig,
        events: NextItemEvents,
        context: NDArray[np.int32],
        rng: np.random.Generator,
    ) -> "Questions":
        """Draw questions from the last events, of items that were there before.

        Args:
            config: With `held_back` and `calibration_questions`.
            events: All events.
            context: Places of what is known of user and request, `[events, fields]`.
            rng: Draws them.
        """
        # One part of a long log's users has far more questions than are drawn.
        packed = next(packed_parts(config, events, rng))
        num_known = round(len(events.timestamps) * (1 - config.held_back))
        start = int(events.timestamps[num_known])
        was_there = events.first_timestamps[np.maximum(packed.items - 1, 0)] < start
        rows, places = np.nonzero(packed.is_target & (packed.timestamps >= start) & was_there)
        some = rng.permutation(len(rows))[: config.calibration_questions]
        rows, places = rows[some], places[some]
        told = told_tokens(events, context, packed)
        sources = packed.sources[rows, places]
        inputs = {name: values[rows] for name, values in told.items() if name != "context"}
        return cls(
            inputs=inputs,
            sources=sources,
            context=told["context"][rows, places],
            timestamps=packed.timestamps[rows, places],
            targets=packed.items[rows, places] - 1,
            start=start,
        )

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def watched(self) -> NDArray[np.int32]:
        """What each question's history shows: item i as i + 1, 0 elsewhere. As `inputs`."""
        items, segments = self.inputs["items"], self.inputs["segments"]
        own = np.take_along_axis(segments, self.sources[:, None], axis=1)
        earlier = np.arange(items.shape[1]) <= self.sources[:, None]
        return np.where((segments == own) & earlier, items, 0)

    @property
    def history(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """What each question's history shows and when that was, padded with 0 at the front."""
        watched = self.watched
        times = np.where(watched > 0, self.inputs["timestamps"], 0)
        order = np.argsort(watched > 0, axis=1, kind="stable")
        return np.take_along_axis(watched, order, 1), np.take_along_axis(times, order, 1)

    def part(self, some: slice) -> "Questions":
        """Return some of the questions."""
        return Questions(
            {name: values[some] for name, values in self.inputs.items()},
            self.sources[some],
            self.context[some],
            self.timestamps[some],
            self.targets[some],
            self.start,
        )


def calibrated(
    network: "NextItemNetwork",
    questions: Questions,
    events: NextItemEvents,
    data: TrainingData,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the weights of a `ScoreBlend`. Shape: [1 + values].

    Args:
        network: Fitted without the questions' answers.
        questions: From which to learn.
        events: All events.
        data: Tells what was known in the past.
        rng: Draws candidates, and how old counts are.
    """
    candidates, correction = _candidates(events, questions.start, rng)
    known_at = _known_at(questions, rng)
    others = np.broadcast_to(candidates, (len(questions), len(candidates)))
    items = np.concatenate([questions.targets[:, None], others], axis=1)
    values = [_network_scores(network, questions, items), _log_counts(data, known_at, items)]
    if network.parts.num_values > len(COUNTS):
        values.append(log_covisits_at(data, _asked(questions, known_at, items, data.item_ids())))
    offsets = np.zeros(items.shape, np.float32)
    for row, watched in enumerate(questions.watched):
        out = np.isin(candidates + 1, [*watched, items[row, 0] + 1])
        offsets[row, 1:] = np.where(out, NEVER, correction)
    return blend_weights(AnsweredLists(np.concatenate(values, axis=2), offsets))


def _network_scores(
    network: "NextItemNetwork", questions: Questions, items: NDArray[np.intp]
) -> Scores:
    """Return what the network says of each question's items. Shape: [questions, items, 1]."""
    parts = []
    for start in range(0, len(questions), BATCH):
        some = slice(start, start + BATCH)
        scores = np.asarray(_scores(network, questions.part(some)))
        parts.append(np.take_along_axis(scores, items[some], axis=1))
    return np.concatenate(parts)[:, :, None] if parts else np.empty((*items.shape, 1), np.float32)


def _log_counts(data: TrainingData, known_at: NDArray[np.int64], items: NDArray[np.intp]) -> Scores:
    """Return the log counts of each question's items. Shape: [questions, items, counts]."""
    instants, rows = np.unique(known_at, return_inverse=True)
    some, places = np.unique(items, return_inverse=True)
    counts = log_counts_at(data, instants, some)
    return np.moveaxis(counts[:, rows[:, None], places.reshape(items.shape)], 0, 2)


def _asked(
    questions: Questions, known_at: NDArray[np.int64], items: NDArray[np.intp], item_ids: Ids
) -> Query:
    """Return the questions as `HistoryFeatures` is asked."""
    watched, times = questions.history
    return {
        Columns.TIMESTAMP: questions.timestamps,
        Columns.COUNTS_TIMESTAMP: known_at,
        Columns.HISTORY_ITEM_IDS: np.concatenate([[""], item_ids]).astype(object)[watched],
        Columns.HISTORY_TIMESTAMPS: times,
        Columns.CANDIDATES: item_ids[items],
    }


def _scores(network: "NextItemNetwork", questions: Questions) -> Any:
    """Return the network's scores of all items. Shape: [questions, items]."""
    import tensorflow as tf

    body = network(dict(questions.inputs), training=False)
    states = tf.gather(body, questions.sources, batch_dims=1)
    states = network.query_states(states, questions.context)
    return network.item_scores(states, tf.constant(questions.timestamps))


def _known_at(questions: Questions, rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose as of when each question knows counts. Shape: [questions]."""
    size = len(questions)
    longest = questions.timestamps.max(initial=questions.start) - questions.start
    ratio = max(float(longest) / MICROSECONDS_AN_HOUR, 1.0)
    delays = (MICROSECONDS_AN_HOUR * ratio ** rng.random(size)).astype(np.int64)
    times = questions.timestamps
    late = [times, times - delays, np.full(size, questions.start)]
    return np.choose(rng.integers(len(late), size=size), late)


def _candidates(
    events: NextItemEvents, start: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Draw items that were there, popular ones for certain, others now and then.

    Returns:
        Items, and what to add to their scores since each stands for those that were not drawn: the
        negative logarithm of how likely it was drawn. Shapes: [candidates] twice.
    """
    num_items = len(events.first_timestamps)
    recent = events.items[events.timestamps >= start]
    appeal = np.sqrt(np.bincount(recent, minlength=num_items)) + 0.2
    appeal *= events.first_timestamps < start
    chance = np.minimum(appeal / max(appeal.sum(), 1e-9) * NUM_CANDIDATES, 1.0)
    chosen = np.flatnonzero(rng.random(num_items) < chance)
    return chosen, -np.log(chance[chosen]).astype(np.float32)
