"""`lolomo train`: fit models of a task, judge and release them."""

import click

from lolomo.cli.options import CHANGES, WORKING_DATASET, parse_changes
from lolomo.core.settings import Settings


@click.command()
@click.option("--task", metavar="NAME", help="The task to train.  [default: all]")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="Train this model alone, which may be an alternative; may be repeated. `all` for all.",
)
@WORKING_DATASET
@CHANGES
@click.option("--seed", type=int, help="Of all that the fit draws.  [default: 20131]")
@click.option(
    "--from",
    "former",
    metavar="RELEASE",
    help="Go on from this release, named by the first digits of its digest, with what is new.",
)
def train(
    task: str | None,
    models: tuple[str, ...],
    dataset: str | None,
    changes: tuple[str, ...],
    seed: int | None,
    former: str | None,
) -> None:
    """Train a task's models, judge them on validation, and release what passes the gate.

    Without --model this is the task's pipeline: its baselines and challengers, those of the tasks
    that it takes candidates from, gate and release. With --model or --from only the named models
    are fitted, and judged beside the baselines. All become releases: the best that passes the gate
    is champion, the best of the others gets the alias `challenger`; only the champion serves.
    What was done before is not done again.

    \b
    Examples:
      lolomo train --task next_play
      lolomo train --task next_play --model ease --config l2=300 --seed 7
      lolomo train --model all --dataset acme.toml
      lolomo train --from 3f2a91c04d7e
    """  # noqa: D301
    from lolomo.operations.datasets import ready_dataset
    from lolomo.operations.terminal import progress_bar
    from lolomo.operations.training import train_tasks
    from lolomo.operations.training_request import TrainingRequest, train_named_models

    settings = Settings.from_environment()
    request = TrainingRequest(
        task=task, models=models, config=parse_changes(changes), seed=seed, former=former
    )
    with progress_bar("dataset") as progress:
        name = ready_dataset(settings, dataset or settings.dataset, progress)
    if request.is_for_pipeline:
        with progress_bar("training") as progress:
            log = train_tasks(settings, name, [task] if task else [], progress)
        click.echo(f"log: {log}")
        return
    train_named_models(settings, name, request)
