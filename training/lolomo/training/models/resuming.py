"""Continue watching: the last that was left first, or what is learned of when people go on.

How long ago an item was left says most of whether its user goes on with it, and how far they got
says some: what was begun and left at once is seldom gone on with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.events.watching import AGE_DAYS, CANDIDATE_INPUTS
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import Tensor, ranker_inputs
from lolomo.training.models.function_ranker import FunctionRanker, RankingFunction, known
from lolomo.training.models.model import Role
from lolomo.training.models.shortlists import shortlists

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
    """Weighs the age of an item, how far its user got, and how much it is watched now.

    A log-linear score of seven terms, fitted by the softmax cross-entropy of whole lists (ListNet,
    Cao et al. 2007).
    """

    name = "resume_ranker"
    Config = ResumeRankerConfig
    roles: ClassVar[Mapping[str, Role]] = {"continue_watching": Role.CHALLENGER}
    reads: ClassVar[tuple[str, ...]] = (POPULARITY,)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        from lolomo.runtimes.tensorflow import tf

        lists = shortlists(data, COLUMNS, 10_000, rng)
        values = {name: lists.values[:, :, place] for place, name in enumerate(COLUMNS)}
        weights = np.array([-1, 0, 0, 0, 0, 0, 0], np.float32)
        if len(lists):
            weights = lists.blend(_terms(values, tf.math.log).numpy(), self.config.l2)

        def scores(query: Mapping[str, Tensor]) -> Tensor:
            return tf.einsum("bct,t->bc", _terms(query, tf.math.log), weights)

        return RankingFunction(scores, ranker_inputs((), (Columns.CANDIDATES, *COLUMNS)))


def _terms(values: Mapping[str, Any], log: Callable[[Any], Tensor]) -> Tensor:
    """Return what is weighed. Shape: [batch, candidates, terms]."""
    from lolomo.runtimes.tensorflow import tf

    progress, days = known(values[Columns.PROGRESS]), known(values[AGE_DAYS])
    age = log(tf.maximum(days, 0.0) + 0.02)
    plays = log(tf.maximum(known(values[POPULARITY]), 0.0) + 1.0)
    same_hour = tf.cos(2 * np.pi * days)
    terms = (age, age * age, progress, progress * progress, progress * age, same_hour, plays)
    return tf.stack(terms, axis=2)
