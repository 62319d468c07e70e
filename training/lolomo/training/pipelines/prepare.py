"""Prepare: queries of each fold, joined with what was known of user and context at that instant.

For a task that ranks what other tasks propose, their candidates are drawn here too: in each window
from the model that was fitted before that window, so a ranker learns from proposals as they are for
unseen events, and is judged on the same. Where a ranker is judged with late or frozen counts, its
candidates are drawn with them as well, in a step of its own.

A quick run learns from fewer queries, and is judged on the same.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError, ModelError
from lolomo.core.recommender import EXCLUDE, Ids, Query, Ranker, Retriever, Scores
from lolomo.core.task import LabelKind, Task
from lolomo.evaluation import (
    FRESH,
    Fold,
    Freshness,
    Protocol,
    build_queries,
    build_static_queries,
    seen_items,
    typed_queries,
)
from lolomo.events.watching import with_unfinished
from lolomo.features import ItemTimeline, all_features, query_inputs
from lolomo.features.candidates import (
    PROPOSALS,
    SEED_HISTORY,
    Candidates,
    Proposal,
    are_in,
    merge,
    not_hidden,
    source_features,
)
from lolomo.features.history_features import OF_CANDIDATES, HistoryFeatures
from lolomo.tasks import find_task
from lolomo.training.pipelines.candidate import load_candidate
from lolomo.training.pipelines.checks import check_features
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.shown import with_pitch_inputs, with_row_inputs
from lolomo.training.pipelines.steps import part_of_progress, print_progress, run_step
from lolomo.training.pipelines.verdict import VERDICT, read_verdict
from lolomo.training.rankings import BATCH_SIZE
from lolomo.training.stored_queries import StoredQueries, write_queries

DESCRIPTION = "prepared.json"
QUICK_QUERIES = 2_500
"""Of a window, at most, spread evenly, that models learn from when all is to be quick."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the folder of a `prepare` step says of itself."""

    protocol: Protocol = "as-of"
    """Which queries it holds."""
    freshness: Freshness = FRESH
    """With which counts its candidates were drawn, if any."""
    draws_candidates: bool = False
    """Whether its queries have candidates of their own."""
    quick: bool = False
    """Whether models learn from a part of them."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the description in a step's folder."""
        values = json.loads((folder / DESCRIPTION).read_text())
        return cls(**{**values, "freshness": Freshness(**values["freshness"])})

    def write(self, folder: Path) -> None:
        """Write the description into a step's folder."""
        (folder / DESCRIPTION).write_text(json.dumps(asdict(self)))


def prepare(
    task: str,
    dataset: str,
    sources: Sequence[str],
    protocol: Protocol = "as-of",
    freshness: Freshness = FRESH,
    quick: bool = False,
) -> str:
    """Write `queries-<fold>.parquet` for each fold of the task.

    Args:
        task: The task's name.
        dataset: The dataset's name.
        sources: Keys of the `gate` steps of `task.candidates_from`, in that order, or of `train`
            steps of the models to draw candidates with.
        protocol: Which queries; models learn from those as of each event alone.
        freshness: With which counts the sources propose.
        quick: Whether models learn from `QUICK_QUERIES` of a window at most; what they are judged
            on is all the same.

    Returns:
        The step's key.

    Raises:
        DataError: If the data lack a column that the task needs.
        ModelError: If the task has no static queries and they are asked for.
        FeatureError: If a feature sees the future.
    """
    context = StepContext.open(task, dataset)
    _check_needs(context)
    with part_of_progress(0, 10):
        check_features(context)
    winners = [_candidate_of(context, key) for key in sources]
    description = Prepared(protocol, freshness, bool(winners), quick)

    def write(folder: Path) -> None:
        folds = folds_of(context, protocol)
        for index, fold in enumerate(folds):
            print_progress(index / len(folds), f"queries of the {fold.name} window")
            queries = _queries(context, fold, protocol)
            is_judged = fold in (context.folds.validation, context.folds.test)
            if quick and not is_judged:
                queries = queries.gather_every(_step(queries.height))
            parts: Iterable[pl.DataFrame] = [queries]
            if winners:
                parts = _with_candidates(context, queries, fold, winners, freshness)
            file = folder / f"queries-{fold.name}.parquet"
            write_queries(file, parts)
            if quick and fold == context.folds.validation:
                write_queries(folder / f"learned-{fold.name}.parquet", _some(file))
        description.write(folder)

    service = context.features.service(context.task)
    inputs = context.inputs(__name__, sources=winners, service=service, **asdict(description))
    return run_step(context.workspace, f"prepare-{task}", inputs, write)


