"""Orders items by how often they are watched on televisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from typing_extensions import override

from lolomo.training.models import Export, Model, Role, TrainingData
from lolomo.training.models.export import export_ranker, ranker_inputs

FEATURE = "item_living_room_plays"


@dataclass(frozen=True, slots=True)
class LivingRoomPopularityConfig:
    """There is little to choose."""

    smoothing: float = 1.0
    """Added to each count."""


class LivingRoomPopularity(Model[LivingRoomPopularityConfig]):
    """The company's own baseline."""

    name = "living_room_popularity"
    Config = LivingRoomPopularityConfig
    roles = {"family_night": Role.BASELINE}  # noqa: RUF012
    method = "rank"

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        """There is nothing to learn: the feature is the score."""
        self._features = data.features

    @override
    def export(self, path: Path) -> Export:
        """Write log(smoothing + plays) as a ranker."""
        import tensorflow as tf

        def scores(query: Mapping[str, Any]) -> Any:
            plays = query[FEATURE]
            plays = tf.where(tf.math.is_nan(plays), tf.zeros_like(plays), plays)
            return tf.math.log(self.config.smoothing + plays)

        return export_ranker(path, scores, ranker_inputs(self._features, [FEATURE]))
