"""What journals say of releases that were interleaved or shadowed, read for an experiment's report.

Interleaving: each slot of a drafted row says whose pick it was, and events say which were watched.
Shadows: a second journal holds what a release answered to copies of requests that the first holds.
"""

from typing import Final

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.experiment import Experiment
from lolomo.core.interleaving import TEAMS
from lolomo.core.settings import Workspace
from lolomo.evaluation.experiments import Preference, Shadowed, compare_shadow, preference
from lolomo.events.journal_reading import Journal
from lolomo.events.outcomes import PLAYED, with_outcomes

LATEST: Final = 5_000
"""How many of the latest copies are compared."""
_DRAFTED: Final = """
    SELECT request_id, timestamp, user_id, unnest(slots, recursive := true)
    FROM journal WHERE list_contains(string_split(experiment, ','), $name)
"""
_IDS: Final = """
    SELECT request_id FROM journal WHERE list_contains(string_split(experiment, ','), $name)
    ORDER BY received_at DESC LIMIT $latest
"""
_ANSWERS: Final = """
    WITH asked AS (SELECT unnest($ids) AS request_id),
    answered AS (
        SELECT request_id, latency_us, degraded[$task] AS missing,
            [slot for slot in slots if slot.task = $task] AS own,
            [each for each in rankings if each.task = $task] AS ranked,
            [each for each in proposals if each.task = $task] AS proposed
        FROM journal SEMI JOIN asked USING (request_id)
    )
    SELECT request_id, missing,
        CASE WHEN len(ranked) > 0 THEN latency_us['rank'] ELSE latency_us[$task] END AS us,
        [slot.item_id for slot in own if slot.row = own[1].row] AS shown,
        (ranked || proposed)[1].item_ids AS item_ids, (ranked || proposed)[1].scores AS scores
    FROM answered
"""


def preferences(
    workspace: Workspace, experiment: Experiment, events: pl.DataFrame
) -> dict[str, Preference]:
    """Return, by task, which of two interleaved releases members watched from.

    Args:
        workspace: Whose journal it is.
        experiment: Of mode interleaving.
        events: What members did, in order of time; lists are settled up to a day before its end.
    """
    journal = Journal(workspace.journal)
    slots = journal.query(_DRAFTED, {"name": experiment.name}).with_columns(
        pl.col(Columns.TIMESTAMP).dt.convert_time_zone("UTC")
    )
    slots = slots.filter(pl.col(Columns.TEAM).is_not_null())
    if events.is_empty() or slots.is_empty():
        settled = slots.head(0).with_columns(pl.lit(0).alias(PLAYED))
    else:
        settled = with_outcomes(slots, events, events[Columns.TIMESTAMP][-1])
    return {
        task: _preference(settled.filter(pl.col("task") == task)) for task in experiment.challengers
    }


def shadowed(workspace: Workspace, experiment: Experiment) -> dict[str, Shadowed]:
    """Return, by task, how a shadow's answers compare with those served; none without copies."""
    shadows, journal = Journal(workspace.shadows), Journal(workspace.journal)
    ids = shadows.query(_IDS, {"name": experiment.name, "latest": LATEST})[
        Columns.REQUEST_ID
    ].to_list()
    found = {}
    for task in experiment.challengers:
        asked = {"ids": ids, "task": task}
        served, shadow = (each.query(_ANSWERS, asked) for each in (journal, shadows))
        both = served.join(shadow, on=Columns.REQUEST_ID, suffix="_shadow")
        if both.height:
            found[task] = compare_shadow(_compared(both))
    return found


def _preference(slots: pl.DataFrame) -> Preference:
    """Count a point for each watched title, and read the points."""
    points = [pl.col(PLAYED).filter(pl.col(Columns.TEAM) == team).sum() for team in TEAMS]
    lists = slots.group_by(Columns.REQUEST_ID, maintain_order=True).agg(
        pl.col(Columns.USER_ID).first(), first=points[0], second=points[1]
    )
    users = lists[Columns.USER_ID].rank("dense").cast(pl.Int64).to_numpy() - 1
    first, second = (lists[name].cast(pl.Float64).to_numpy() for name in ("first", "second"))
    return preference(first, second, users)


def _compared(both: pl.DataFrame) -> pl.DataFrame:
    """Return requests as `compare_shadow` reads them, scores over what both ranked."""
    whole = both["missing_shadow"].is_null() & both["shown_shadow"].list.len().gt(0)
    names = ("item_ids", "scores", "item_ids_shadow", "scores_shadow")
    scores = [_common(*row) for row in both.select(*names).iter_rows()]
    return pl.DataFrame(
        {
            "served": both["shown"],
            "shadow": both["shown_shadow"].zip_with(whole, pl.Series([None], dtype=pl.List(str))),
            "served_us": both["us"],
            "shadow_us": both["us_shadow"],
            "served_scores": [own for own, _ in scores],
            "shadow_scores": [theirs for _, theirs in scores],
        },
        schema_overrides={name: pl.List(pl.Float64) for name in ("served_scores", "shadow_scores")},
    )


def _common(
    ids: list[str] | None,
    scores: list[float] | None,
    other_ids: list[str] | None,
    other_scores: list[float] | None,
) -> tuple[list[float], list[float]]:
    """Return the scores of the items that both lists hold, in the order of the first."""
    others = dict(zip(other_ids or (), other_scores or (), strict=True))
    pairs = [
        (score, others[item])
        for item, score in zip(ids or (), scores or (), strict=True)
        if item in others
    ]
    return [own for own, _ in pairs], [theirs for _, theirs in pairs]
