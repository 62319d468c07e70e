"""The demo: from real events to a personalised page, every part for real."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from lolomo.core.files import write_atomically
from lolomo.core.progress import Progress
from lolomo.core.settings import Settings, Workspace
from lolomo.operations.service_process import running_service
from lolomo.operations.terminal import progress_bar

if TYPE_CHECKING:
    from lolomo.events import EventLog

UNKNOWN_USER = "someone-new"
ROWS_SHOWN = 3
"""So many rows of each page are printed; the files hold them all."""


def run_demo(settings: Settings, dataset: str, full: bool = False) -> None:
    """Get data, compute features, train, serve, and show three members' pages.

    What an earlier run has done is not done again.

    Args:
        settings: Where everything is kept.
        dataset: A dataset's name, or the path of a mapping file.
        full: Whether to train as `lolomo train` does, rather than quickly.
    """
    started = time.monotonic()
    name, log = _data(settings, dataset)
    workspace = settings.workspace(name)
    _features(workspace, log)
    _training(settings, name, full)
    page = _pages(workspace, name, choose_members(log))
    _closing(workspace, name, page, time.monotonic() - started)


@contextmanager
def _stage(number: int, title: str) -> Iterator[Progress]:
    from rich.console import Console

    console = Console()
    console.print(f"\n[bold cyan]{number}/5[/] [bold]{title}[/]")
    with progress_bar("") as progress:
        yield progress


def _data(settings: Settings, dataset: str) -> "tuple[str, EventLog]":
    from lolomo.events import EventLog, find_dataset, import_dataset

    source = find_dataset(dataset)
    with _stage(1, f"Events: {source.description}") as progress:
        manifest = import_dataset(source, settings, progress)
    print(  # noqa: T201
        f"    {manifest.num_events:,} events of {manifest.num_users:,} users and "
        f"{manifest.num_items:,} items, {manifest.first_timestamp:%Y-%m-%d} to "
        f"{manifest.last_timestamp:%Y-%m-%d}; {manifest.num_quarantined:,} rows quarantined"
    )
    return source.name, EventLog(settings.workspace(source.name).events)


def _features(workspace: Workspace, log: "EventLog") -> None:
    from lolomo.features import FeatureStore
    from lolomo.tasks import all_tasks

    store = FeatureStore(workspace)
    tasks = list(all_tasks().values())
    with _stage(2, "Features: built once, registered in Feast, materialised") as progress:
        store.build(log, lambda fraction, message: progress(0.4 * fraction, message))
        progress(0.4, "registering in Feast")
        store.apply(tasks)
        store.materialize(
            store.latest, lambda fraction, message: progress(0.5 + 0.5 * fraction, message)
        )
    print(f"    a FeatureService for each of {len(tasks)} tasks, {store.service(tasks[0])} …")  # noqa: T201


def _training(settings: Settings, name: str, full: bool) -> None:
    from lolomo.operations.leaderboard import draw_leaderboard, print_leaderboard
    from lolomo.operations.training import train_tasks

    workspace = settings.workspace(name)
    with _stage(3, "Training: prepare → train → evaluate → gate → release") as progress:
        print(f"    {_effort_of(full)}; log: {_short(workspace.runs / 'pipeline.log')}")  # noqa: T201
        train_tasks(settings, name, (), progress, quick=not full)
    print_leaderboard(workspace, "test")
    draw_leaderboard(workspace, "test")


def _effort_of(full: bool) -> str:
    """Say how much is trained, and how long that takes."""
    if full:
        return "everything that `lolomo train` does: a quarter of an hour and more"
    return "quickly: a few minutes on two idle cores; `--full` spares nothing"


def choose_members(log: "EventLog") -> dict[str, str]:
    """Return a user who watches much, one who is hardly known, and one never seen.

    The first two are the latest of their kind to have been active.

    Returns:
        What each is, by id.
    """
    import polars as pl

    from lolomo.core.columns import Columns

    users = (
        log.events()
        .group_by(Columns.USER_ID)
        .agg(pl.len().alias("num_events"), pl.col(Columns.TIMESTAMP).max())
        .sort(Columns.TIMESTAMP, Columns.USER_ID, descending=[True, False])
    )
    events = pl.col("num_events")
    regular = users.filter(events >= events.quantile(0.9))
    hardly_known = users.filter((events >= 2) & (events <= events.quantile(0.2).clip(2)))
    chosen: dict[str, str] = {}
    for found, who in ((regular, "who watches much"), (hardly_known, "who is hardly known")):
        for user in found[Columns.USER_ID].head(1):
            chosen.setdefault(user, f"One {who}")
    return {**chosen, UNKNOWN_USER: "One never seen"}


def _pages(workspace: Workspace, name: str, members: Mapping[str, str]) -> Path:
    """Start the service, ask it for each member's page, show and save them, and stop it.

    Returns:
        The first member's page as HTML; the others stand beside it.
    """
    from pydantic import TypeAdapter

    from lolomo.serving.bentos import PageAnswer
    from lolomo.serving.console import print_page, render_page

    pages: dict[str, PageAnswer] = {}
    with _stage(4, "Service: a Bento on loopback, asked over HTTP") as progress:
        progress(0.1, "starting: loading and warming releases")
        with running_service(name, workspace.reports / "service.log") as service:
            for index, user in enumerate(members):
                progress(0.6 + 0.1 * index, f"page of user {user}")
                answer = service.page({"user_id": user})
                pages[user] = TypeAdapter(PageAnswer).validate_python(answer)
                text = json.dumps(answer, indent=2, ensure_ascii=False)
                write_atomically(_report(workspace, user, "json"), text)
    main = workspace.reports / "page.html"
    for index, (user, page) in enumerate(pages.items()):
        path = _report(workspace, user, "html") if index else main
        write_atomically(path, render_page(page, form=False))
        print(f"\n    {members[user]}:")  # noqa: T201
        print_page(replace(page, rows=page.rows[:ROWS_SHOWN]))
        if more := len(page.rows[ROWS_SHOWN:]):
            print(f"    and {more} more rows in {_short(path)}")  # noqa: T201
    return main


def _report(workspace: Workspace, user: str, suffix: str) -> Path:
    """Return where a member's page is kept; an id may hold any character."""
    return workspace.reports / f"page-{quote(user, safe='')}.{suffix}"


def _closing(workspace: Workspace, name: str, page: Path, seconds: float) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.print(f"\n[bold cyan]5/5[/] [bold]Done in {seconds:.0f} s.[/] Look at:")
    others = [path for path in sorted(workspace.reports.glob("*.html")) if path != page]
    for path in (page, *others, workspace.reports / "leaderboard-test.png"):
        console.print(f"    {_short(path)}")
    console.print("\nGo on with:")
    option = f" --dataset {name}"
    for command, what in (
        (f"lolomo serve{option}", "the service; pages at http://127.0.0.1:3000/?user=…"),
        (f"lolomo page --user {UNKNOWN_USER}{option}", "one page in the terminal"),
        (f"lolomo leaderboard{option}", "who wins which task"),
        (f"lolomo features show{option}", "views, services and values in Feast"),
        ("lolomo pipelines compile pipeline.yaml", "the same pipeline, for a cluster"),
        ("lolomo data check PATH", "what your own data would look like here"),
    ):
        console.print(f"    [bold].venv/bin/{command}[/]\n        {what}", highlight=False)


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
