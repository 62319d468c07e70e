"""The leaderboard as one operation: what the latest run of each task measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lolomo.core.errors import LolomoError
from lolomo.core.settings import Workspace

if TYPE_CHECKING:
    from lolomo.evaluation import Result

POPULARITY = "recent_popularity"
"""The list of what was watched most in a window that was tuned: what everything is held against."""


def latest_results(workspace: Workspace) -> "list[Path]":
    """Return the result files of each task's latest evaluation, in the order of the tasks."""
    from lolomo.tasks import all_tasks

    latest = []
    for task in all_tasks():
        found = sorted(
            workspace.runs.glob(f"evaluate-{task}-*/results.json"),
            key=_last_used,
        )
        latest += found[-1:]
    return latest


def _last_used(path: Path) -> float:
    """Return when the step that owns this file was last run, or found done."""
    return path.parent.stat().st_mtime


def results_of(workspace: Workspace, window: str) -> "list[Result]":
    """Return each judged model of the latest evaluations; the verdict says which one serves.

    Raises:
        LolomoError: If nothing has been evaluated.
    """
    from lolomo.core.release import ReleaseStore
    from lolomo.evaluation import from_json

    paths = latest_results(workspace)
    if not paths:
        raise LolomoError(
            f"nothing has been evaluated in {workspace.root}: run `lolomo pipelines submit` first"
        )
    store = ReleaseStore(workspace.releases)
    champions = {task: store.open(digest).card.model for task, digest in store.pins().items()}
    return [
        replace(result, verdict="champion" if champions.get(result.task) == result.model else "")
        for path in paths
        for result in from_json(path.read_text())
        if result.window == window
    ]


def print_leaderboard(workspace: Workspace, window: str, *, as_json: bool = False) -> None:
    """Print each task's models beside its baselines, and what the gates said.

    A look at the test window is recorded.

    Args:
        workspace: The dataset's workspace.
        window: `validation` or `test`.
        as_json: Print JSON rather than tables.

    Raises:
        LolomoError: If nothing has been evaluated.
    """
    from rich.console import Console

    from lolomo.evaluation import INCONCLUSIVE, MIN_USERS, to_json, to_table
    from lolomo.training.looks import record_look

    results = results_of(workspace, window)
    record_look(workspace, "leaderboard", results)
    if as_json:
        print(to_json(results))  # noqa: T201
        return
    console = Console()
    for task in dict.fromkeys(result.task for result in results):
        rows = [each for each in results if each.task == task]
        title = f"[bold]{task}[/], {window} window, {rows[0].num_users:,} users"
        if not rows[0].is_conclusive:
            title += f": [yellow]{INCONCLUSIVE}[/], fewer than {MIN_USERS}"
        starred = [
            replace(row, verdict="", num_users=MIN_USERS, model=_starred(row)) for row in rows
        ]
        console.print(to_table(starred, title=title, num_metrics=2))
        for line in against_popularity(workspace, task, window):
            console.print(f"  {line}", highlight=False)
        for reason in _reasons(workspace, task).values():
            console.print(f"  [dim]gate, on validation:[/] {reason}", highlight=False)
        console.print()
    console.print("[bold]★[/] serves as champion")


def against_popularity(workspace: Workspace, task: str, window: str) -> list[str]:
    """Say of each model whether it beats the popularity list whose window was tuned.

    Empty where the task has no such list.

    Args:
        workspace: The dataset's workspace.
        task: The task's name.
        window: `validation` or `test`.
    """
    import polars as pl

    from lolomo.evaluation import paired_bootstrap
    from lolomo.tasks import find_task

    metric = find_task(task).gate.metric
    folder = next(path.parent for path in latest_results(workspace) if _task_of(path) == task)
    judged = {
        path.name.split("-")[1]: pl.read_parquet(path)
        for path in sorted(folder.glob(f"metrics-*-{window}.parquet"))
    }
    popularity = judged.pop(POPULARITY, None)
    if popularity is None:
        return []
    lines = []
    for model, per_query in judged.items():
        difference = paired_bootstrap(per_query, popularity, metric).difference
        verb = "beats" if difference.low > 0 else "does not beat"
        lines.append(
            f"{model} {verb} {POPULARITY} here ({metric} {difference.mean:+.4f} "
            f"[{difference.low:+.4f}, {difference.high:+.4f}])"
        )
    return lines


def _task_of(path: Path) -> str:
    """Return the task of a results file, from its folder `evaluate-<task>-<digest>`."""
    return path.parent.name.removeprefix("evaluate-").rpartition("-")[0]


def _starred(result: "Result") -> str:
    return f"★ {result.model}" if result.verdict else f"  {result.model}"


def draw_leaderboard(workspace: Workspace, window: str) -> Path:
    """Draw the leaderboard with its intervals, and return the PNG file."""
    from lolomo.evaluation import leaderboard_figure

    path = workspace.reports / f"leaderboard-{window}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    return leaderboard_figure(results_of(workspace, window), path)


def _reasons(workspace: Workspace, task: str) -> dict[str, str]:
    """Return what the latest gate said of each challenger."""
    found = sorted(workspace.runs.glob(f"gate-{task}-*/verdict.json"), key=_last_used)
    return dict(json.loads(found[-1].read_text())["reasons"]) if found else {}
