"""`lolomo erase`: one user, or what is older than may be kept."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from lolomo.cli.target_options import DATASET
from lolomo.core.settings import Settings


@click.command()
@click.option("--user", "user_id", metavar="ID", help="Erase everything held of this user.")
@click.option(
    "--before", type=click.DateTime(), help="Erase events and requests before this UTC time."
)
@click.option("--yes", is_flag=True, help="Do not ask: what is erased is gone.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of sentences.")
@DATASET
def erase(
    user_id: str | None, before: datetime | None, yes: bool, as_json: bool, dataset: str | None
) -> None:
    """Erase a user, or what is too old, from log, journal, features and cached steps.

    Feature tables and the online store are built again without it. Releases that learned from it
    are named; train and promote again, and they are replaced.

    \b
    Examples:
      lolomo erase --user 42
      lolomo erase --before 2025-01-01
    """  # noqa: D301
    from lolomo.operations.erasure import erase_user, retain_since
    from lolomo.operations.terminal import progress_bar

    if (user_id is None) == (before is None):
        raise click.UsageError("give either --user or --before")
    if not yes:
        click.confirm("What is erased cannot be had back. Go on?", abort=True)
    workspace = Settings.from_environment().workspace(dataset)
    with progress_bar("erasing") as progress:
        if user_id is not None:
            done = erase_user(workspace, user_id, progress)
        elif before is not None:
            done = retain_since(workspace, before.replace(tzinfo=UTC), progress)
    if as_json:
        click.echo(json.dumps(asdict(done), indent=2))
        return
    click.echo(f"erased {done.num_events} events and {done.num_journalled} of the journal")
    for task in done.serving:
        click.echo(f"{task} is served by a release that learned from them; replace it with")
        click.echo(f"  lolomo pipelines submit --task {task}")
