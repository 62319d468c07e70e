"""`lolomo page`: one member's page in the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lolomo.core.errors import RequestError
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.serving.bentos import PageAnswer

_PATIENCE_SECONDS = 10


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

    from lolomo.runtimes import quiet_tensorflow

    quiet_tensorflow()
    from lolomo.serving.bentos import FrontOptions, PageRequest, load_front
    from lolomo.serving.bentos.schema import check

    request = check(PageRequest, visit)
    front = load_front(FrontOptions(root, deadline_seconds=_PATIENCE_SECONDS))
    return asyncio.run(front.page(request))


def _fetch(url: str, visit: dict[str, str]) -> "PageAnswer":
    """Ask a service for the page."""
    import json
    import urllib.error
    import urllib.request

    from pydantic import TypeAdapter, ValidationError

    from lolomo.serving.bentos import PageAnswer

    body = json.dumps(visit).encode()
    headers = {"content-type": "application/json"}
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/v1/page", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS) as response:  # noqa: S310
            return TypeAdapter(PageAnswer).validate_json(response.read())
    except urllib.error.HTTPError as error:
        text = error.read(2000).decode(errors="replace")
        raise RequestError(f"{url} answered {error.code}: {text}") from error
    except (OSError, ValueError, ValidationError) as error:
        raise RequestError(
            f"no page from {url} ({error}): expected a running service; start one with "
            "`lolomo serve`"
        ) from error
