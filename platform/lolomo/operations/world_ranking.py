"""Do simple models rank in a world as they do on a real log? Kendall's tau over seeds; *simulated*.

What a world resembles from afar (popularity, activity, gaps) says nothing of what can be learned in
it. So the simple models of the next play are fitted and judged on a world's log and on a real one,
by the same protocol and with the same settings, and the two orders compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns, Kind
from lolomo.core.progress import Progress, part_of
from lolomo.core.recommender import Ids, Scores
from lolomo.core.settings import Settings
from lolomo.evaluation import (
    Fold,
    Interval,
    Judgements,
    item_counts,
    query_metrics,
    rolling_folds,
    seen_items,
)
from lolomo.evaluation.queries import build_queries
from lolomo.evaluation.seen import SeenItems, known_items
from lolomo.events import EventLog, find_dataset, import_dataset
from lolomo.events.datasets.simulated import LOGGING_POLICY
from lolomo.events.world import WorldConfig, find_world
from lolomo.events.world.simulation import Simulation
from lolomo.features.inputs import query_inputs
from lolomo.runtimes import load_files
from lolomo.tasks import NEXT_PLAY
from lolomo.training.models import config_from, find_model
from lolomo.training.models.data import TrainingData
from lolomo.training.models.model import Model

COUNTED: Final[Mapping[str, float]] = {"popularity": 1e6, "recent_popularity": 3.0}
"""Orders by plays before the query, and over how many days."""
FITTED: Final = ("item_knn", "markov", "ials", "ease", "slim")
METRIC: Final = "ndcg@10"
QUERIES: Final = 1_500
"""Of the test window, drawn by seed: rank correlations need no more."""
BATCH: Final = 256
HISTORY: Final = 50
MICROSECONDS_A_DAY: Final = 86_400_000_000
REAL: Final = "real"
_COLUMNS: Final = (Columns.USER_ID, Columns.ITEM_ID, Columns.KIND, Columns.VALUE, Columns.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries of one log's test window, with what answers and what is left out."""

    events: pl.DataFrame
    """Interactions, in order of time."""
    fold: Fold
    queries: pl.DataFrame
    seen: SeenItems
    known: Ids

    @classmethod
    def of(cls, events: pl.DataFrame) -> "Asked":
        """Draw the queries of a log of interactions."""
        fold = rolling_folds(events).test
        queries = build_queries(events, NEXT_PLAY.label, NEXT_PLAY.reward, fold)
        queries = queries.sort(Columns.TIMESTAMP, maintain_order=True)
        drawn = np.random.default_rng(0).permutation(len(queries))[:QUERIES]
        queries = queries[np.sort(drawn)].drop(Columns.QUERY_ID).with_row_index(Columns.QUERY_ID)
        seen = seen_items(events, queries)
        known = known_items(item_counts(events, fold))
        return cls(events, fold, _with_history(queries, seen, events), seen, known)

    def judged(self, batches: Iterator[tuple[Scores, Ids]]) -> float:
        """Return the mean NDCG@10 of scores, in the order of the queries."""
        judgements = Judgements(self.queries, self.known, self.seen)
        for scores, item_ids in batches:
            judgements.add(scores, item_ids)
        counts = item_counts(self.events, self.fold)
        found = query_metrics(judgements.table(), (METRIC,), counts)[METRIC].to_numpy()
        return float(np.mean(found))


def rank_baselines(events: pl.DataFrame, fitted: Sequence[str] = FITTED) -> dict[str, float]:
    """Fit simple models before the test window and judge them in it.

    Args:
        events: Interactions in order of time; settings are the first of each model's config, so
            that nothing is chosen on either log.
        fitted: Models to fit, beside those that only count.

    Returns:
        NDCG@10 by model.
    """
    asked = Asked.of(events)
    found = {name: asked.judged(_counts(asked, days)) for name, days in COUNTED.items()}
    data = TrainingData(
        task=NEXT_PLAY,
        events=asked.fold.fit_events(events),
        items=pl.DataFrame({Columns.ITEM_ID: asked.known.tolist()}),
        cut=asked.fold.start,
    )
    for name in fitted:
        model = _settled(name)
        model.fit(data, np.random.default_rng(1))
        with TemporaryDirectory() as folder:
            export = model.export(Path(folder))
            loaded = load_files(Path(folder), export.runtime, export.method, export.inputs)
            found[name] = asked.judged(_retrieved(asked, loaded))
    return found


