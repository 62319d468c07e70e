"""Evidence: any pitch alike, the one that is played most, or one that suits title and member.

All are scored by the logit of a play, and `tasks.evidence.PITCH_POLICY` draws by the scores, so
that what is uncertain goes on being tried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.recommender import Scores
from lolomo.tasks.evidence import PITCH_INPUTS
from lolomo.training.models.context_terms import PLAYS_TOTAL, ContextTerms, past_choices
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.export import Tensor, ranker_inputs
from lolomo.training.models.function_ranker import FunctionRanker, RankingFunction
from lolomo.training.models.model import Role


@dataclass(frozen=True, slots=True)
class UniformPitchConfig:
    """Nothing to set."""


class UniformPitch(FunctionRanker[UniformPitchConfig]):
    """Scores every pitch alike, so that each is drawn as often."""

    name = "uniform_pitch"
    Config = UniformPitchConfig
    roles: ClassVar[Mapping[str, Role]] = {"evidence": Role.BASELINE}
    reads: ClassVar[tuple[str, ...]] = (Columns.DEVICE,)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        from lolomo.runtimes.tensorflow import tf

        def scores(query: Mapping[str, Tensor]) -> Tensor:
            return tf.zeros_like(query[PITCH_INPUTS[0]])

        return RankingFunction(scores, ranker_inputs((), (Columns.CANDIDATES, PITCH_INPUTS[0])))


@dataclass(frozen=True, slots=True)
class PlayedPitchConfig:
    """How much few impressions are believed."""

    pseudo_count: float = 100.0
    """How many impressions like those of all pitches each starts with."""


class PlayedPitch(FunctionRanker[PlayedPitchConfig]):
    """Scores a pitch by how often titles shown with it are played, whoever looks."""

    name = "played_pitch"
    Config = PlayedPitchConfig
    roles: ClassVar[Mapping[str, Role]] = {"evidence": Role.BASELINE}
    reads: ClassVar[tuple[str, ...]] = (Columns.DEVICE,)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        from lolomo.runtimes.tensorflow import tf

        batches = past_choices(data)
        terms = ContextTerms.of(batches, (), with_hour=False)
        plays, shown = np.zeros(len(terms.choices)), np.zeros(len(terms.choices))
        for batch in batches:
            pitch = terms.chosen(batch.query).numpy()
            played, known = _outcomes(batch)
            plays += np.einsum("bc,bcv->v", played, pitch)
            shown += np.einsum("bc,bcv->v", known, pitch)
        prior = self.config.pseudo_count
        rate = (plays + prior * plays.sum() / shown.sum()) / (shown + prior)
        logits = np.log(rate / (1 - rate)).astype(np.float32)

        def scores(query: Mapping[str, Tensor]) -> Tensor:
            return tf.einsum("bcv,v->bc", terms.chosen(query), logits)

        return RankingFunction(scores, ranker_inputs((), (Columns.CANDIDATES,)))


@dataclass(frozen=True, slots=True)
class PitchRewardsConfig:
    """How to weigh."""

    l2: float = 1e-4
    """How strongly weights are drawn to 0, each counting one standard deviation."""


class PitchRewards(FunctionRanker[PitchRewardsConfig]):
    """Predicts whether a title is played by pitch, member and title: a logistic regression.

    Each pitch has its own weights for how much a title is watched, how old it is, how well its
    genres meet the member's history, how much the member has watched, and the device.
    """

    name = "pitch_rewards"
    Config = PitchRewardsConfig
    roles: ClassVar[Mapping[str, Role]] = {"evidence": Role.CHALLENGER}
    reads: ClassVar[tuple[str, ...]] = (PLAYS_TOTAL, Columns.DEVICE)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        batches = past_choices(data)
        terms = ContextTerms.of(batches, PITCH_INPUTS, with_hour=False)
        inputs, played = _shown(terms, batches)
        scores = partial(terms.weighted, _logistic(inputs, played, self.config.l2))
        return RankingFunction(scores, ranker_inputs(data.features, terms.inputs))


def _outcomes(batch: RankingBatch) -> tuple[Scores, Scores]:
    """Return what was played of what was shown, and what was shown. Shapes: [batch, pitches]."""
    values = batch.gains if batch.values is None else batch.values
    return np.nan_to_num(values), np.isfinite(values).astype(np.float32)


def _shown(
    terms: ContextTerms, batches: Sequence[RankingBatch]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the terms of what was shown, and whether it was played: [shown, terms], [shown]."""
    inputs, outcomes = [], []
    for batch in batches:
        played, known = _outcomes(batch)
        inputs.append(terms(batch.query).numpy()[known > 0])
        outcomes.append(played[known > 0])
    return np.concatenate(inputs).astype(np.float64), np.concatenate(outcomes).astype(np.float64)


def _logistic(inputs: NDArray[np.float64], outcomes: NDArray[np.float64], l2: float) -> Scores:
    """Return the weights of the most probable logistic regression. Shape: [terms]."""
    from scipy.optimize import minimize
    from scipy.special import expit

    spread = np.maximum(inputs.std(axis=0), 1e-6)
    scaled = inputs / spread

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = scaled @ weights
        surprise = np.logaddexp(0.0, logits) - outcomes * logits
        gradient = scaled.T @ (expit(logits) - outcomes) / len(outcomes)
        return surprise.mean() + l2 * weights @ weights, gradient + 2 * l2 * weights

    start = np.zeros(inputs.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    weights: Scores = (found.x / spread).astype(np.float32)
    return weights
