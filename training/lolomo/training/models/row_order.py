"""Row order: the usual one, the one by what is played, or one that is learned of each moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.recommender import Scores
from lolomo.features.shown import ROW_INPUTS
from lolomo.training.models.context_terms import HOUR, PLAYS_TOTAL, ContextTerms, past_choices
from lolomo.training.models.data import RankingBatch, TrainingData
from lolomo.training.models.export import Tensor, ranker_inputs
from lolomo.training.models.function_ranker import FunctionRanker, RankingFunction
from lolomo.training.models.model import Role
from lolomo.training.models.shortlists import Shortlists

PARTS_OF_DAY: Final = 4


@dataclass(frozen=True, slots=True)
class FixedRowsConfig:
    """Nothing to set."""


class FixedRows(FunctionRanker[FixedRowsConfig]):
    """Orders rows as they mostly stood, whoever asks."""

    name = "fixed_rows"
    Config = FixedRowsConfig
    roles: ClassVar[Mapping[str, Role]] = {"row_order": Role.BASELINE}
    reads: ClassVar[tuple[str, ...]] = (Columns.DEVICE,)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        from lolomo.runtimes.tensorflow import tf

        placed = data.events.filter(pl.col(Columns.ROW).is_not_null())
        means = placed.group_by(Columns.SURFACE).agg(pl.col(Columns.ROW).mean())
        known: dict[str, float] = dict(means.sort(Columns.SURFACE).iter_rows())
        rows = np.array([*known], dtype=object)
        places = np.array([*known.values()], np.float32)
        unknown = places.max(initial=0.0) + np.float32(1)

        def scores(query: Mapping[str, Tensor]) -> Tensor:
            names = tf.constant(rows, tf.string)
            same = tf.cast(tf.equal(query[Columns.CANDIDATES][..., None], names), tf.float32)
            place = tf.einsum("bcr,r->bc", same, places)
            return -tf.where(tf.reduce_sum(same, axis=2) > 0, place, unknown)

        return RankingFunction(scores, ranker_inputs((), (Columns.CANDIDATES,)))


@dataclass(frozen=True, slots=True)
class PopularRowsConfig:
    """How much context is believed."""

    pseudo_count: float = 50.0
    """How many pages like all others each context starts with."""


class PopularRows(FunctionRanker[PopularRowsConfig]):
    """Orders rows by what is played from them on that device, at that time of day."""

    name = "popular_rows"
    Config = PopularRowsConfig
    roles: ClassVar[Mapping[str, Role]] = {"row_order": Role.BASELINE}
    reads: ClassVar[tuple[str, ...]] = (Columns.DEVICE, HOUR)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        batches = past_choices(data)
        terms = ContextTerms.of(batches, ())
        shape = (len(terms.choices), max(len(terms.devices), 1), PARTS_OF_DAY)
        gains, pages = np.zeros(shape), np.zeros(shape)
        for batch in batches:
            chosen = terms.chosen(batch.query).numpy()
            moment = _moment(terms, batch.query).numpy()
            gains += np.einsum("bcv,bc,bdp->vdp", chosen, batch.gains, moment)
            pages += np.einsum("bcv,bdp->vdp", chosen, moment)
        whole = gains.sum(axis=(1, 2)) / np.maximum(pages.sum(axis=(1, 2)), 1.0)
        prior = self.config.pseudo_count
        rates = ((gains + prior * whole[:, None, None]) / (pages + prior)).astype(np.float32)
        inputs = ranker_inputs(data.features, (Columns.CANDIDATES, Columns.DEVICE, HOUR))
        return RankingFunction(partial(_popularity, terms, rates), inputs)


def _moment(terms: ContextTerms, query: Mapping[str, Any]) -> Tensor:
    """Return which device it is at which part of the day. Shape: [batch, devices, parts]."""
    from lolomo.runtimes.tensorflow import tf

    part = tf.cast(tf.convert_to_tensor(query[HOUR]) // (24 // PARTS_OF_DAY), tf.int32)
    device = terms.device(query) if terms.devices else tf.ones([tf.shape(part)[0], 1])
    return tf.einsum("bd,bp->bdp", device, tf.one_hot(part, PARTS_OF_DAY))


def _popularity(terms: ContextTerms, rates: Scores, query: Mapping[str, Tensor]) -> Tensor:
    """Return the gain of each row at such moments; over all of them where the device is unknown."""
    from lolomo.runtimes.tensorflow import tf

    moment = _moment(terms, query)
    anywhere = tf.fill(tf.shape(moment), np.float32(1 / moment.shape[1] / PARTS_OF_DAY))
    is_known = tf.reduce_sum(moment, axis=[1, 2], keepdims=True) > 0
    return tf.einsum(
        "bcv,bdp,vdp->bc", terms.chosen(query), tf.where(is_known, moment, anywhere), rates
    )


@dataclass(frozen=True, slots=True)
class RowRankerConfig:
    """How to weigh."""

    l2: float = 0.001
    """How strongly weights are drawn to 0, each counting one standard deviation."""


class RowRanker(FunctionRanker[RowRankerConfig]):
    """Weighs what a row holds now, for this user, and which row it is at such a moment.

    A log-linear score, fitted by the softmax cross-entropy of whole pages (ListNet, Cao et al.
    2007) on gains that are corrected for the places where rows stood.
    """

    name = "row_ranker"
    Config = RowRankerConfig
    roles: ClassVar[Mapping[str, Role]] = {"row_order": Role.CHALLENGER}
    reads: ClassVar[tuple[str, ...]] = (PLAYS_TOTAL, Columns.DEVICE, HOUR)

    @override
    def learn(self, data: TrainingData, rng: np.random.Generator) -> RankingFunction:
        batches = past_choices(data)
        terms = ContextTerms.of(batches, ROW_INPUTS)
        pages = _pages(terms, batches)
        scores = partial(terms.weighted, pages.blend(pages.values, self.config.l2))
        return RankingFunction(scores, ranker_inputs(data.features, terms.inputs))


def _pages(terms: ContextTerms, batches: Sequence[RankingBatch]) -> Shortlists:
    """Return the terms and gains of all rows of all pages."""
    width = max(batch.gains.shape[1] for batch in batches)

    def wide(values: NDArray[Any]) -> NDArray[Any]:
        missing = [(0, 0), (0, width - values.shape[1])] + [(0, 0)] * (values.ndim - 2)
        return np.pad(values, missing)

    return Shortlists(
        np.concatenate([wide(terms(batch.query).numpy()) for batch in batches]),
        np.concatenate([wide(batch.gains) for batch in batches]),
        np.concatenate([wide(batch.query[Columns.CANDIDATES] != "") for batch in batches]),
    )
