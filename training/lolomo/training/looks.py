"""Looks: who has seen figures of the test window, and when.

A window stays honest only as long as nothing is chosen by it, and every look is a temptation. So
each one is a run in the MLflow experiment `looks`, whose start is the time of the look.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from lolomo.core.settings import Workspace
from lolomo.evaluation import Result
from lolomo.training.tracking import Tracker

LOOKS = "looks"
TEST = "test"


def record_look(workspace: Workspace, what: str, results: Sequence[Result], key: str = "") -> None:
    """Record that somebody was shown figures of the test window; of other windows nothing.

    Args:
        workspace: Whose MLflow holds it.
        what: Through which door, such as `contest`.
        results: What was shown.
        key: Of the step that made it, if it is one.
    """
    shown = [result for result in results if result.window.split(",")[0] == TEST]
    if not shown:
        return
    when = datetime.now(UTC).isoformat()
    params = {
        "what": what,
        "when": when,
        "task": _words(result.task for result in shown),
        "model": _words(result.label or result.model for result in shown),
        "window": _words(result.window for result in shown),
        "freshness": _words(result.freshness for result in shown),
        "seed": _words(str(result.seed) for result in shown),
        "key": key,
    }
    Tracker(workspace).record(LOOKS, f"{key or what}@{when}", params, {})


def _words(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))
