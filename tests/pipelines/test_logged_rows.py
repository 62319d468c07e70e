"""What a contender's row would have earned, by a log whose truth is known."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import polars as pl
import pytest

from lolomo.core.recommender import Ids, Query, Scores
from lolomo.core.settings import Workspace
from lolomo.core.task import Gate
from lolomo.evaluation import Contender, decide, item_counts, rolling_folds
from lolomo.evaluation.seen import known_items
from lolomo.tasks import TRENDING_NOW
from lolomo.training.pipelines.champion import Champion
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.gate_case import Case, by_the_log
from lolomo.training.pipelines.logged_rows import METRIC, LoggedRows, refusal

CHANCES = (0.1, 0.2, 0.3, 0.5)
"""Of a play, by title; a fifth title stands elsewhere on the page and is never in the row."""
REQUESTS = 20_000
START = datetime(2025, 3, 1, tzinfo=UTC)


@dataclass
class Fixed:
    """A retriever that likes titles as it is told, whoever asks."""

    likes: tuple[float, ...]
    inputs: ClassVar[tuple[str, ...]] = ("timestamp",)

    @property
    def items(self) -> Ids:
        return np.array([f"t{code}" for code in range(5)], object)

    def scores(self, query: Query) -> Scores:
        return np.tile(np.array(self.likes, np.float32), (len(query["timestamp"]), 1))

    def retrieve(self, query: Query, k: int) -> tuple[Ids, Scores]:
        raise NotImplementedError


def _events() -> pl.DataFrame:
    """Return rows of two of four titles, drawn uniformly, each for a member of its own."""
    rng = np.random.default_rng(5)
    shown = rng.permuted(np.tile(np.arange(4), (REQUESTS, 1)), axis=1)[:, :2]
    request, position = np.indices(shown.shape)
    row = {
        "request": request.ravel(),
        "position": position.ravel(),
        "item": shown.ravel(),
        "propensity": np.where(position, 1 / 3, 1 / 4).ravel(),
    }
    impressions = pl.DataFrame(row).with_columns(kind=pl.lit("impression"), surface=pl.lit(ROW))
    played = rng.random(shown.size) < np.array(CHANCES)[shown.ravel()]
    plays = impressions.filter(pl.Series(played)).with_columns(kind=pl.lit("play"))
    elsewhere = impressions.filter(pl.col("position") == 0, pl.col("request") % 2 == 0)
    other = elsewhere.with_columns(item=pl.lit(4, pl.Int64), surface=pl.lit("elsewhere"))
    other = pl.concat([other, other.gather_every(3).with_columns(kind=pl.lit("play"))])
    minutes = pl.duration(minutes=pl.col("request"))
    return (
        pl.concat([impressions, other.select(impressions.columns), plays])
        .sort("request", maintain_order=True)
        .select(
            pl.format("u{}", "request").alias("user_id"),
            pl.format("r{}", "request").alias("request_id"),
            pl.format("t{}", "item").alias("item_id"),
            (pl.lit(START) + minutes).alias("timestamp"),
            pl.lit("GB").alias("country"),
            pl.col("kind", "surface", "position", "propensity"),
        )
    )


ROW = TRENDING_NOW.name


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> StepContext:
    events = _events()
    context = StepContext(TRENDING_NOW, "x", Workspace(tmp_path_factory.mktemp("x")))
    context.__dict__["log"] = SimpleNamespace(events=lambda: events)
    context.__dict__["folds"] = rolling_folds(events)
    return context


def _logged(context: StepContext) -> LoggedRows:
    logged = LoggedRows.of(context, context.folds.validation)
    assert logged is not None
    return logged


@pytest.mark.parametrize(
    ("likes", "truth"),
    [
        ((0.0, 0.1, 0.2, 0.3, -1.0), 0.5 + 0.75 * 0.5 + 0.25 * 0.3),
        ((0.3, 0.2, 0.1, 0.0, -1.0), 0.1 + 0.75 * 0.1 + 0.25 * 0.2),
    ],
)
def test_each_slot_earns_what_the_contender_would_put_there_below_what_was_shown(
    context: StepContext, likes: tuple[float, ...], truth: float
) -> None:
    logged = _logged(context)
    terms = logged.weigh(Fixed(likes))
    error = terms.values.std() / np.sqrt(len(terms.values))
    assert refusal(terms) == ""
    assert abs(terms.estimate - truth) < 4 * error < 0.3
    assert logged.per_query(terms)[METRIC].mean() == pytest.approx(terms.estimate)


def test_who_would_show_what_was_never_shown_there_is_refused(context: StepContext) -> None:
    terms = _logged(context).weigh(Fixed((0.1, 0.0, 0.0, 0.0, 1.0)))
    assert "weights have a mean of" in refusal(terms)


def _case(context: StepContext, *models: str) -> Case:
    nothing = pl.DataFrame({"query_id": [0], "cluster": ["u"], "ndcg@10": [0.5]})
    contenders = {model: Contender(model, nothing) for model in models}
    return Case(Gate(off_policy=True), contenders, Champion(contender=contenders[models[0]]))


def test_the_log_decides_where_it_speaks_of_everyone(context: StepContext) -> None:
    fits = {"good": Fixed((0.0, 0.1, 0.2, 0.3, -1.0)), "bad": Fixed((0.3, 0.2, 0.1, 0.0, -1.0))}
    case = by_the_log(context, _case(context, *fits), fits.__getitem__)
    means = {model: each.per_query[METRIC].mean() for model, each in case.contenders.items()}
    assert case.rule.metric == METRIC
    assert means["good"] > means["bad"]  # type: ignore[operator]
    assert case.serving is case.contenders["good"]
    assert decide(case.rule, case.contenders["good"], [case.contenders["bad"]]).passed


@pytest.mark.parametrize("best", [0, 1])
def test_a_champion_of_another_recipe_is_asked_of_the_log_too(
    context: StepContext, best: int
) -> None:
    likes = ((0.0, 0.1, 0.2, 0.3, -1.0), (0.3, 0.2, 0.1, 0.0, -1.0))
    asked, former = _case(context, "new"), Fixed(likes[best])
    serving = replace(asked.contenders["new"], recipe="new, of old")
    champion = Champion(contender=serving, load=lambda: former, note="as it serves")
    case = by_the_log(context, replace(asked, champion=champion), lambda _: Fixed(likes[1 - best]))
    assert case.serving is not None
    assert list(case.contenders) == ["new"]
    assert case.note == "as it serves"
    assert decide(case.rule, case.contenders["new"], [], case.serving).passed == (best == 1)


def test_one_refusal_leaves_the_tasks_metric_with_a_note(context: StepContext) -> None:
    fits = {"good": Fixed((0.0, 0.1, 0.2, 0.3, -1.0)), "odd": Fixed((0.0, 0.0, 0.0, 0.0, 1.0))}
    asked = _case(context, *fits)
    case = by_the_log(context, asked, fits.__getitem__)
    assert case.rule.metric == "ndcg@10"
    assert case.contenders == asked.contenders
    assert case.note.startswith("the log says nothing of odd: ")


def test_titles_are_those_known_before_the_window(context: StepContext) -> None:
    logged = _logged(context)
    counts = item_counts(context.log.events(), context.folds.validation)
    assert logged.known.tolist() == known_items(counts).tolist()
