"""Checks: what must hold before anything is learned from the data.

A feature that sees the future makes every figure a lie, and stamps do not give it away. So each
feature group, built in or of a company, is computed twice on the data at hand, from all events and
from those before the test window alone: what is in effect by then must be the same.
"""

from pathlib import Path

import polars as pl

from lolomo.core.code_version import code_version
from lolomo.core.columns import Columns
from lolomo.evaluation import check_changes
from lolomo.features import all_groups
from lolomo.training.pipelines.context import StepContext
from lolomo.training.pipelines.steps import print_progress, run_step

MAX_EVENTS = 30_000
"""Of a larger log, the events of some users are checked."""


def check_features(context: StepContext) -> str:
    """Check that no feature group sees the future; done once a dataset and code.

    Returns:
        The step's key.

    Raises:
        FeatureError: If one does.
    """
    groups = [group for group in all_groups().values() if group.transform is not None]

    def write(folder: Path) -> None:
        log, moment = context.log, context.folds.test.start
        events = _sample(log.events())
        past = events.filter(pl.col(Columns.TIMESTAMP) < moment)
        items, users = log.items(), log.users()
        for index, group in enumerate(groups):
            print_progress(index / len(groups), f"looking for leaks in {group.name}")
            whole = group.change_table(events, items, users)
            check_changes(whole, group.change_table(past, items, users), moment, group.name)
        (folder / "checked").write_text("\n".join(group.name for group in groups))

    modules = sorted({group.transform.__module__ for group in groups})
    inputs = {
        "data": context.log.manifest.fingerprint,
        "code": code_version(__name__, *modules),
        "groups": [group.name for group in groups],
    }
    return run_step(context.workspace, "check-features", inputs, write)


def _sample(events: pl.DataFrame) -> pl.DataFrame:
    """Return all events of as many users as make up about `MAX_EVENTS`."""
    if len(events) <= MAX_EVENTS:
        return events
    share = MAX_EVENTS / len(events)
    users = events[Columns.USER_ID].unique().sort()
    kept = users.sample(fraction=share, seed=0)
    return events.filter(pl.col(Columns.USER_ID).is_in(kept.implode()))
