"""`lolomo pipelines`: train on this machine, or compile for a cluster."""

from pathlib import Path

import click

from lolomo.core.settings import Settings


@click.group()
def pipelines() -> None:
    """Train, judge and release each task's models, by one Kubeflow pipeline.

    \b
    Examples:
      lolomo pipelines submit
      lolomo pipelines submit --task next_play --dataset movietweetings-100k
      lolomo pipelines compile --image registry.example/lolomo@sha256:… pipeline.yaml
    """  # noqa: D301


@pipelines.command()
@click.option("--dataset", help="Which dataset to train on; $LOLOMO_DATASET unless given.")
@click.option(
    "--task",
    "names",
    multiple=True,
    metavar="NAME",
    help="Train this task and those it takes candidates from; may be repeated. All, unless given.",
)
@click.option(
    "--endpoint", help="Kubeflow Pipelines to run it on; $KF_PIPELINES_ENDPOINT, else here."
)
def submit(dataset: str | None, names: tuple[str, ...], endpoint: str | None) -> None:
    """Run the pipeline: prepare, train, evaluate, gate and release.

    What an earlier run has done is not done again, so a killed run goes on where it was.
    """
    from dataclasses import replace

    from lolomo.operations.terminal import progress_bar
    from lolomo.operations.training import submit_training, train_tasks

    settings = Settings.from_environment()
    if endpoint or settings.pipelines_endpoint:
        settings = replace(settings, pipelines_endpoint=endpoint or settings.pipelines_endpoint)
        run_id = submit_training(settings, dataset or settings.dataset, names)
        click.echo(f"submitted run {run_id}; follow it in the pipeline UI")
        return
    with progress_bar("training") as progress:
        log = train_tasks(settings, dataset or settings.dataset, names, progress)
    click.echo(f"log: {log}")


@pipelines.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--task", "names", multiple=True, metavar="NAME", help="As for submit.")
@click.option("--image", help="The training image, by digest.")
@click.option("--gpu/--no-gpu", default=True, help="Whether deep models ask for a GPU node.")
@click.option(
    "--objects/--ir",
    default=False,
    help="Pipeline and PipelineVersion objects for kubectl, or the IR for UI and SDK (default).",
)
def compile(  # noqa: A001
    path: Path, names: tuple[str, ...], image: str | None, gpu: bool, objects: bool
) -> None:
    """Write the pipeline to PATH, for a cluster."""
    from lolomo.training.pipelines import Accelerator, Placement, compile_pipeline
    from lolomo.training.pipelines.pipeline import with_sources

    placement = Placement(image=image, accelerator=Accelerator() if gpu else None)
    compile_pipeline(with_sources(names), "lolomo", path, placement, as_objects=objects)
    click.echo(f"wrote {path}")
