"""Judge: one candidate in one window, by the one protocol.

What is judged is the export, loaded as serving would load it. The step's folder keeps every query
with the ranks of its targets and the best hundred items, so that anyone can recompute each figure;
each query's metrics; and the figures with their intervals. A step of its own, it is not done again
when another model joins.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ids, Ranker, Retriever
from lolomo.core.task import LabelKind
from lolomo.evaluation import (
    FRESH,
    FROZEN,
    Fold,
    Freshness,
    Genres,
    Judgements,
    Protocol,
    Result,
    from_json,
    item_counts,
    num_evaluable_users,
    query_metrics,
    seen_items,
    summarise,
    to_json,
)
from lolomo.evaluation.pitches import PitchJudgements, pitch_metrics, refusal
from lolomo.events.datasets.simulated import find_simulated
from lolomo.features import all_features, query_inputs
from lolomo.features.candidates import source_features
from lolomo.features.transforms import ITEM_CONTENT
from lolomo.tasks import find_task
from lolomo.training.pipelines.candidate import Candidate, load_candidate
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.prepare import Prepared
from lolomo.training.pipelines.steps import print_progress, run_step
from lolomo.training.rankings import BATCH_SIZE, Rankings
from lolomo.training.stored_queries import Queries, StoredQueries

JUDGEMENTS = "judgements.parquet"
METRICS = "metrics.parquet"
RESULT = "result.json"
SIMULATED = "simulated"
"""Noted wherever a world made the events."""
SYNTHETIC = "synthetic queries"
"""Noted wherever texts that nobody typed were asked."""
OFF_POLICY = "off-policy estimate"
"""Noted wherever a policy was judged by what another has logged."""


def judge(
    task: str,
    dataset: str,
    prepared: str,
    candidate: str,
    window: str,
    freshness: Freshness = FRESH,
) -> str:
    """Write `judgements.parquet`, `metrics.parquet` and `result.json`.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        prepared: Key of a `prepare` step: its queries are asked, by the protocol that made them.
        candidate: Key of a `train` step, fitted before the window.
        window: `validation` or `test`.
        freshness: How old the counts are that the model reads. One that reads none, such as a
            retriever, and static queries, which are asked at the cut, are frozen in any case.

    Returns:
        The step's key.

    Raises:
        ModelError: If the candidate was not fitted before the window, or candidates were drawn with
            other counts than are to be judged with.
    """
    context = StepContext.open(task, dataset)
    described = Candidate.read(context.outcome(candidate))
    asked = Prepared.read(context.outcome(prepared))
    freshness = _checked(described, asked, window, freshness)
    fold = getattr(context.folds, window)

    def write(folder: Path) -> None:
        queries = StoredQueries((context.queries_file(prepared, window),))
        recommender = load_candidate(context.outcome(candidate), window)
        table = judge_window(context, fold, queries, recommender, freshness)
        table.write_parquet(folder / JUDGEMENTS)
        per_query = metrics_of(context, fold, table, asked.protocol)
        per_query.write_parquet(folder / METRICS)
        names = metric_names(context, asked.protocol)
        result = Result(
            task=task,
            model=described.model,
            role=described.role,
            window=window if asked.protocol == "as-of" else f"{window}, {asked.protocol}",
            freshness=freshness.label,
            metrics=summarise(per_query, names),
            num_users=num_evaluable_users(context.log.events(), table, fold),
            note=_note(context, table),
            seed=described.seed,
        )
        (folder / RESULT).write_text(to_json([result]))

    inputs = context.inputs(
        __name__,
        prepared=prepared,
        fit=described.fits.get(window, candidate),
        role=described.role,
        window=window,
        freshness=freshness.label,
    )
    return run_step(context.workspace, f"judge-{task}-{described.model}-{window}", inputs, write)


def _note(context: StepContext, judgements: pl.DataFrame) -> str:
    """Return what readers of a figure must know."""
    kind = context.task.label.kind
    notes = [SIMULATED] if find_simulated(context.log.manifest.dataset) else []
    if kind is LabelKind.SEARCH:
        notes.append(SYNTHETIC)
    if kind is LabelKind.EVIDENCE:
        notes.append(refusal(judgements) or OFF_POLICY)
    return ", ".join(notes)


def read_result(folder: Path) -> Result:
    """Read the result in a `judge` step's folder."""
    return from_json((folder / RESULT).read_text())[0]


