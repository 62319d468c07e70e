"""`lolomo demo`: the whole road once."""

import click

from lolomo.core.settings import Settings


@click.command()
@click.option("--dataset", help="Which dataset; $LOLOMO_DATASET, else movielens-100k.")
@click.option(
    "--full", is_flag=True, help="Train as `lolomo train` does; takes several times as long."
)
def demo(dataset: str | None, full: bool) -> None:
    """Go from real events to a personalised page: data, features, training, service, pages.

    Every part is real, and everything is judged by the full protocol; but so that it is quick,
    rankers learn from 2,500 queries of a window rather than from all, and some models by a lighter
    config (see their release cards). With --full nothing is spared.

    Safe to repeat and to interrupt: what has been done is not done again.

    \b
    Examples:
      lolomo demo
      lolomo demo --dataset movietweetings-100k --full
    """  # noqa: D301
    from lolomo.operations.demo import run_demo

    settings = Settings.from_environment()
    run_demo(settings, dataset or settings.dataset, full)
