"""`lolomo data`: which datasets there are, bring one in, look for what is wrong with one."""

from typing import TYPE_CHECKING

import click

from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

    from lolomo.events import Dataset, Finding, Manifest

EXAMPLES_SHOWN = 3


@click.group()
def data() -> None:
    """Bring events in: built-in datasets, or your own CSV and Parquet files."""


@data.command("list")
def list_datasets() -> None:
    """Show the datasets that there are, and what is imported.

    Example: lolomo data list
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Column, Table

    from lolomo.events import all_datasets

    settings = Settings.from_environment()
    datasets = all_datasets()
    imported = _imported(settings)
    table = Table(Column("dataset", ratio=1), "events", "users", "items", box=SIMPLE)
    for name in [*datasets, *sorted(imported.keys() - datasets.keys())]:
        known, manifest = datasets.get(name), imported.get(name)
        about = f"{known.description}; {known.licence}" if known else "your own"
        counts = (manifest.num_events, manifest.num_users, manifest.num_items) if manifest else ()
        table.add_row(
            f"[bold]{name}[/]\n[dim]{about}[/]",
            *([f"{count:,}" for count in counts] or ["not imported"]),
        )
    Console().print(table)


@data.command()
@click.argument("dataset", required=False, metavar="[NAME|MAPPING]")
def get(dataset: str | None) -> None:
    """Fetch, check and import a dataset; nothing is done twice.

    Without an argument, the dataset of LOLOMO_DATASET, movielens-100k unless set. Your own data
    need a small mapping file; `python -m pydoc lolomo.events.datasets.mapping` shows one.

    \b
    Examples:
      lolomo data get movietweetings-100k
      lolomo data get acme/mapping.toml
    """  # noqa: D301
    from rich.console import Console

    from lolomo.events import find_dataset, import_dataset
    from lolomo.operations.terminal import progress_bar

    settings = Settings.from_environment()
    found: Dataset = find_dataset(dataset or settings.dataset)
    with progress_bar(found.name) as progress:
        manifest = import_dataset(found, settings, progress)
    _print_manifest(Console(soft_wrap=True), manifest, settings)


@data.command()
@click.argument("path_or_name")
def check(path_or_name: str) -> None:
    """Look through a dataset, a mapping, a data file or a folder of them, importing nothing.

    Every file is reported with its counts and what is wrong, row by row number. A data file without
    a mapping must have our column names (user_id, item_id, kind, timestamp, ...). Ends with 1 if
    anything was wrong.

    \b
    Examples:
      lolomo data check plays.csv
      lolomo data check acme/mapping.toml
      lolomo data check incoming/
    """  # noqa: D301
    from rich.console import Console

    from lolomo.events import check as check_all

    findings = check_all(path_or_name, Settings.from_environment())
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for finding in findings:
        _print_finding(console, finding)
    wrong = sum(finding.wrong for finding in findings)
    console.print(f"{len(findings)} checked, {wrong} with something wrong")
    if wrong:
        raise click.exceptions.Exit(1)


def _imported(settings: Settings) -> "dict[str, Manifest]":
    from lolomo.core.errors import DataError
    from lolomo.events import EventLog

    found = {}
    folders = sorted(settings.home.iterdir()) if settings.home.is_dir() else []
    for folder in folders:
        try:
            found[folder.name] = EventLog(settings.workspace(folder.name).events).manifest
        except DataError:
            continue
    return found


def _print_manifest(console: "Console", manifest: "Manifest", settings: Settings) -> None:
    console.print(
        f"{manifest.dataset}: {manifest.num_events:,} events of {manifest.num_users:,} users and "
        f"{manifest.num_items:,} items, {manifest.first_timestamp:%Y-%m-%d} to "
        f"{manifest.last_timestamp:%Y-%m-%d}"
    )
    for name, counts in manifest.tables.items():
        if counts.quarantined:
            console.print(
                f"{name}: {counts.quarantined:,} of {counts.rows_in:,} rows were refused",
                style="red",
            )
    console.print(f"in {settings.workspace(manifest.dataset).events}", style="dim")


def _print_finding(console: "Console", finding: "Finding") -> None:
    style = "red" if finding.wrong else "green"
    mark = "✗" if finding.wrong else "✓"
    table = f" ({finding.table})" if finding.table else ""
    if finding.error:
        console.print(f"{mark} {finding.source}{table}: {finding.error}", style=style)
        return
    counts = f"{finding.rows_in:,} rows = {finding.rows_out:,} valid"
    refused = finding.quarantine.height
    console.print(f"{mark} {finding.source}{table}: {counts} + {refused:,} refused", style=style)
    for row, reason in finding.quarantine.select("row", "reason").head(EXAMPLES_SHOWN).iter_rows():
        console.print(f"    row {row}: {reason}")
    if refused > EXAMPLES_SHOWN:
        console.print(f"    and {refused - EXAMPLES_SHOWN:,} more")
