"""`lolomo demo`: the whole road once."""

import click

from lolomo.core.settings import Settings


@click.command()
@click.option("--dataset", help="Which dataset; $LOLOMO_DATASET, else movielens-100k.")
def demo(dataset: str | None) -> None:
    """Go from real events to a personalised page: data, features, training, service, pages.

    Safe to repeat and to interrupt: what has been done is not done again.
    """
    from lolomo.operations.demo import run_demo

    settings = Settings.from_environment()
    run_demo(settings, dataset or settings.dataset)
