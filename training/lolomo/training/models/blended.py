"""Models that score from a history of ids alone, blended with what is popular.

Such a model learns a `HistoryScorer`: given a history, and how much each entry of it counts, it
scores every item. Around it is the same for all:

- An entry counts by its *recency*, 2^(-age / half-life), relative to the latest entry of the
  history, so that a user who was long away is scored by the same taste as before.
- To the scores is added the popularity of the last days before the cut, times `prior_weight`. That
  *prior* orders what no history speaks for, so an unknown user gets what is popular. Scores come
  near 1 for what a history speaks for most, as the prior does for what is most popular.
- Settings with several values in the config are chosen on the last events before the cut, see
  `holdout`; then all events are used. A weight of the prior of 0 alone shows what ids say.

A scorer is written once, in TensorFlow: what is chosen here is the code that is exported.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import numpy as np
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.progress import Progress, silent
from lolomo.core.recommender import Ids, Scores
from lolomo.training.models.data import TrainingData
from lolomo.training.models.export import HISTORY_INDICES, Tensor, export_retriever
from lolomo.training.models.holdout import HISTORY_LENGTH, Holdout, choose, hold_out
from lolomo.training.models.model import Export, Method, Model
from lolomo.training.models.plays import MICROSECONDS_A_DAY, Plays, plays_of, popularity

Settings: TypeAlias = Mapping[str, float]
HALF_LIFE_DAYS = "half_life_days"
PRIOR_WEIGHT = "prior_weight"
PRIOR_DAYS = "prior_days"
_BLEND = (PRIOR_WEIGHT, HALF_LIFE_DAYS, PRIOR_DAYS)
TRIAL_SHARE = 0.5
"""Of the progress that is told, so much is for the choice of settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendConfig:
    """What to blend by; a field of several values is chosen on the last events."""

    half_life_days: tuple[float, ...] = (7.0, 36500.0, 30.0, 1.0)
    """A history entry so much older than the latest counts half."""
    prior_weight: tuple[float, ...] = (1.0, 0.01, 0.1, 0.3, 3.0)
    """What the popularity of the last days counts beside the history."""
    prior_days: tuple[float, ...] = (3.0, 1.0, 14.0)
    """How many days those are."""


BlendConfigT = TypeVar("BlendConfigT", bound=BlendConfig)


class HistoryScorer(Protocol):
    """Scores every item from a history."""

    @property
    def variables(self) -> Sequence[Any]:
        """Every `tf.Variable` that `scores` reads."""
        ...

    def scores(self, history: Tensor, recency: Tensor) -> Tensor:
        """Score all items, in graph mode or eagerly.

        Args:
            history: Item i of the vocabulary as i + 1, 0 where padded; oldest first. int32
                `[batch, length]`.
            recency: How much each entry counts, from 0 (padded) to 1 (the latest). float32
                `[batch, length]`.

        Returns:
            About 1 for the best, 0 for what the history says nothing of. Shape: [batch, items].
        """
        ...


@dataclass(frozen=True, slots=True)
class Blended:
    """A fitted model: a scorer, and what is blended with it."""

    items: Ids
    """Shape: [items]."""
    scorer: HistoryScorer
    """What the history says."""
    prior: Scores
    """Share of recent plays. Shape: [items]."""
    settings: Settings
    """What was chosen, `HALF_LIFE_DAYS`, `PRIOR_WEIGHT` and `PRIOR_DAYS` among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One of the times that a model learns: to try settings, or for good."""

    is_trial: bool
    """Whether only to compare settings, which may be done more cheaply."""
    seed: int
    """Of whatever is drawn at random."""
    progress: Progress = silent
    scratch: Path | None = None
    """As in `TrainingData`."""


