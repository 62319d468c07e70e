"""Evaluation by one protocol: folds, queries, judging, metrics, intervals, decisions and reports.

Pure functions over tables and arrays, in the order of use:

    fold = rolling_folds(events).validation
    queries = build_queries(events, task.label, task.reward, fold)
    counts = item_counts(events, fold)
    judgements = Judgements(queries, known_items(counts), seen_items(events, queries))
    judgements.add(scores, item_ids)                       # block by block
    per_query = query_metrics(judgements.table(), task.metrics, counts)
    summarise(per_query, task.metrics)                     # {metric: Interval}
    decide(task.gate, challenger, baselines, champion)     # Decision
"""

from lolomo.evaluation.bootstrap import (
    Bootstrap,
    Comparison,
    Interval,
    num_clusters,
    paired_bootstrap,
    summarise,
)
from lolomo.evaluation.decisions import (
    INCONCLUSIVE,
    MIN_USERS,
    Contender,
    Decision,
    decide,
    strongest,
)
from lolomo.evaluation.figures import leaderboard_figure
from lolomo.evaluation.folds import Fold, Folds, rolling_folds
from lolomo.evaluation.freshness import FRESH, FROZEN, Freshness, parse_freshness
from lolomo.evaluation.genres import Genres
from lolomo.evaluation.judging import Judgements, judge
from lolomo.evaluation.leaderboard import Result, from_json, to_json, to_markdown, to_table
from lolomo.evaluation.leakage import (
    check_blind_to_future,
    check_changes,
    check_histories,
    check_stamps,
)
from lolomo.evaluation.metrics import Metric, parse_metric, query_metrics
from lolomo.evaluation.queries import (
    Protocol,
    build_cold_queries,
    build_queries,
    build_static_queries,
    item_counts,
    num_evaluable_users,
)
from lolomo.evaluation.seeds import over_seeds, spread
from lolomo.evaluation.seen import SeenItems, known_items, seen_items
from lolomo.evaluation.slices import slices, traits
from lolomo.evaluation.typed_queries import typed_queries, typed_text

__all__ = [
    "FRESH",
    "FROZEN",
    "INCONCLUSIVE",
    "MIN_USERS",
    "Bootstrap",
    "Comparison",
    "Contender",
    "Decision",
    "Fold",
    "Folds",
    "Freshness",
    "Genres",
    "Interval",
    "Judgements",
    "Metric",
    "Protocol",
    "Result",
    "SeenItems",
    "build_cold_queries",
    "build_queries",
    "build_static_queries",
    "check_blind_to_future",
    "check_changes",
    "check_histories",
    "check_stamps",
    "decide",
    "from_json",
    "item_counts",
    "judge",
    "known_items",
    "leaderboard_figure",
    "num_clusters",
    "num_evaluable_users",
    "over_seeds",
    "paired_bootstrap",
    "parse_freshness",
    "parse_metric",
    "query_metrics",
    "rolling_folds",
    "seen_items",
    "slices",
    "spread",
    "strongest",
    "summarise",
    "to_json",
    "to_markdown",
    "to_table",
    "traits",
    "typed_queries",
    "typed_text",
]
