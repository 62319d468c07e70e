"""A blend of the deep ranker and the trees, with a place for discovery.

The two err differently: trees split on counts and ages as sharply as they like, the network knows
ids, sequence and content. Averaging rankers that err differently is the oldest stacking there is
(Wolpert 1992); with one weight to choose, nothing can be overfitted. See `runtimes.blend` for what
is served.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.runtimes.blend import Discovery, Member, describe_blend
from lolomo.training.models.data import TrainingData
from lolomo.training.models.deep_ranker import DeepRanker
from lolomo.training.models.lightgbm_ranker import LightGBMRanker
from lolomo.training.models.model import Export, Method, Model, Role
from lolomo.training.models.space import Choice, Range, Space


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendedRankerConfig:
    """How much each counts, and what is a discovery."""

    deep_weight: float = 0.6
    """Weight of the deep ranker's standardised scores; the trees have the rest."""
    discovery_place: int = 10
    """Place that is kept for discovery, from 1; 0 for none."""
    discovery_counts: str = "item_plays_total"
    """The feature that says how often a candidate was watched."""
    discovery_quantile: float = 0.7
    """Items watched more often than so large a share of all items are no discovery."""
    discovery_by: str = "covisits_soon"
    """The feature by which the discovery is chosen among those near enough; "" for the score."""
    discovery_gap: float = 1.5
    """How far a discovery may be behind what it displaces, in standard deviations of the scores of
    the query's candidates: less gives up coverage, more gives up accuracy."""

    def __post_init__(self) -> None:
        for name in ("deep_weight", "discovery_quantile"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ModelError(f"received {name} {getattr(self, name)}: expected 0 to 1")
        place = self.discovery_place
        if place < 0 or place == 1:
            raise ModelError(f"received discovery_place {place}: expected at least 2, 0 for none")
        if self.discovery_gap < 0:
            raise ModelError(f"received discovery_gap {self.discovery_gap}: expected at least 0")


class BlendedRanker(Model[BlendedRankerConfig]):
    """Averages the standardised scores of a deep ranker and of LightGBM."""

    name = "blended_ranker"
    Config = BlendedRankerConfig
    roles: ClassVar[Mapping[str, Role]] = {"top_picks": Role.CHALLENGER}
    method: ClassVar[Method] = "rank"
    wants_gpu: ClassVar[bool] = True
    space: ClassVar[Mapping[str, Space]] = {
        "deep_weight": Range(0.0, 1.0),
        "discovery_quantile": Choice((0.5, 0.7, 0.8, 0.9)),
        "discovery_gap": Range(0.5, 3.0),
    }

    _members: Mapping[str, tuple[Callable[[Path], Export], float]] = MappingProxyType({})
    _discovery: Discovery

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        weight = self.config.deep_weight
        members = ((LightGBMRanker(), 1.0 - weight), (DeepRanker(), weight))
        self._members = {
            ranker.name: (_fitted(ranker, data, rng), share)
            for ranker, share in members
            if share > 0
        }
        plays = data.events.group_by(Columns.ITEM_ID).len()["len"].to_numpy()
        most = float(np.quantile(plays, self.config.discovery_quantile))
        self._discovery = Discovery(
            self.config.discovery_counts,
            most,
            self.config.discovery_place,
            self.config.discovery_gap,
            self.config.discovery_by,
        )

    @override
    def export(self, path: Path) -> Export:
        if not self._members:
            raise self.not_fitted()
        members, inputs = [], dict.fromkeys(self._discovery.inputs)
        for name, (write, weight) in self._members.items():
            (path / name).mkdir()
            export = write(path / name)
            members.append(Member(name, export.runtime, export.inputs, weight))
            inputs |= dict.fromkeys(export.inputs)
        describe_blend(path, members, self._discovery)
        return Export("blend", "rank", tuple(inputs))


def _fitted(
    ranker: Model[Any], data: TrainingData, rng: np.random.Generator
) -> Callable[[Path], Export]:
    """Fit a member, unless its fit is kept; return what writes its files into a folder."""
    if data.fitted is None:
        ranker.fit(data, rng)
        return ranker.export
    kept = data.fitted(ranker.name)

    def write(path: Path) -> Export:
        shutil.copytree(kept.files, path, dirs_exist_ok=True)
        return kept.export

    return write
