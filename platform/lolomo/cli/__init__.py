"""The one command, `lolomo`.

Modules here import click and core only; whatever is slow to import is imported inside the command
that needs it, so that `lolomo --help` answers at once.
"""

import sys

import click

from lolomo.cli.data import data
from lolomo.cli.demo import demo
from lolomo.cli.evaluate import evaluate
from lolomo.cli.features import features
from lolomo.cli.graph import graph
from lolomo.cli.leaderboard import leaderboard
from lolomo.cli.page import page
from lolomo.cli.pipelines import pipelines
from lolomo.cli.report import report
from lolomo.cli.search import search
from lolomo.cli.serve import serve
from lolomo.cli.train import train
from lolomo.cli.tune import tune
from lolomo.core.errors import LolomoError

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lolomo")
def lolomo() -> None:
    """Train and serve a streaming service's recommendations, and its whole home page."""


for command in (
    data,
    demo,
    evaluate,
    features,
    graph,
    leaderboard,
    page,
    pipelines,
    report,
    search,
    serve,
    train,
    tune,
):
    lolomo.add_command(command)


def main() -> None:
    """Run the command line; an error made on purpose is printed without a traceback."""
    try:
        lolomo(prog_name="lolomo")
    except LolomoError as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