class BlendedModel(Model[BlendConfigT]):
    """A model that scores from a history, blended with what is popular.

    Every field of its config that is a tuple lists values to choose from, the one to begin with
    first.
    """

    method: ClassVar[Method] = "retrieve"

    _fitted: Blended | None = None

    @abstractmethod
    def learn(self, plays: Plays, settings: Settings, run: Run) -> HistoryScorer:
        """Learn a scorer by one value of each setting."""

    @override
    def fit(self, data: TrainingData, rng: np.random.Generator) -> None:
        items = data.item_ids()
        plays = plays_of(data, items)
        holdout = hold_out(plays, data.task, rng)
        seed = int(rng.integers(2**31))
        trial, final = _runs(data, seed)
        quality = _quality(
            holdout, plays.before(holdout.start), lambda early, at: self.learn(early, at, trial)
        )
        best = choose(choices_of(self.config), quality if len(holdout) else lambda settings: 0.0)
        data.progress(TRIAL_SHARE, f"chose {best}")
        scorer = self.learn(plays, best, final)
        self._fitted = Blended(items, scorer, popularity(plays, best[PRIOR_DAYS]), best)

    @override
    def export(self, path: Path) -> Export:
        if self._fitted is None:
            raise self.not_fitted()
        return export_blended(path, self._fitted)


def choices_of(config: BlendConfig) -> dict[str, Sequence[float]]:
    """Return the fields of a config that list values to choose from, in the order of choice.

    The weight of the prior and the half-life come first, since without them nothing else tells.
    """
    values = {entry.name: getattr(config, entry.name) for entry in fields(config)}
    own = (name for name in values if name not in _BLEND)
    names = (PRIOR_WEIGHT, HALF_LIFE_DAYS, *own, PRIOR_DAYS)
    return {name: values[name] for name in names if isinstance(values[name], tuple)}


def _runs(data: TrainingData, seed: int) -> tuple[Run, Run]:
    """Return how to try settings, and how to learn for good."""

    def folder(name: str) -> Path | None:
        return data.scratch and data.scratch / name

    def later(fraction: float, message: str) -> None:
        data.progress(TRIAL_SHARE + (1 - TRIAL_SHARE) * fraction, message)

    def earlier(fraction: float, message: str) -> None:
        data.progress(TRIAL_SHARE * fraction, message)

    return (
        Run(is_trial=True, seed=seed, progress=earlier, scratch=folder("trial")),
        Run(is_trial=False, seed=seed, progress=later, scratch=folder("final")),
    )


def export_blended(path: Path, model: Blended) -> Export:
    """Write the model as a retriever that reads ids and times of the history."""
    from lolomo.runtimes.tensorflow import tf

    weight = np.float32(model.settings[PRIOR_WEIGHT])
    prior = tf.Variable(model.prior * weight, trainable=False)
    rate = 1.0 / (model.settings[HALF_LIFE_DAYS] * MICROSECONDS_A_DAY)

    def scores(query: Mapping[str, Tensor]) -> Tensor:
        history, times = query[HISTORY_INDICES], query[Columns.HISTORY_TIMESTAMPS]
        age = tf.cast(tf.reduce_max(times, axis=1, keepdims=True) - times, tf.float32)
        recency = tf.where(history > 0, tf.pow(2.0, -age * rate), 0.0)
        return model.scorer.scores(history, recency) + prior

    inputs = (Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS)
    variables = (*model.scorer.variables, prior)
    return export_retriever(path, model.items, HISTORY_LENGTH, scores, inputs, variables)


def _quality(
    holdout: Holdout, early: Plays, learn: Callable[[Plays, Settings], HistoryScorer]
) -> Callable[[Settings], float]:
    """Return the NDCG@10 of settings on what was held out, as a function."""
    scorers: dict[tuple[float, ...], HistoryScorer] = {}

    @lru_cache(maxsize=1)
    def scores(own: tuple[float, ...], half_life_days: float) -> Scores:
        recency = holdout.recency(half_life_days)
        return np.asarray(scorers[own].scores(holdout.histories, recency), np.float32)

    def quality(settings: Settings) -> float:
        own = tuple(value for name, value in settings.items() if name not in _BLEND)
        if own not in scorers:
            scorers[own] = learn(early, settings)
        prior = np.float32(settings[PRIOR_WEIGHT]) * popularity(early, settings[PRIOR_DAYS])
        return holdout.ndcg(scores(own, settings[HALF_LIFE_DAYS]) + prior)

    return quality