def _step(num_queries: int) -> int:
    """Return which queries to keep of a window: every so many-th."""
    return max(-(-num_queries // QUICK_QUERIES), 1)


def _some(file: Path) -> Iterator[pl.DataFrame]:
    """Yield the queries of a window that models learn from when all is quick."""
    stored, first = StoredQueries((file,)), 0
    step = _step(stored.height)
    for part in stored.iter_slices(BATCH_SIZE):
        yield part.gather_every(step, -first % step)
        first += part.height


def _check_needs(context: StepContext) -> None:
    missing = context.task.missing(context.log.manifest.columns)
    if missing:
        raise DataError(
            f"task {context.task.name!r} needs {', '.join(missing)}, which {context.dataset!r} "
            "does not have: leave the task out, or map the columns"
        )


def folds_of(context: StepContext, protocol: Protocol = "as-of") -> list[Fold]:
    """Return the windows that a task needs queries of, earliest first."""
    folds = context.folds
    judged = [folds.validation, folds.test]
    return judged if protocol == "static" else [folds.warm_up, folds.stacking, *judged]


def _candidate_of(context: StepContext, key: str) -> str:
    """Return the `train` step of a source, which its gate has chosen or which is named itself."""
    outcome = context.outcome(key)
    return read_verdict(outcome).candidate if (outcome / VERDICT).exists() else key


def _queries(context: StepContext, fold: Fold, protocol: Protocol) -> pl.DataFrame:
    task = context.task
    events = context.log.events()
    if protocol == "static" and task.label.kind is not LabelKind.NEXT_ITEM:
        raise ModelError(
            f"task {task.name!r} asks {task.label.kind.value!r}, which has no static queries: "
            "judge it as of its own queries"
        )
    queries = (
        build_static_queries(events, task.reward, fold)
        if protocol == "static"
        else build_queries(events, task.label, task.reward, fold)
    ).sort(Columns.TIMESTAMP)
    if task.label.kind is LabelKind.SEARCH:
        items = context.log.items()
        titles = dict(zip(items[Columns.ITEM_ID], items[Columns.TITLE], strict=True))
        queries = typed_queries(queries, titles)
    if task.label.kind is LabelKind.RESUMED:
        queries = with_unfinished(queries, events)
    known = all_features()
    names = [name for name in task.features if known[name].entity != "item"]
    if task.label.kind is not LabelKind.COUNTS:
        queries = context.features.point_in_time(queries, names)
    if task.label.kind is LabelKind.NEXT_ITEMS:
        queries = with_seed_as_history(queries)
    if task.label.kind is LabelKind.ROWS:
        queries = with_row_inputs(context, queries)
    if task.label.kind is LabelKind.EVIDENCE:
        queries = with_pitch_inputs(context, queries)
    return queries


def with_seed_as_history(queries: pl.DataFrame) -> pl.DataFrame:
    """Return queries whose history is the seed alone, which was the user's latest event."""
    return queries.with_columns(
        pl.concat_list(Columns.SEED_ITEM_ID).alias(Columns.HISTORY_ITEM_IDS),
        pl.col(Columns.HISTORY_TIMESTAMPS).list.tail(1),
        pl.col(Columns.HISTORY_KINDS).list.tail(1),
    )


def _with_candidates(
    context: StepContext,
    queries: pl.DataFrame,
    fold: Fold,
    sources: Sequence[str],
    freshness: Freshness,
) -> Iterator[pl.DataFrame]:
    """Add the column `candidates`, and one list column for each source feature, part by part."""
    known = set(context.known(fold))
    recommenders = {
        name: load_candidate(context.outcome(key), fold.name)
        for name, key in zip(context.task.candidates_from, sources, strict=True)
    }
    frozen_at = fold.start if freshness.frozen else None
    timelines = {
        name: context.features.item_timeline(freshness.delay, frozen_at) for name in recommenders
    }
    tasks = {name: find_task(name) for name in recommenders}
    history = context.features.history_features()
    excluded = seen_items(context.log.events(), queries)
    yield _joined(queries[:0], [], source_features(recommenders))
    for start in range(0, len(queries), BATCH_SIZE):
        rows = queries.slice(start, BATCH_SIZE)
        seen = [excluded.of(start + row) for row in range(len(rows))]
        proposals = {
            name: propose(tasks[name], recommender, rows, Known(timelines[name], history), seen)
            for name, recommender in recommenders.items()
        }
        merged = []
        for row in range(len(rows)):
            own = {name: _known(batch[row], known) for name, batch in proposals.items()}
            merged.append(merge(own, tuple(recommenders), seen[row]))
        yield _joined(rows, merged, source_features(recommenders))


def _joined(
    rows: pl.DataFrame, merged: Sequence[Candidates], features: Sequence[str]
) -> pl.DataFrame:
    """Return queries with their candidates, and what sources say of these."""
    ids = [one.item_ids.tolist() for one in merged]
    said = {name: [one.features[name].tolist() for one in merged] for name in features}
    return rows.with_columns(
        pl.Series(Columns.CANDIDATES, ids, pl.List(pl.String)),
        *(pl.Series(name, values, pl.List(pl.Float32)) for name, values in said.items()),
    )


def _known(proposal: Proposal, known: set[str]) -> Proposal:
    keep = are_in(proposal.item_ids.tolist(), known)
    return Proposal(proposal.item_ids[keep], proposal.scores[keep])


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of items at the time of queries."""

    timeline: ItemTimeline
    """Item features; it moves forward to the queries' times."""
    history: HistoryFeatures
    """What a history says of candidates; it moves likewise."""


def propose(
    task: Task,
    recommender: Retriever | Ranker,
    rows: pl.DataFrame,
    known: Known,
    seen: Sequence[Ids],
) -> list[Proposal]:
    """Return what a source proposes to each query, best first, items already seen dropped.

    Args:
        task: The source's task.
        recommender: Its model, fitted before the queries.
        rows: Queries in order of time. Shape: [batch].
        known: What is known of items.
        seen: Items to drop, by query.
    """
    names = [Columns.TIMESTAMP, *(name for name in task.features if name in rows.columns)]
    query: Query = query_inputs(rows, names)
    if isinstance(recommender, Retriever):
        if task.label.kind is LabelKind.NEXT_ITEMS:
            query = latest_history(query, SEED_HISTORY)
        item_ids, scores = recommender.retrieve({**query, EXCLUDE: _padded(seen)}, PROPOSALS)
    else:
        item_ids, scores = rank_catalogue(recommender, query, known)
    return [
        not_hidden(Proposal(ids, values), items)
        for ids, values, items in zip(item_ids, scores, seen, strict=True)
    ]


def latest_history(query: Query, length: int) -> Query:
    """Return the query with its history cut to the latest entries."""
    columns = (Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS, Columns.HISTORY_KINDS)
    return {name: value[:, -length:] if name in columns else value for name, value in query.items()}


def rank_catalogue(ranker: Ranker, query: Query, known: Known) -> tuple[Ids, Scores]:
    """Return every item of the timeline with its score, best first. Shapes: [batch, items]."""
    all_known, timeline = all_features(), known.timeline
    timestamps = query[Columns.TIMESTAMP]
    of_items = [
        name for name in ranker.inputs if name in all_known and all_known[name].entity == "item"
    ]
    candidates = np.broadcast_to(timeline.item_ids, (len(timestamps), len(timeline.item_ids)))
    inputs = {
        **query,
        **timeline.at(timestamps, of_items),
        Columns.COUNTS_TIMESTAMP: timeline.known_at(timestamps),
        Columns.CANDIDATES: candidates,
    }
    if said := [name for name in OF_CANDIDATES if name in ranker.inputs]:
        inputs |= known.history.of(inputs, said)
    scores = ranker.rank(inputs)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(candidates, order, 1), np.take_along_axis(scores, order, 1)


def _padded(seen: Sequence[Ids]) -> Ids:
    """Return lists of items as one array, padded with "". Shape: [batch, longest]."""
    padded: Ids = np.full((len(seen), max(map(len, seen), default=0)), "", object)
    for row, items in enumerate(seen):
        padded[row, : len(items)] = items
    return padded
