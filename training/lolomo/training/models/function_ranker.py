"""A ranker that is one function of its inputs: what most simple models are once they are fitted."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import Tensor, TensorFunction, export_ranker
from lolomo.training.models.model import ConfigT, Export, Method, Model


@dataclass(frozen=True, slots=True)
class RankingFunction:
    """What was learned, as it is exported; it reads no variable."""

    scores: TensorFunction
    """From inputs to scores `[batch, candidates]`."""
    inputs: Mapping[str, Tensor]
    """Tensor specs, from `ranker_inputs`."""


class FunctionRanker(Model[ConfigT]):
    """Learns a function, and exports it."""

    method: ClassVar[Method] = "rank"

    _learned: RankingFunction | None = None

    @abstractmethod
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        """Return the function that the data speak for.

        Raises:
            ModelError: As `fit` does.
        """

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        self._learned = self.learn(data, rng)

    @override
    def export(self, path: Path) -> Export:
        if self._learned is None:
            raise self.not_fitted()
        return export_ranker(path, self._learned.scores, self._learned.inputs)


def known(values: Any) -> Tensor:
    """Return numbers as float32, 0 where missing."""
    from lolomo.runtimes.tensorflow import tf

    numbers = tf.convert_to_tensor(values, tf.float32)
    return tf.where(tf.math.is_nan(numbers), tf.zeros_like(numbers), numbers)
