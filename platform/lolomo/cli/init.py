"""`lolomo init` and `lolomo manifests`: a company's own project, outside Lolomo's repository."""

from pathlib import Path

import click

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--name", required=True, help="The company's or team's name, such as acme.")
@click.option("--namespace", default="lolomo", show_default=True, help="Where its pods run.")
def init(folder: Path, name: str, namespace: str) -> None:
    """Create a project in FOLDER: a task of its own, a test, manifests and an overlay.

    Lolomo finds its parts through entry points, so nobody forks Lolomo.

    \b
    Example:
      lolomo init acme --name acme && pip install -e acme && lolomo manifests acme
    """  # noqa: D301
    from lolomo.operations.project import create_project, write_manifests
    from lolomo.tasks import all_tasks

    package = create_project(folder, name, namespace)
    write_manifests(folder, list(all_tasks().values()))
    click.echo(f"created {package}; next:")
    click.echo(f"  pip install -e {folder}")
    click.echo(f"  lolomo manifests {folder}")


@click.command()
@click.argument("folder", type=FOLDER)
def manifests(folder: Path) -> None:
    """Write the manifests of a project in FOLDER again, after a new task or an upgrade of Lolomo.

    \b
    Example:
      lolomo manifests acme
    """  # noqa: D301
    from lolomo.operations.project import write_manifests
    from lolomo.tasks import all_tasks

    own = write_manifests(folder, list(all_tasks().values()))
    click.echo(f"wrote {folder / 'manifests'}: tasks of its own: {', '.join(own) or 'none'}")
