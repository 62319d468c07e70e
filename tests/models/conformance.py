"""What every model must pass, deep or not: inherit the suite of its method and name the model.

    class TestEase(RetrieverConformance):
        model = Ease
        task = BECAUSE_YOU_WATCHED
        least_ndcg = 0.2

The data is `models.small_world`; ordering it at random gives an NDCG@10 of about 0.08.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from models.small_world import later_queries, training_data, watched
from numpy.typing import NDArray
from typing_extensions import override

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import PosteriorRanker, Query, Ranker, Retriever, Scores
from lolomo.core.task import Task
from lolomo.runtimes import Recommender, load_files
from lolomo.training.models import Export, Model, RankingBatch, config_from
from lolomo.training.models.model import Method

FEW_CHOICES: dict[str, Any] = {
    "half_life_days": (7.0, 30.0),
    "prior_weight": (1.0, 0.1),
    "prior_days": 7.0,
}
"""For models of histories, whose tests need not try every setting."""


def seeded() -> np.random.Generator:
    """Return a generator that is the same at each call."""
    return np.random.default_rng(11)


def ndcg(scores: Scores, later: RankingBatch) -> float:
    """Return the mean NDCG@10 of queries with one answer each, over items not yet watched."""
    gains = later.gains
    scores = np.where(watched(later.query), -np.inf, scores)
    own = np.take_along_axis(scores, gains.argmax(axis=1)[:, None], axis=1)
    rank = (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return float(np.mean(np.where(rank < 10, 1 / np.log2(rank + 2), 0)))


class ModelConformance:
    """The part of the suite that asks nothing of the method."""

    model: ClassVar[type[Model[Any]]]
    task: ClassVar[Task]
    method: ClassVar[Method]
    """What the suite asks; a model may rank or retrieve by its config."""
    config: ClassVar[Mapping[str, Any]] = {}
    """Changed fields, to be fast."""
    least_ndcg: ClassVar[float] = 0.2
    """The band of quality: NDCG@10 on the small world must reach it."""
    tolerance: ClassVar[float] = 1e-5

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model[Any], Path, Export]:
        model = cls.new()
        model.fit(training_data(cls.task), seeded())
        path = tmp_path_factory.mktemp(model.name)
        return model, path, model.export(path)

    @pytest.fixture(scope="class")
    @classmethod
    def loaded(cls, fitted: tuple[Model[Any], Path, Export]) -> Recommender:
        return loaded_from(*fitted[1:])

    @classmethod
    def new(cls) -> Model[Any]:
        return cls.model(config_from(cls.model, cls.config))

    def scores(self, recommender: Any, query: Query) -> Scores:
        """Return scores of the whole catalogue, in the order of the candidates."""
        raise NotImplementedError

    def test_the_config_survives_json(self) -> None:
        config = config_from(self.model, self.config)
        assert config_from(self.model, json.loads(json.dumps(asdict(config)))) == config

    def test_an_unknown_config_field_is_refused_by_name(self) -> None:
        with pytest.raises(ModelError, match="no_such_field"):
            config_from(self.model, {"no_such_field": 1})

    def test_the_task_is_one_of_its_roles(self) -> None:
        assert self.task.name in self.model.roles

    def test_exporting_before_fitting_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="fit"):
            self.new().export(tmp_path)

    def test_the_export_says_what_is_loaded(
        self, fitted: tuple[Model[Any], Path, Export], loaded: Recommender
    ) -> None:
        assert fitted[2].method == self.method
        assert loaded.inputs == fitted[2].inputs

    def test_loading_again_gives_the_same_scores(
        self, fitted: tuple[Model[Any], Path, Export], loaded: Recommender
    ) -> None:
        query = later_queries(self.task).query
        again = self.scores(loaded_from(*fitted[1:]), query)
        np.testing.assert_array_equal(again, self.scores(loaded, query))

    def test_fitting_again_gives_the_same_model(
        self, fitted: tuple[Model[Any], Path, Export], loaded: Recommender, tmp_path: Path
    ) -> None:
        query = later_queries(self.task).query
        fitted[0].fit(training_data(self.task), seeded())
        again = self.scores(loaded_from(tmp_path, fitted[0].export(tmp_path)), query)
        np.testing.assert_allclose(again, self.scores(loaded, query), atol=self.tolerance)

    def test_it_orders_far_better_than_chance(self, loaded: Recommender) -> None:
        later = later_queries(self.task)
        assert ndcg(self.scores(loaded, later.query), later) >= self.least_ndcg

    def test_a_query_is_answered_alike_alone_and_in_a_batch(self, loaded: Recommender) -> None:
        query = later_queries(self.task).query
        alone = self.scores(loaded, {name: values[3:4] for name, values in query.items()})
        np.testing.assert_allclose(alone[0], self.scores(loaded, query)[3], atol=1e-4, rtol=1e-4)

    def test_an_unseen_user_without_history_is_answered(self, loaded: Recommender) -> None:
        query = dict(later_queries(self.task).query)
        query[Columns.HISTORY_ITEM_IDS] = np.full_like(query[Columns.HISTORY_ITEM_IDS], "")
        query[Columns.HISTORY_TIMESTAMPS] = np.zeros_like(query[Columns.HISTORY_TIMESTAMPS])
        assert np.isfinite(self.scores(loaded, query)).all()

    def test_unseen_items_in_the_history_do_no_harm(self, loaded: Recommender) -> None:
        query = dict(later_queries(self.task).query)
        query[Columns.HISTORY_ITEM_IDS] = np.full_like(query[Columns.HISTORY_ITEM_IDS], "new")
        assert np.isfinite(self.scores(loaded, query)).all()


class RetrieverConformance(ModelConformance):
    """The suite of a model that finds items."""

    method: ClassVar[Method] = "retrieve"

    @override
    def scores(self, recommender: Any, query: Query) -> Scores:
        order = {item: place for place, item in enumerate(recommender.items)}
        places = [order.get(item, -1) for item in query[Columns.CANDIDATES][0]]
        return np.where(np.array(places) < 0, -1e9, recommender.scores(query)[:, places])

    def test_it_retrieves_the_best_scores_outside_the_history(self, loaded: Retriever) -> None:
        query = later_queries(self.task, 20).query
        scores = loaded.scores(query)
        for row, history in enumerate(query[Columns.HISTORY_ITEM_IDS]):
            scores[row, np.isin(loaded.items.astype(str), history.astype(str))] = -np.inf
        ids, best = loaded.retrieve(query, 5)
        np.testing.assert_allclose(best, -np.sort(-scores, axis=1)[:, :5], rtol=1e-4, atol=1e-4)
        assert not any(
            set(ids[row]) & set(query[Columns.HISTORY_ITEM_IDS][row]) for row in range(20)
        )

    def test_it_retrieves_nothing_that_is_excluded(self, loaded: Retriever) -> None:
        query = later_queries(self.task, 4).query
        first, _ = loaded.retrieve(query, 3)
        second, _ = loaded.retrieve({**query, "exclude": first}, 3)
        assert not any(set(first[row]) & set(second[row]) for row in range(4))

    def test_k_beyond_the_catalogue_ends_in_empty_ids(self, loaded: Retriever) -> None:
        ids, scores = loaded.retrieve(later_queries(self.task, 2).query, 100)
        assert ids.shape == scores.shape == (2, 100)
        assert set(ids[0, -20:]) == {""}
        assert np.isneginf(scores[ids == ""]).all()

    def test_an_empty_batch_is_answered_by_an_empty_batch(self, loaded: Retriever) -> None:
        query = {name: some[:0] for name, some in later_queries(self.task, 2).query.items()}
        assert loaded.retrieve(query, 3)[0].shape == (0, 3)


class RankerConformance(ModelConformance):
    """The suite of a model that orders candidates."""

    method: ClassVar[Method] = "rank"

    @override
    def scores(self, recommender: Any, query: Query) -> Scores:
        return cast("Ranker", recommender).rank(query)

    def test_the_order_of_the_candidates_does_not_matter(self, loaded: Ranker) -> None:
        query = later_queries(self.task, 20).query
        backwards = loaded.rank(reversed_candidates(query))
        np.testing.assert_allclose(backwards[:, ::-1], loaded.rank(query), rtol=1e-4, atol=1e-4)

    def test_unseen_candidates_without_features_are_scored(self, loaded: Ranker) -> None:
        query = dict(later_queries(self.task, 2).query)
        for name, values in query.items():
            if values.dtype == np.float32:
                query[name] = np.full_like(values, np.nan)
        query[Columns.CANDIDATES] = np.full_like(query[Columns.CANDIDATES], "new")
        query[Columns.GENRES] = np.full_like(query[Columns.GENRES], "unheard of")
        assert np.isfinite(loaded.rank(query)).all()

    def test_no_candidates_are_answered_by_no_scores(self, loaded: Ranker) -> None:
        query = later_queries(self.task, 2).query
        none = {name: some[:, :0] if _of_candidates(some) else some for name, some in query.items()}
        assert loaded.rank(none).shape == (2, 0)


class PosteriorConformance(RankerConformance):
    """The suite of a ranker that knows how sure it is."""

    def test_its_posterior_is_around_its_scores(self, loaded: Ranker) -> None:
        query = later_queries(self.task, 5).query
        assert isinstance(loaded, PosteriorRanker)
        scores, factors = loaded.rank_with_factors(query)
        np.testing.assert_allclose(scores, loaded.rank(query), rtol=1e-4, atol=1e-4)
        assert (factors.shape[0], factors.shape[2]) == scores.shape
        deviations = np.sqrt(np.square(factors).sum(axis=1))
        assert 0 < np.median(deviations) < 10 * scores.std()


def loaded_from(path: Path, export: Export) -> Recommender:
    return load_files(path, export.runtime, export.method, export.inputs)


def reversed_candidates(query: Query) -> Query:
    return {name: some[:, ::-1] if _of_candidates(some) else some for name, some in query.items()}


def _of_candidates(values: NDArray[Any]) -> bool:
    return values.ndim > 1 and values.shape[1] == 60
