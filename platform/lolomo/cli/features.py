"""`lolomo features`: the feature store on the command line."""

import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lolomo.core.settings import Settings
from lolomo.operations.terminal import progress_bar

if TYPE_CHECKING:
    from lolomo.features import FeatureStore

DATASET = click.option(
    "--dataset", metavar="NAME", help="Dataset to work on.  [default: $LOLOMO_DATASET]"
)


@click.group()
def features() -> None:
    """Compute features once, the same for training and for serving."""


@features.command(
    epilog="Example: lolomo features apply --dataset movietweetings-100k",
)
@DATASET
def apply(dataset: str | None) -> None:
    """Build the feature tables from the event log and register them in Feast.

    Nothing is computed again unless the events or the code have changed.
    """
    from lolomo.events import EventLog
    from lolomo.tasks import all_tasks

    settings = Settings.from_environment()
    store = _store(settings, dataset)
    log = EventLog(settings.workspace(dataset).events)
    with progress_bar("Building") as progress:
        built = store.build(log, progress)
    click.echo("Feature tables built." if built else "Feature tables are up to date.")
    tasks = list(all_tasks().values())
    store.apply(tasks)
    click.echo(f"Applied to Feast: {', '.join(store.service(task) for task in tasks)}")
    click.echo("Next: lolomo features materialize")


@features.command(
    epilog="Example: lolomo features materialize --as-of 2013-08-01T00:00:00",
)
@DATASET
@click.option(
    "--as-of",
    type=click.DateTime(),
    help="Serve what was known at this UTC time.  [default: all events]",
)
def materialize(dataset: str | None, as_of: datetime | None) -> None:
    """Write the features as known at one time to the online store, for serving.

    The store is SQLite in the workspace, or Redis where LOLOMO_REDIS names one, such as
    localhost:6379,db=0. Redis needs the database after it too: values are prepared there and
    swapped in, so that a reader never sees half of them.
    """
    store = _store(Settings.from_environment(), dataset)
    moment = as_of.replace(tzinfo=UTC) if as_of else store.latest
    with progress_bar("Materializing") as progress:
        store.materialize(moment, progress)
    click.echo(f"The online store holds the features as of {moment.isoformat()}.")
    click.echo(f"Serving maps items from snapshot {store.snapshot_version[:12]}.")
    click.echo("Next: lolomo features show --user USER_ID")


@features.command(
    epilog="Examples: lolomo features show --task top_picks; lolomo features show --user 42",
)
@DATASET
@click.option("--task", "task_name", metavar="NAME", help="Only the features of this task.")
@click.option("--user", "user_id", metavar="ID", help="Show this user's values as served now.")
@click.option("--item", "item_id", metavar="ID", help="Show this item's values as served now.")
def show(
    dataset: str | None, task_name: str | None, user_id: str | None, item_id: str | None
) -> None:
    """List the registered views and services, or the online values of a user or an item."""
    store = _store(Settings.from_environment(), dataset)
    if user_id is not None or item_id is not None:
        _show_values(store, task_name, user_id, item_id)
    elif task_name is not None:
        _show_task(store, task_name)
    else:
        _show_repository(store)


def _store(settings: Settings, dataset: str | None) -> "FeatureStore":
    from lolomo.features import FeatureStore

    return FeatureStore(settings.workspace(dataset), settings.redis, settings.feature_registry)


def _print(title: str, columns: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _show_repository(store: "FeatureStore") -> None:
    feast_store = store.repository.open()
    views = [*feast_store.list_feature_views(), *feast_store.list_on_demand_feature_views()]
    columns = ["name", "features", "owner", "tags", "description"]
    _print("Feature views", columns, [_described(view, view.features) for view in views])
    services = feast_store.list_feature_services()
    rows = [
        _described(
            service, [item for view in service.feature_view_projections for item in view.features]
        )
        for service in services
    ]
    _print("Feature services", columns, rows)


def _described(part: Any, held: list[Any]) -> list[str]:
    tags = " ".join(f"{key}={value}" for key, value in sorted(part.tags.items()))
    description = textwrap.shorten(part.description, 100, placeholder=" …")
    return [part.name, str(len(held)), part.owner, tags, description]


def _show_task(store: "FeatureStore", task_name: str) -> None:
    from lolomo.features import all_features
    from lolomo.tasks import find_task

    task = find_task(task_name)
    known = all_features()
    rows = [
        [name, known[name].entity, known[name].dtype, known[name].description]
        for name in task.features
    ]
    _print(store.service(task), ["feature", "entity", "type", "description"], rows)


def _show_values(
    store: "FeatureStore", task_name: str | None, user_id: str | None, item_id: str | None
) -> None:
    from lolomo.features import all_features
    from lolomo.tasks import find_task

    wanted = find_task(task_name).features if task_name else tuple(all_features())
    online = store.online()
    now = f"as of {online.as_of.isoformat()}"
    if user_id is not None:
        values = online.user(user_id, online.as_of)
        rows = [[name, _text(value)] for name, value in values.items() if name in wanted]
        _print(f"User {user_id} {now}", ["feature", "value"], rows)
    if item_id is not None:
        names = [name for name in wanted if all_features()[name].entity == "item"]
        arrays = online.items([item_id], online.as_of, names)
        rows = [[name, _text(arrays[name].tolist()[0])] for name in names]
        _print(f"Item {item_id} {now}", ["feature", "value"], rows)


def _text(value: Any) -> str:
    if value is None or value == "" or value != value:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        shown = [str(part) for part in value if part != ""]
        return " ".join(shown[-10:]) + (f" (last 10 of {len(shown)})" if len(shown) > 10 else "")
    return str(value)