def rankings(
    settings: Settings,
    worlds: Sequence[str],
    seeds: Sequence[int],
    against: str,
    progress: Progress,
) -> pl.DataFrame:
    """Rank simple models on a real log, and in worlds for each seed.

    Returns:
        world (`REAL` first), seed, plays, NDCG@10 by model, and `tau` with the real order.
    """
    import_dataset(find_dataset(against), settings, part_of(progress, 0, 20, against))
    observed = interactions(EventLog(settings.workspace(against).events).events())
    real = rank_baselines(observed)
    rows: list[dict[str, Any]] = [
        {"world": REAL, "seed": 0, "plays": observed.height, **real, "tau": 1.0}
    ]
    asked = [(world, seed) for world in worlds for seed in seeds]
    for number, (world, seed) in enumerate(asked):
        progress(0.05 + 0.95 * number / len(asked), f"{world}, seed {seed}")
        log = world_plays(find_world(world), seed)
        found = rank_baselines(log)
        told = {"world": world, "seed": seed, "plays": log.height}
        rows.append({**told, **found, "tau": kendall(real, found)})
    return pl.DataFrame(rows)


def mean_tau(table: pl.DataFrame, world: str) -> Interval:
    """Return the mean of tau over a world's seeds, with the 95 % interval of Student's t."""
    from scipy import stats

    taus = table.filter(pl.col("world") == world)["tau"].to_numpy()
    mean = float(taus.mean())
    if len(taus) < 2:
        return Interval(mean, float("nan"), float("nan"))
    half = float(stats.t.ppf(0.975, len(taus) - 1) * taus.std(ddof=1) / np.sqrt(len(taus)))
    return Interval(mean, mean - half, mean + half)


def kendall(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Return Kendall's tau-b of two rankings of the same models.

    >>> kendall({"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 0.1, "b": 0.5, "c": 0.4})
    0.3333
    """
    from scipy import stats

    return round(float(stats.kendalltau(list(one.values()), [other[name] for name in one])[0]), 4)


def world_plays(config: WorldConfig, seed: int) -> pl.DataFrame:
    """Return the interactions of a world's log, in order of time."""
    world = Simulation(config, seed)
    days = world.days(world.service(LOGGING_POLICY))
    return pl.concat([interactions(pl.DataFrame(pl.from_arrow(day.events))) for day in days]).sort(
        Columns.TIMESTAMP, maintain_order=True
    )


def interactions(events: pl.DataFrame) -> pl.DataFrame:
    """Return what of a log the models of the next play learn from."""
    return events.filter(pl.col(Columns.KIND).is_in(Kind.INTERACTIONS)).select(_COLUMNS)


def _with_history(queries: pl.DataFrame, seen: SeenItems, events: pl.DataFrame) -> pl.DataFrame:
    """Add the last items of each query's user, and when they were played."""
    times = events.sort(Columns.USER_ID, Columns.TIMESTAMP, maintain_order=True)[Columns.TIMESTAMP]
    first = np.maximum(seen.starts, seen.stops - HISTORY)
    spans = list(zip(first.tolist(), seen.stops.tolist(), strict=True))
    items = [seen.item_ids[start:stop].tolist() for start, stop in spans]
    when = [times[start:stop].to_list() for start, stop in spans]
    return queries.with_columns(
        pl.Series(Columns.HISTORY_ITEM_IDS, items, pl.List(pl.String)),
        pl.Series(Columns.HISTORY_TIMESTAMPS, when, pl.List(times.dtype)),
    )


def _settled(name: str) -> Model[Any]:
    """Return a model whose settings are the first of those that it would choose among."""
    model = find_model(name)
    default = model.Config()
    values = {field.name: getattr(default, field.name) for field in fields(default)}
    first = {name: each[:1] for name, each in values.items() if isinstance(each, tuple)}
    return model(config_from(model, first))


def _counts(asked: Asked, days: float) -> Iterator[tuple[Scores, Ids]]:
    """Yield how often each known item was played in the days before each query."""
    place = {item_id: number for number, item_id in enumerate(asked.known.tolist())}
    code = np.array([place.get(item, len(place)) for item in asked.events[Columns.ITEM_ID]])
    times = asked.events[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    when = asked.queries[Columns.TIMESTAMP].dt.epoch("us").to_numpy()
    first = np.searchsorted(times, when - days * MICROSECONDS_A_DAY)
    last = np.searchsorted(times, when)
    counts, low, high = np.zeros(len(place) + 1, np.float32), 0, 0
    rows: list[NDArray[np.float32]] = []
    for start, stop in zip(first, last, strict=True):
        np.add.at(counts, code[high:stop], 1)
        np.subtract.at(counts, code[low:start], 1)
        low, high = start, stop
        rows.append(counts[:-1].copy())
        if len(rows) == BATCH:
            yield np.stack(rows), asked.known
            rows = []
    if rows:
        yield np.stack(rows), asked.known


def _retrieved(asked: Asked, loaded: Any) -> Iterator[tuple[Scores, Ids]]:
    for rows in asked.queries.iter_slices(BATCH):
        yield loaded.scores(query_inputs(rows, loaded.inputs)), loaded.items
