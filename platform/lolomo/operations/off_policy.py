"""Off-policy evaluation as one operation: a log in, estimates or refusals out."""

from dataclasses import dataclass

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import DataError, SettingsError
from lolomo.core.policy import Policy
from lolomo.core.reward import INTERACTION, Reward, expected_by_user_and_item
from lolomo.core.settings import Settings
from lolomo.evaluation.off_policy import (
    DECISION_ESTIMATORS,
    Estimate,
    Guard,
    Refused,
    estimate,
    slates_of,
    uniform_decisions,
)
from lolomo.evaluation.off_policy.journal import REWARD
from lolomo.events import EventLog
from lolomo.events.journal_reading import Journal

WITHOUT_MODEL = ("slate-ips", "rips")
"""What a journal is judged by: no reward model stands behind its slots."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked of a log, and what came of it."""

    question: str
    logged: float
    """What the logging policy earned, a decision or a list."""
    outcomes: tuple[Estimate | Refused, ...]


def judge_impressions(
    settings: Settings, dataset: str, surface: str, guard: Guard | None = None
) -> Answer:
    """Ask what a uniformly random policy would have earned on a surface.

    Args:
        settings: Where the workspace is.
        dataset: An imported dataset whose impressions have propensities, such as open-bandit.
        surface: Which of its logs.
        guard: When to refuse; the usual limits unless given.

    Raises:
        DataError: If the surface has no impressions, or one has no propensity.
    """
    events = EventLog(settings.workspace(dataset).events).events()
    chosen = events.filter(pl.col(Columns.SURFACE) == surface)
    if chosen.is_empty():
        known = events[Columns.SURFACE].drop_nulls().unique().sort().to_list()
        raise DataError(f"{dataset} has no surface {surface!r}; expected one of {known}")
    log = uniform_decisions(chosen)
    outcomes = tuple(estimate(name, log, guard) for name in DECISION_ESTIMATORS)
    question = f"uniform on {dataset}, {surface}"
    return Answer(question, float(log.rewards.mean()), outcomes)


def judge_journal(
    journal: pl.DataFrame,
    events: pl.DataFrame,
    target: tuple[str, Policy],
    reward: Reward = INTERACTION,
    guard: Guard | None = None,
) -> Answer:
    """Ask what a row would have earned under another policy.

    Args:
        journal: What was served.
        events: What members did, in order of time; what is still to come is predicted.
        target: Which row, and what would have drawn it.
        reward: What an event is worth; of several of a title in a request the best counts.
        guard: When to refuse; the usual limits unless given.

    Raises:
        DataError: If the task was never shown, or a propensity is null.
        SettingsError: If the policy can only estimate its propensities.
    """
    task, policy = target
    if policy.wants_posterior:
        raise SettingsError(
            f"received {policy} as the target, which can only estimate its propensities, by what "
            "the journal does not hold; expected a policy that knows them, such as plackett_luce"
        )
    now = events[Columns.TIMESTAMP][-1] if events.height else None
    worth = events.with_columns(reward.of(events, now, expected_by_user_and_item).alias(REWARD))
    of_request = worth.filter(pl.col(Columns.REQUEST_ID).is_not_null(), pl.col(REWARD) != 0)
    keys = (Columns.REQUEST_ID, Columns.ITEM_ID)
    rewarded = of_request.group_by(*keys).agg(pl.col(REWARD).max())
    slates = slates_of(journal, rewarded, task, policy)
    outcomes = tuple(estimate(name, slates, guard) for name in WITHOUT_MODEL)
    earned = float(slates.rewards.sum(axis=1).mean())
    question = f"{policy.name} on the journal's {task}, {reward.reference}"
    return Answer(question, earned, outcomes)


def read_journal(settings: Settings, dataset: str) -> pl.DataFrame:
    """Return what was shown to whom, out of what, by a workspace's journal.

    Raises:
        DataError: If nothing was served yet.
    """
    root = settings.workspace(dataset).journal
    columns = "request_id, user_id, slots, rankings, proposals"
    served = Journal(root).query(f"SELECT {columns} FROM journal")  # noqa: S608 -- our own
    if served.is_empty():
        raise DataError(f"the journal in {root} is empty: serve pages first, with a policy")
    return served
