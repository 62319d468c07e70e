"""`lolomo leaderboard`: who wins which task."""

import click

from lolomo.core.settings import Settings


@click.command()
@click.option("--dataset", help="Whose leaderboard; $LOLOMO_DATASET unless given.")
@click.option("--window", type=click.Choice(["validation", "test"]), default="test")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def leaderboard(dataset: str | None, window: str, as_json: bool) -> None:
    """Show each task's models beside its baselines, with 95 % intervals.

    Gates decide on the validation window. The test window is looked at to report, never to choose.
    """
    from lolomo.operations.leaderboard import print_leaderboard

    settings = Settings.from_environment()
    print_leaderboard(settings.workspace(dataset), window, as_json=as_json)
