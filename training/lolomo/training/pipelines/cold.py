"""Cold: the track of titles that were first watched within the window, judged over the catalogue.

Counts are fresh: everything strictly before a query is known, as an online store would hold it.
What was learned was learned before the window, from the one before it, where other titles were new.
Beside the whole stand the queries by how often their target had been watched: a launch never.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError
from lolomo.evaluation import (
    Fold,
    Judgements,
    Result,
    build_cold_queries,
    build_queries,
    item_counts,
    num_evaluable_users,
    paired_bootstrap,
    query_metrics,
    seen_items,
    summarise,
    to_json,
)
from lolomo.features.content import item_content
from lolomo.training.cold_titles import (
    BATCH_QUERIES,
    COLD_SCORERS,
    ColdFeatures,
    Scorer,
    booster_scorer,
    fit_cold_ranker,
)
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.steps import print_progress, run_step

TASK = "next_play"
BASELINE = "fresh popularity"
LEARNED = "content, counts and age"
METRICS = ("ndcg@10", "hr@10", "hr@100", "mrr")
NUM_TRAINING_QUERIES = 3000
SEED = 20131
PLAYS_BEFORE = "plays_before"
"""Column of `metrics-*.parquet`: how often the target had been watched before the query."""


def cold(dataset: str, window: str = "test") -> str:
    """Write `results.json`, `comparisons.json`, and `metrics-<n>.parquet` of each scorer.

    Args:
        dataset: The dataset's name.
        window: `validation` or `test`; what is learned is learned in the window before it.

    Returns:
        The step's key.

    Raises:
        DataError: If no title was first watched within the window.
    """
    context = StepContext.open(TASK, dataset)
    fold, earlier = _folds(context, window)

    def write(folder: Path) -> None:
        asked = build_cold_queries(context.log.events(), context.task.reward, fold)
        if asked.is_empty():
            raise DataError(
                f"no user with a history watched a title of dataset {dataset!r} that was new in "
                f"the {fold.name} window: this track needs titles that appear over time"
            )
        queries = _with_history(context, asked)
        print_progress(0.1, f"learns from the {earlier.name} window")
        booster = fit_cold_ranker(
            _features(context, earlier),
            _training_queries(context, earlier),
            np.random.default_rng(SEED),
        )
        scorers = {**COLD_SCORERS, LEARNED: booster_scorer(booster)}
        tables = _judge(context, fold, queries, scorers)
        results = []
        for number, (name, table) in enumerate(tables.items()):
            table.write_parquet(folder / f"metrics-{number}.parquet")
            results.append(_result(context, fold, queries, name, table))
        (folder / "results.json").write_text(to_json(results))
        _comparisons(tables).write_json(folder / "comparisons.json")

    inputs = context.inputs(__name__, window=window)
    return run_step(context.workspace, f"cold-{window}", inputs, write)


def _folds(context: StepContext, window: str) -> tuple[Fold, Fold]:
    folds = context.folds
    if window == "validation":
        return folds.validation, folds.stacking
    return folds.test, folds.validation


def _judge(
    context: StepContext, fold: Fold, queries: pl.DataFrame, scorers: Mapping[str, Scorer]
) -> dict[str, pl.DataFrame]:
    """Return the metrics of each query, by scorer."""
    features = _features(context, fold)
    known = features.timeline.item_ids
    seen = seen_items(context.log.events(), queries)
    judged = {name: Judgements(queries, known, seen) for name in scorers}
    plays: list[float] = []
    place = {item_id: index for index, item_id in enumerate(known)}
    for start, batch in enumerate(features.batches(queries)):
        rows = queries.slice(start * BATCH_QUERIES, BATCH_QUERIES)
        print_progress(0.3 + 0.7 * start * BATCH_QUERIES / len(queries), "judges")
        for name, scorer in scorers.items():
            judged[name].add(scorer(batch), known)
        firsts = [place[targets[0]] for targets in rows[Columns.TARGETS].to_list()]
        plays += batch["item_plays_total"][np.arange(len(rows)), firsts].tolist()
    counts = item_counts(context.log.events(), fold)
    return {
        name: query_metrics(judgements.table(), METRICS, counts).with_columns(
            pl.Series(PLAYS_BEFORE, plays)
        )
        for name, judgements in judged.items()
    }


def _features(context: StepContext, fold: Fold) -> ColdFeatures:
    timeline = context.features.item_timeline()
    cut = np.array([int(fold.start.timestamp() * 1_000_000)])
    plays = np.nan_to_num(timeline.at(cut, ["item_plays_total"])["item_plays_total"][0])
    content = item_content(context.log.items(), timeline.item_ids, fold.start.year)
    return ColdFeatures(timeline, content, plays)


def _training_queries(context: StepContext, fold: Fold) -> pl.DataFrame:
    """Return queries of a window, answered by warm or by new items, evenly spread in time."""
    events, reward = context.log.events(), context.task.reward
    warm = build_queries(events, context.task.label, reward, fold)
    both = pl.concat([warm, build_cold_queries(events, reward, fold)]).sort(Columns.TIMESTAMP)
    step = max(len(both) // NUM_TRAINING_QUERIES, 1)
    return _with_history(context, both.gather_every(step))


def _with_history(context: StepContext, queries: pl.DataFrame) -> pl.DataFrame:
    return context.features.point_in_time(
        queries.sort(Columns.TIMESTAMP), [Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS]
    )


def _result(
    context: StepContext, fold: Fold, queries: pl.DataFrame, name: str, table: pl.DataFrame
) -> Result:
    return Result(
        task=f"{TASK}, cold titles",
        model=name,
        role="challenger" if name == LEARNED else "baseline",
        window=fold.name,
        freshness="fresh",
        metrics=summarise(table, METRICS),
        num_users=num_evaluable_users(context.log.events(), queries, fold),
    )


def _comparisons(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return how each scorer differs from fresh popularity, over all queries and in slices."""
    slices = {"all": pl.lit(True), "launches": pl.col(PLAYS_BEFORE) == 0}
    slices["watched before"] = pl.col(PLAYS_BEFORE) > 0
    rows = []
    for label, wanted in slices.items():
        baseline = tables[BASELINE].filter(wanted)
        for name, table in tables.items():
            own = table.filter(wanted)
            figure = summarise(own, ["ndcg@10"])["ndcg@10"]
            compared = paired_bootstrap(own, baseline, "ndcg@10").difference
            rows.append(
                {
                    "queries": label,
                    "num_queries": len(own),
                    "model": name,
                    "ndcg@10": figure.mean,
                    "low": figure.low,
                    "high": figure.high,
                    "difference": compared.mean,
                    "difference_low": compared.low,
                    "difference_high": compared.high,
                }
            )
    return pl.DataFrame(rows)
