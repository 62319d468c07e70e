"""Continue watching: the last that was left first, or what is learned of when people go on.

How long ago an item was left says most of whether its user goes on with it, and how far they got
says some: what was begun and left at once is seldom gone on with. The same hour of the day, and the
device, say who sits there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.events.watching import AGE_DAYS, CANDIDATE_INPUTS
from lolomo.training.models.context_terms import one_hot
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.export import Tensor, ranker_inputs
from lolomo.training.models.function_ranker import FunctionRanker, RankingFunction, known
from lolomo.training.models.model import Role
from lolomo.training.models.shortlists import Shortlists

POPULARITY: Final = "item_plays_7d"
COLUMNS: Final = (*CANDIDATE_INPUTS, POPULARITY)


@dataclass(frozen=True, slots=True)
class LastUnfinishedConfig:
    """Nothing to set."""


class LastUnfinished(FunctionRanker[LastUnfinishedConfig]):
    """Orders unfinished items by when they were left, the latest first."""

    name = "last_unfinished"
    Config = LastUnfinishedConfig
    roles: ClassVar[Mapping[str, Role]] = {"continue_watching": Role.BASELINE}

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        inputs = ranker_inputs((), (Columns.CANDIDATES, AGE_DAYS))
        return RankingFunction(lambda query: -known(query[AGE_DAYS]), inputs)


@dataclass(frozen=True, slots=True)
class ResumeRankerConfig:
    """How to weigh."""

    l2: float = 0.003
    """How strongly weights are drawn to 0, each counting one standard deviation."""


class ResumeRanker(FunctionRanker[ResumeRankerConfig]):
    """Weighs the age of an item, how far its user got, the device, and how much it is watched now.

    A log-linear score, fitted by the softmax cross-entropy of whole lists (ListNet, Cao et al.
    2007). Age and progress have weights of their own for each device: a phone is for short rests.
    """

    name = "resume_ranker"
    Config = ResumeRankerConfig
    roles: ClassVar[Mapping[str, Role]] = {"continue_watching": Role.CHALLENGER}
    reads: ClassVar[tuple[str, ...]] = (POPULARITY, Columns.DEVICE)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        batches = list(data.rankings()) if data.rankings is not None else []
        devices = {str(name) for batch in batches for name in batch.query[Columns.DEVICE]}
        terms = _Terms(tuple(sorted(devices - {""})))
        lists = _lists(batches, terms)
        weights = -np.eye(1, terms.number, dtype=np.float32)[0]
        if len(lists):
            weights = lists.blend(lists.values, self.config.l2)

        def scores(query: Mapping[str, Tensor]) -> Tensor:
            from lolomo.runtimes.tensorflow import tf

            return tf.einsum("bct,t->bc", terms(query), weights)

        names = (Columns.CANDIDATES, *COLUMNS, Columns.DEVICE)
        return RankingFunction(scores, ranker_inputs(data.features, names))


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is weighed; the first is the logarithm of the age."""

    devices: tuple[str, ...]

    @property
    def number(self) -> int:
        return 7 + 2 * len(self.devices)

    def __call__(self, query: Mapping[str, Any]) -> Tensor:
        """Return the terms of each candidate. Shape: [batch, candidates, terms]."""
        from lolomo.runtimes.tensorflow import tf

        progress, days = known(query[Columns.PROGRESS]), known(query[AGE_DAYS])
        age = tf.math.log(tf.maximum(days, 0.0) + 0.02)
        plays = tf.math.log1p(tf.maximum(known(query[POPULARITY]), 0.0))
        same_hour = tf.cos(2 * np.pi * days)
        general = (age, age * age, progress, progress * progress, progress * age, same_hour, plays)
        device = one_hot(query[Columns.DEVICE], self.devices)[:, None, :]
        by_device = (progress[:, :, None] * device, age[:, :, None] * device)
        return tf.concat([tf.stack(general, axis=2), *by_device], axis=2)


def _lists(batches: Sequence[RankingBatch], terms: _Terms) -> Shortlists:
    """Return the past lists that were answered, their terms in place of columns."""
    width = max((batch.gains.shape[1] for batch in batches), default=0)
    values, gains, present = [np.zeros((0, width, terms.number), np.float32)], [], []
    for batch in batches:
        answered = batch.gains.max(axis=1, initial=0.0) > 0
        wider = ((0, 0), (0, width - batch.gains.shape[1]))
        values.append(np.pad(terms(batch.query).numpy()[answered], (*wider, (0, 0))))
        gains.append(np.pad(batch.gains[answered], wider))
        present.append(np.pad((batch.query[Columns.CANDIDATES] != "")[answered], wider))
    none = np.zeros((0, width))
    return Shortlists(
        np.concatenate(values),
        np.concatenate([none, *gains]).astype(np.float32),
        np.concatenate([none, *present]).astype(np.bool_),
    )
