"""`lolomo serve`: the page front on this machine."""

from pathlib import Path

import click

from lolomo.core.settings import Settings


@click.command()
@click.option("--dataset", help="Which dataset; $LOLOMO_DATASET unless given.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=3000, show_default=True, help="Port; 0 for any free one.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="One a core."
)
@click.option(
    "--deadline",
    "deadline_milliseconds",
    default=500,
    show_default=True,
    type=click.IntRange(10, 60_000),
    help="Milliseconds after which everybody's page is served instead of a late one.",
)
@click.option("--graph-url", help="Run the graph at a KServe router, not in this process.")
@click.option(
    "--release",
    "releases",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Serve the release in this folder, not those pinned; may be repeated.",
)
@click.option(
    "--rollout",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Where pins.json and canaries.json are.  [default: the workspace's releases]",
)
@click.option(
    "--drain-seconds",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0, 600),
    help="How long to go on answering after SIGTERM, so that load balancers look elsewhere.",
)
@click.option("--journal/--no-journal", default=True, help="Write down what is served, or not.")
@click.option(
    "--exploration",
    metavar="TEXT",
    help='How rows are drawn, such as "top_picks=epsilon_greedy(epsilon=0.05)"; greedily, best '
    "first, unless named.  [default: $LOLOMO_EXPLORATION]",
)
def serve(  # noqa: PLR0913 - one an option
    dataset: str | None,
    host: str,
    port: int,
    workers: int,
    deadline_milliseconds: int,
    graph_url: str | None,
    releases: tuple[Path, ...],
    rollout: Path | None,
    drain_seconds: float,
    journal: bool,
    exploration: str | None,
) -> None:
    """Serve the page, each task and each step over HTTP, until Ctrl-C or SIGTERM.

    What is pinned is watched: another release takes its place without a restart, at once on SIGHUP.

    \b
    Examples:
      lolomo serve
      curl -s localhost:3000/v1/page -d '{"user_id": "1"}'
    """  # noqa: D301
    from lolomo.runtimes import quiet_tensorflow

    quiet_tensorflow()
    from lolomo.serving.bentos.load import FrontOptions
    from lolomo.serving.bentos.server import Address
    from lolomo.serving.bentos.server import serve as run

    def announce(url: str) -> None:
        click.echo(f"serving {name} at {url}")
        click.echo(f"  page      {url}/?user=1")
        click.echo(f"  API       {url}/openapi.json")
        click.echo(f"  metrics   {url}/metrics")
        click.echo("stop with Ctrl-C")

    settings = Settings.from_environment()
    name = dataset or settings.dataset
    click.echo(f"loading releases and features of {name}", err=True)
    root = settings.workspace(name).root
    options = FrontOptions(
        root,
        deadline_milliseconds / 1000,
        graph_url,
        releases,
        rollout,
        settings.redis,
        drain_seconds,
        journal,
        exploration if exploration is not None else settings.exploration,
    )
    run(options, Address(host, port), workers, announce)
