"""`lolomo deploy` and `lolomo status`: make it run, here or on a cluster; see how it runs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lolomo.cli.target_options import DATASET, OVERLAY
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.operations.target import Change, TaskStatus

COLORS = {"create": "green", "change": "yellow", "delete": "red", "keep": "bright_black"}
SHOWN_FIELDS = 4


@click.command()
@DATASET
@OVERLAY
@click.option("--diff", "only_diff", is_flag=True, help="Show what would change; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before changing a cluster.")
@click.option(
    "--prune/--no-prune",
    default=True,
    show_default=True,
    help="Delete what an earlier deploy of this overlay made and it no longer has.",
)
@click.option(
    "--wait",
    "wait_seconds",
    default=300.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds until everything must be ready; 0 not to wait.",
)
@click.option("--stop", is_flag=True, help="Stop the page service of this machine.")
def deploy(  # noqa: PLR0913 - one an option
    dataset: str | None,
    overlay: Path | None,
    only_diff: bool,
    yes: bool,
    prune: bool,
    wait_seconds: float,
    stop: bool,
) -> None:
    """Make it run: start the page service here, or apply an overlay to its cluster.

    On a cluster: server-side apply, after showing what the API server says would change; then
    whatever is not ready in time is named, with its events.

    \b
    Examples:
      lolomo deploy
      lolomo deploy --overlay manifests/overlays/dev --diff
      lolomo deploy --overlay manifests/overlays/production --yes
    """  # noqa: D301
    from lolomo.operations.embedded import EmbeddedTarget
    from lolomo.operations.target import Action, DeployOptions
    from lolomo.operations.targets import find_target
    from lolomo.operations.terminal import progress_bar

    target = find_target(Settings.from_environment(), dataset, overlay)
    if stop:
        if not isinstance(target, EmbeddedTarget):
            raise click.UsageError("--stop is for this machine; on a cluster use kubectl delete")
        click.echo("stopped" if target.stop() else "no service runs here")
        return
    changes = target.plan()
    _show_changes(changes)
    if only_diff:
        return
    touched = [each for each in changes if each.action != Action.KEEP]
    if touched and not yes and not isinstance(target, EmbeddedTarget):
        click.confirm(f"Change {len(touched)} objects on {target.name}?", abort=True)
    with progress_bar("deploying") as progress:
        target.deploy(DeployOptions(prune=prune, wait_seconds=wait_seconds), progress)
    running = target.running() if isinstance(target, EmbeddedTarget) else None
    where = f" at {running.url}" if running else ""
    click.echo(f"deployed {target.name}{where}; see `lolomo status`")


def _show_changes(changes: "Sequence[Change]") -> None:
    for change in changes:
        fields = ", ".join(change.fields[:SHOWN_FIELDS])
        more = len(change.fields) - SHOWN_FIELDS
        fields += f" and {more} more" if more > 0 else ""
        word = click.style(f"{change.action:<7}", fg=COLORS[change.action])
        click.echo(f"{word} {change.name}" + (f": {fields}" if fields else ""))


@click.command()
@DATASET
@OVERLAY
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def status(dataset: str | None, overlay: Path | None, as_json: bool) -> None:
    """Show what serves each task: release, gate, replicas, traffic, 99th percentile, canary.

    Traffic and p99 of a cluster come from its Prometheus ($LOLOMO_PROMETHEUS, as
    NAMESPACE/SERVICE:PORT), reached through the API server.

    \b
    Examples:
      lolomo status
      lolomo status --overlay manifests/overlays/dev --json
    """  # noqa: D301
    from lolomo.core.release import ReleaseStore
    from lolomo.operations.promotion import with_cards
    from lolomo.operations.targets import find_target

    settings = Settings.from_environment()
    target = find_target(settings, dataset, overlay)
    rows = with_cards(target.status(), ReleaseStore(settings.workspace(dataset).releases))
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print_status(target.name, rows)


def _print_status(title: str, rows: "Sequence[TaskStatus]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    columns = ("task", "release", "model", "gate", "ready", "requests/s", "p99 ms", "canary")
    for column in columns:
        table.add_column(column)
    for row in rows:
        canary = f"{row.canary.digest[:12]} {row.canary.percent:g} %" if row.canary else "-"
        table.add_row(
            row.task,
            row.release[:12] or "-",
            row.model or "-",
            row.gate or "-",
            f"{_text(row.ready)}/{_text(row.replicas)}",
            _text(row.traffic),
            _text(row.p99_milliseconds),
            canary,
        )
    Console().print(table)


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
