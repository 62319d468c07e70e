"""The one command, `lolomo`.

Modules here import click and core only; whatever is slow to import is imported inside the command
that needs it, so that `lolomo --help` answers at once.
"""

import sys

import click
from typing_extensions import override

from lolomo.cli.backup import backup
from lolomo.cli.capacity import capacity
from lolomo.cli.cluster import cluster
from lolomo.cli.data import data
from lolomo.cli.demo import demo
from lolomo.cli.deploy import deploy, status
from lolomo.cli.erase import erase
from lolomo.cli.evaluate import evaluate
from lolomo.cli.experiment import experiment
from lolomo.cli.features import features
from lolomo.cli.graph import graph
from lolomo.cli.init import init, manifests
from lolomo.cli.journal import journal
from lolomo.cli.leaderboard import leaderboard
from lolomo.cli.loop import loop
from lolomo.cli.monitor import monitor
from lolomo.cli.ope import ope
from lolomo.cli.package import package
from lolomo.cli.page import page
from lolomo.cli.pipelines import pipelines
from lolomo.cli.promote import canary, promote, promotions, rollback
from lolomo.cli.replay import replay
from lolomo.cli.report import report
from lolomo.cli.search import search
from lolomo.cli.serve import serve
from lolomo.cli.train import train
from lolomo.cli.tune import tune
from lolomo.cli.world import world
from lolomo.core.errors import LolomoError

__all__ = ["main"]


SECTIONS = {
    "Begin": (demo, init, manifests),
    "Data and features": (data, features, world),
    "Train and judge": (
        train,
        tune,
        evaluate,
        leaderboard,
        pipelines,
        report,
    ),
    "Serve": (serve, page, search, graph, package, journal, replay),
    "Release and operate": (
        status,
        promote,
        rollback,
        canary,
        capacity,
        promotions,
        deploy,
        cluster,
        monitor,
        backup,
        erase,
    ),
    "Close the loop": (experiment, ope, loop),
}
"""Every command, under the heading that `--help` shows it by."""


class SectionedGroup(click.Group):
    """A group whose help lists its commands by section."""

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                limit = formatter.width - 6 - width
                rows = [
                    (f"{command.name:{width}}", command.get_short_help_str(limit))
                    for command in commands
                ]
                formatter.write_dl(rows)


@click.group(
    cls=SectionedGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="lolomo")
def lolomo() -> None:
    """Train and serve a streaming service's recommendations, and its whole home page."""


for section in SECTIONS.values():
    for command in section:
        lolomo.add_command(command)


def main() -> None:
    """Run the command line; an error made on purpose is printed without a traceback."""
    try:
        lolomo(prog_name="lolomo")
    except LolomoError as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
