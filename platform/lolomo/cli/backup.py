"""`lolomo backup`: releases, pins, aliases, runs and the feature registry, in one file."""

from pathlib import Path

import click

from lolomo.cli.target_options import DATASET
from lolomo.core.settings import Settings

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def backup() -> None:
    """Back up what cannot be made again, and restore it.

    \b
    Examples:
      lolomo backup create lolomo.tar.gz
      lolomo backup restore lolomo.tar.gz
    """  # noqa: D301


@backup.command()
@click.argument("file", type=FILE)
@DATASET
def create(file: Path, dataset: str | None) -> None:
    """Write a backup to FILE: the release store, pins, promotions, MLflow and Feast's registry."""
    from lolomo.operations.backup import create_backup
    from lolomo.operations.terminal import progress_bar

    with progress_bar("backup") as progress:
        done = create_backup(Settings.from_environment().workspace(dataset), file, progress)
    click.echo(f"wrote {file}: {done.num_releases} releases, {done.num_files} files")


@backup.command()
@click.argument("file", type=FILE)
@click.option("--yes", is_flag=True, help="Do not ask before what is there is replaced.")
@DATASET
def restore(file: Path, yes: bool, dataset: str | None) -> None:
    """Put the backup in FILE in place of what is there, after checking every sum in it."""
    from lolomo.operations.backup import restore_backup
    from lolomo.operations.terminal import progress_bar

    workspace = Settings.from_environment().workspace(dataset)
    if workspace.releases.exists() and not yes:
        click.confirm(f"Replace the releases and runs of {workspace.root}?", abort=True)
    with progress_bar("restore") as progress:
        done = restore_backup(file, workspace, progress)
    click.echo(f"restored {done.num_releases} releases as of {done.at}")