def _checked(candidate: Candidate, asked: Prepared, window: str, freshness: Freshness) -> Freshness:
    """Return the freshness that is reached, having checked that the parts fit."""
    export = candidate.exports.get(window)
    if export is None:
        raise ModelError(
            f"{candidate.model!r} was fitted before {sorted(candidate.exports)}, and is to be "
            f"judged in the {window!r} window: train it with `cuts=({window!r},)`"
        )
    if asked.draws_candidates and asked.freshness != freshness:
        raise ModelError(
            f"candidates were drawn with {asked.freshness.label} counts, and are to be ranked with "
            f"{freshness.label} ones: prepare the queries with the same freshness"
        )
    is_told_counts = asked.draws_candidates or not find_task(candidate.task).answers_with_items
    reads_counts = is_told_counts or _reads_counts(export.inputs)
    return freshness if reads_counts and asked.protocol == "as-of" else FROZEN


def _reads_counts(inputs: Sequence[str]) -> bool:
    """Return whether a model reads item features that change with events."""
    content = {feature.name for feature in ITEM_CONTENT.public}
    of_items = {feature.name for feature in all_features().values() if feature.entity == "item"}
    return bool((of_items - content | {Columns.COUNTS_TIMESTAMP}) & set(inputs))


def judge_window(
    context: StepContext,
    fold: Fold,
    queries: Queries,
    recommender: Retriever | Ranker,
    freshness: Freshness = FRESH,
) -> pl.DataFrame:
    """Return every query of a window with the ranks of its targets and the best items."""
    asked = _without_proposals(context, queries)
    known = _competing(context, fold, asked)
    of_its_own = context.task.has_candidates and not context.task.candidates_from
    seen = None if of_its_own else seen_items(context.log.events(), asked)
    judgements: Judgements | PitchJudgements = Judgements(asked, known, seen)
    if context.task.label.kind is LabelKind.EVIDENCE:
        judgements = PitchJudgements(asked)
    if isinstance(recommender, Retriever) and isinstance(judgements, Judgements):
        for rows in queries.iter_slices(BATCH_SIZE):
            query = query_inputs(rows, recommender.inputs)
            judgements.add(recommender.scores(query), recommender.items)
            _report(judgements)
    elif len(asked) and isinstance(recommender, Ranker):
        frozen_at = fold.start if freshness.frozen else None
        rankings = Rankings(
            context.task,
            queries,
            context.features,
            known,
            recommender.inputs,
            frozen_at,
            freshness.delay,
        )
        for batch in rankings():
            scores = recommender.rank(batch.query)
            if context.task.has_candidates or isinstance(judgements, PitchJudgements):
                judgements.add_candidates(scores, batch.query[Columns.CANDIDATES])
            else:
                judgements.add(scores, known)
            _report(judgements)
    return judgements.table()


def _without_proposals(context: StepContext, queries: Queries) -> pl.DataFrame:
    """Return the queries without what sources propose to each, which is most of their size."""
    sources = context.task.candidates_from
    proposed = {Columns.CANDIDATES, *source_features(sources)} if sources else set()
    return queries.select(*(name for name in queries.columns if name not in proposed))


def _competing(context: StepContext, fold: Fold, queries: pl.DataFrame) -> Ids:
    """Return what competes: the items known before a window, or what the queries name."""
    if context.task.answers_with_items:
        return context.known(fold)
    return queries[Columns.CANDIDATES].explode().unique().sort().to_numpy().astype(object)


def _report(judgements: Judgements | PitchJudgements) -> None:
    done, total = judgements.num_judged, len(judgements.queries)
    print_progress(done / total, f"judged {done:,} of {total:,} queries")


def metrics_of(
    context: StepContext, fold: Fold, judgements: pl.DataFrame, protocol: Protocol = "as-of"
) -> pl.DataFrame:
    """Return the metrics of each judged query, the task's and those of the shown lists."""
    if context.task.label.kind is LabelKind.EVIDENCE:
        return pitch_metrics(judgements)
    events = context.log.events()
    return query_metrics(
        judgements,
        metric_names(context, protocol),
        item_counts(events, fold),
        Genres.of(context.log.items()),
        seen_items(events, judgements),
    )


def metric_names(context: StepContext, protocol: Protocol = "as-of") -> tuple[str, ...]:
    """Return the task's metrics, then those of lists and of rewards that the data allow."""
    if not context.task.answers_with_items:
        return context.task.metrics
    columns = context.log.manifest.columns
    names = ["ndcg@10", "recall@20"] if protocol == "static" else []
    names += [*context.task.metrics, "novelty@10"]
    if Columns.GENRES in columns:
        names.append("ild@10")
    if Columns.GENRES in columns and context.task.label.kind is not LabelKind.COUNTS:
        names.append("calibration@10")
    if Columns.VALUE in columns:
        names.append("reward_ndcg@10")
    return tuple(dict.fromkeys(names))
