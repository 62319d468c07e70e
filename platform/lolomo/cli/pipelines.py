"""`lolomo pipelines`: train on this machine, or compile for a cluster."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from lolomo.cli.target_options import DATASET, OVERLAY
from lolomo.core.settings import Settings


@click.group()
def pipelines() -> None:
    """Train, judge and release each task's models, by one Kubeflow pipeline.

    \b
    Examples:
      lolomo pipelines submit
      lolomo pipelines submit --task next_play --dataset movietweetings-100k
      lolomo pipelines schedule --task top_picks --cron "0 4 * * *"
      lolomo pipelines status
      lolomo pipelines logs --lines 50
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
@OVERLAY
def submit(
    dataset: str | None, names: tuple[str, ...], endpoint: str | None, overlay: Path | None
) -> None:
    """Run the pipeline: prepare, train, evaluate, gate and release.

    What an earlier run has done is not done again, so a killed run goes on where it was. With
    --overlay the launchers of the cluster start, as `kubectl create job --from=cronjob/…` does.
    """
    from dataclasses import replace

    from lolomo.operations.terminal import progress_bar
    from lolomo.operations.training import submit_training, train_tasks

    settings = Settings.from_environment()
    if overlay:
        _launch(overlay, names)
        return
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


@pipelines.command()
@click.option("--task", required=True, metavar="NAME", help="What to train.")
@click.option("--cron", help="When, as cron has it; on a cluster the launcher's own by default.")
@click.option("--off", is_flag=True, help="Train it no longer by itself.")
@DATASET
@OVERLAY
def schedule(
    task: str, cron: str | None, off: bool, dataset: str | None, overlay: Path | None
) -> None:
    """Train a task on a schedule.

    On a cluster its CronJob is unsuspended, and stays so when the overlay is applied again. Here
    the line for this machine's crontab is printed.
    """
    from lolomo.tasks import find_task

    settings = Settings.from_environment()
    find_task(task)
    if folder := overlay or settings.overlay:
        from lolomo.operations.cluster import KubernetesApi, Overlay
        from lolomo.operations.cluster import runs as cluster_runs

        launcher = cluster_runs.launcher_of(task, Overlay(folder).namespace)
        if off:
            cluster_runs.unschedule(KubernetesApi.connect(), launcher)
            click.echo(f"{task} is trained no longer by itself")
            return
        found = cluster_runs.schedule(KubernetesApi.connect(), launcher, cron)
        click.echo(f"{task} is trained at {found!r}")
        return
    from lolomo.operations.local_runs import crontab_line

    if off:
        click.echo("take the line of this task out, with `crontab -e`")
        return
    line = crontab_line(settings, dataset or settings.dataset, task, cron or "0 4 * * *")
    click.echo("# add this line with `crontab -e`:", err=True)
    click.echo(line)


@pipelines.command()
@DATASET
@OVERLAY
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def status(dataset: str | None, overlay: Path | None, as_json: bool) -> None:
    """Show the steps of the last run here, or the launches and runs of a cluster."""
    settings = Settings.from_environment()
    rows: list[dict[str, str]]
    if folder := overlay or settings.overlay:
        from lolomo.operations.cluster import KubernetesApi, Overlay
        from lolomo.operations.cluster.runs import runs

        found = runs(KubernetesApi.connect(), Overlay(folder).namespace)
        rows = [asdict(each) for each in found]
    else:
        from lolomo.operations.local_runs import last_run

        rows = [asdict(each) for each in last_run(settings.workspace(dataset))]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo("  ".join(f"{value:<20}" for value in row.values()).rstrip())
    if not rows:
        click.echo("no run yet; start one with `lolomo pipelines submit`")


@pipelines.command()
@click.argument("name", required=False)
@click.option("--lines", "num_lines", default=40, show_default=True, type=click.IntRange(1))
@DATASET
@OVERLAY
def logs(name: str | None, num_lines: int, dataset: str | None, overlay: Path | None) -> None:
    """Print the end of the log of the last run here, or of the launch or run NAME of a cluster."""
    settings = Settings.from_environment()
    if folder := overlay or settings.overlay:
        from lolomo.operations.cluster import KubernetesApi, Overlay
        from lolomo.operations.cluster import runs as cluster_runs

        if name is None:
            raise click.UsageError("which? give a name of `lolomo pipelines status`")
        namespace = Overlay(folder).namespace
        click.echo(cluster_runs.logs(KubernetesApi.connect(), namespace, name, num_lines))
        return
    from lolomo.operations.local_runs import last_lines

    click.echo(last_lines(settings.workspace(dataset), num_lines))


def _launch(overlay: Path, names: tuple[str, ...]) -> None:
    from datetime import UTC, datetime

    from lolomo.operations.cluster import KubernetesApi, Overlay
    from lolomo.operations.cluster.runs import launch, launcher_of
    from lolomo.tasks import all_tasks

    moment = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
    api, namespace = KubernetesApi.connect(), Overlay(overlay).namespace
    for name in names or tuple(all_tasks()):
        click.echo(f"launched {launch(api, launcher_of(name, namespace), moment)}")
