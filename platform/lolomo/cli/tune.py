"""`lolomo tune`: search for a model's best settings."""

import click

from lolomo.cli.options import CHANGES, WORKING_DATASET, parse_changes, parse_spaces
from lolomo.core.settings import Settings


@click.command()
@click.option("--task", required=True, metavar="NAME", help="The task that the model is for.")
@click.option("--model", required=True, metavar="NAME", help="Whose settings to search for.")
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many are wanted, those of earlier runs included.",
)
@click.option(
    "--space",
    "spaces",
    multiple=True,
    metavar="KEY=LOW:HIGH[:log]|KEY=A,B,C",
    help="Where to look; may be repeated.  [default: where the model says]",
)
@CHANGES
@WORKING_DATASET
def tune(
    task: str,
    model: str,
    trials: int,
    spaces: tuple[str, ...],
    changes: tuple[str, ...],
    dataset: str | None,
) -> None:
    """Search for the settings with which a model does best on the validation window.

    A search that is killed goes on when it is started again; one with other data, code, space or
    --config is another search. Each trial is a run in MLflow. The test window is never looked at.

    \b
    Examples:
      lolomo tune --task next_play --model ease --trials 20
      lolomo tune --task next_play --model item_knn --space shrinkage=1:100:log --config window=20
    """  # noqa: D301
    from lolomo.operations.datasets import ready_dataset
    from lolomo.operations.terminal import progress_bar
    from lolomo.operations.tuning import Tuning, print_tuned, tune

    settings = Settings.from_environment()
    tuning = Tuning(
        task=task, model=model, space=parse_spaces(spaces), fixed=parse_changes(changes)
    )
    with progress_bar("dataset") as progress:
        name = ready_dataset(settings, dataset or settings.dataset, progress)
    with progress_bar("tuning") as progress:
        tuned = tune(name, tuning, trials, progress)
    print_tuned(name, tuning, tuned)
