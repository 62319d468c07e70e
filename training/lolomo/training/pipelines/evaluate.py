"""Evaluate: judge every candidate of a task on validation and on test, by the one protocol.

What is judged is the export, loaded as serving would load it. Its folder keeps, a model and window,
every query with the ranks of its targets and the best hundred items, so that anyone can recompute
each figure; and the figures themselves with their intervals.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.recommender import Ranker, Retriever
from lolomo.evaluation import (
    Fold,
    Judgements,
    Result,
    item_counts,
    num_evaluable_users,
    query_metrics,
    seen_items,
    summarise,
    to_json,
)
from lolomo.features import query_inputs
from lolomo.training.pipelines.candidate import Candidate, load_candidate
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.steps import print_progress, run_step
from lolomo.training.rankings import BATCH_SIZE, Rankings

RESULTS = "results.json"
JUDGED = "judged.json"
"""Keys of the steps whose outcomes were judged."""


def evaluate(task: str, dataset: str, prepared: str, candidates: Sequence[str]) -> str:
    """Write judgements, metrics and `results.json` of every candidate.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        prepared: Key of the task's `prepare` step.
        candidates: Keys of its `train` steps.

    Returns:
        The step's key.
    """
    context = StepContext.open(task, dataset)

    def write(folder: Path) -> None:
        windows = (context.folds.validation, context.folds.test)
        results: list[Result] = []
        total = len(windows) * len(candidates)
        for fold in windows:
            queries = pl.read_parquet(context.outcome(prepared) / f"queries-{fold.name}.parquet")
            for key in candidates:
                candidate = Candidate.read(context.outcome(key))
                message = f"{candidate.model} on the {fold.name} window"
                print_progress(len(results) / total, message)
                recommender = load_candidate(context.outcome(key), fold.name)
                table = judge_window(context, fold, queries, recommender)
                table.write_parquet(folder / f"judgements-{candidate.model}-{fold.name}.parquet")
                per_query = metrics_of(context, fold, table)
                per_query.write_parquet(metrics_file(folder, candidate.model, fold.name))
                results.append(_result(context, fold, queries, candidate, per_query))
        (folder / RESULTS).write_text(to_json(results))
        judged = {Candidate.read(context.outcome(key)).model: key for key in candidates}
        (folder / JUDGED).write_text(json.dumps({"prepared": prepared, "candidates": judged}))

    inputs = context.inputs(prepared=prepared, candidates=list(candidates))
    return run_step(context.workspace, f"evaluate-{task}", inputs, write)


def metrics_file(folder: Path, model: str, window: str) -> Path:
    """Return where the metrics of each query of a model stand."""
    return folder / f"metrics-{model}-{window}.parquet"


def judge_window(
    context: StepContext, fold: Fold, queries: pl.DataFrame, recommender: Retriever | Ranker
) -> pl.DataFrame:
    """Return every query of a window with the ranks of its targets and the best items."""
    known = context.known(fold)
    judgements = Judgements(queries, known, seen_items(context.log.events(), queries))
    if isinstance(recommender, Retriever):
        for rows in queries.iter_slices(BATCH_SIZE):
            query = query_inputs(rows, recommender.inputs)
            judgements.add(recommender.scores(query), recommender.items)
    elif len(queries):
        for batch in Rankings(context.task, queries, context.features, known, recommender.inputs)():
            scores = recommender.rank(batch.query)
            if context.task.candidates_from:
                judgements.add_candidates(scores, batch.query[Columns.CANDIDATES])
            else:
                judgements.add(scores, known)
    return judgements.table()


def metrics_of(context: StepContext, fold: Fold, judgements: pl.DataFrame) -> pl.DataFrame:
    """Return the task's metrics of each judged query."""
    counts = item_counts(context.log.events(), fold)
    return query_metrics(judgements, context.task.metrics, counts)


def _result(
    context: StepContext,
    fold: Fold,
    queries: pl.DataFrame,
    candidate: Candidate,
    per_query: pl.DataFrame,
) -> Result:
    return Result(
        task=context.task.name,
        model=candidate.model,
        role=candidate.role,
        window=fold.name,
        freshness="fresh" if candidate.exports[fold.name].method == "rank" else "frozen",
        metrics=summarise(per_query, context.task.metrics),
        num_users=num_evaluable_users(context.log.events(), queries, fold),
    )
