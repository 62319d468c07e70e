"""`lolomo search`: the titles that a text may mean, in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lolomo.cli.asking import fetch, front_of
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.serving.bentos.search import SearchAnswer


@click.command()
@click.argument("text", default="")
@click.option("--user", "user_id", default="guest", show_default=True, help="Who searches.")
@click.option("--dataset", help="Which dataset; $LOLOMO_DATASET unless given.")
@click.option("--url", help="Ask a running service, such as http://localhost:3000.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(1, 50), help="Most titles.")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def search(
    text: str, user_id: str, dataset: str | None, url: str | None, k: int, as_json: bool
) -> None:
    """Print the titles that TEXT may mean; without it, those that the user may look for.

    \b
    Examples:
      lolomo search "god fath"
      lolomo search termintaor --user 1
    """  # noqa: D301
    from pydantic import TypeAdapter

    from lolomo.serving.console import print_results

    wanted = {"user_id": user_id, "text": text, "k": k}
    root = Settings.from_environment().workspace(dataset).root
    answer = _fetch(url, wanted) if url else _compute(root, wanted)
    if as_json:
        click.echo(TypeAdapter(type(answer)).dump_json(answer).decode())
    else:
        print_results(answer)


def _compute(root: Path, wanted: dict[str, Any]) -> "SearchAnswer":
    """Search in this process."""
    import asyncio

    front = front_of(root)
    from lolomo.serving.bentos.schema import SearchRequest, check
    from lolomo.serving.bentos.search import search as search_with

    return asyncio.run(search_with(front, check(SearchRequest, wanted)))


def _fetch(url: str, wanted: dict[str, Any]) -> "SearchAnswer":
    """Ask a service."""
    from lolomo.serving.bentos.search import SearchAnswer

    return fetch(url, "/v1/search", wanted, SearchAnswer)
