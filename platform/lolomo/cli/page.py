"""`lolomo page`: one member's page in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lolomo.cli.asking import fetch, front_of
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.serving.bentos import PageAnswer


@click.command()
@click.option("--user", "user_id", required=True, help="Whose page; an unknown user has one too.")
@click.option("--dataset", help="Which dataset; $LOLOMO_DATASET unless given.")
@click.option("--url", help="Ask a running service, such as http://localhost:3000.")
@click.option("--device", help="Such as tv.")
@click.option("--country", help="Such as SE.")
@click.option(
    "--html",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also save the page as HTML.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
@click.option("--titles", default=6, show_default=True, help="Titles to print in each row.")
def page(  # noqa: PLR0913 -- one argument an option
    user_id: str,
    dataset: str | None,
    url: str | None,
    device: str | None,
    country: str | None,
    path: Path | None,
    as_json: bool,
    titles: int,
) -> None:
    """Print a member's page, each row with its why."""
    from pydantic import TypeAdapter
    from rich.console import Console

    from lolomo.serving.console import print_page, render_page

    fields = {"user_id": user_id, "device": device, "country": country}
    visit = {name: value for name, value in fields.items() if value is not None}
    settings = Settings.from_environment()
    root = settings.workspace(dataset).root
    answer = _fetch(url, visit) if url else _compute(root, visit)
    if as_json:
        click.echo(TypeAdapter(type(answer)).dump_json(answer).decode())
    else:
        print_page(answer, Console(), titles)
    if path:
        from lolomo.core.files import write_atomically

        write_atomically(path, render_page(answer, form=False))
        click.echo(f"wrote {path}")


def _compute(root: Path, visit: dict[str, str]) -> "PageAnswer":
    """Make the page in this process."""
    import asyncio

    front = front_of(root)
    from lolomo.serving.bentos import PageRequest
    from lolomo.serving.bentos.schema import check

    return asyncio.run(front.page(check(PageRequest, visit)))


def _fetch(url: str, visit: dict[str, str]) -> "PageAnswer":
    """Ask a service for the page."""
    from lolomo.serving.bentos import PageAnswer

    return fetch(url, "/v1/page", visit, PageAnswer)
