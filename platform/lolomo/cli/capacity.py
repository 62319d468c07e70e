"""`lolomo capacity`: how many pods, how much memory, how many GPU hours, at what cost."""

import json
from dataclasses import asdict

import click


@click.command()
@click.option(
    "--requests-per-second", required=True, type=click.FloatRange(0, min_open=True), help="Peak."
)
@click.option("--members", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--catalogue", default=20_000, show_default=True, type=click.IntRange(1))
@click.option("--features", default=60, show_default=True, type=click.IntRange(1), help="A title.")
@click.option("--events", default=0, type=click.IntRange(0), help="To train on; 100 a member.")
@click.option("--trainings", default=30, show_default=True, type=click.IntRange(0), help="A month.")
@click.option("--core-hour", default=0.04, show_default=True, help="Price of a core hour.")
@click.option("--gpu-hour", default=2.0, show_default=True, help="Price of a GPU hour.")
@click.option("--gpu-speed", default=12.0, show_default=True, help="Of a GPU in CPU cores.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def capacity(  # noqa: PLR0913 - one an option
    requests_per_second: float,
    members: int,
    catalogue: int,
    features: int,
    events: int,
    trainings: int,
    core_hour: float,
    gpu_hour: float,
    gpu_speed: float,
    as_json: bool,
) -> None:
    """Estimate what a service needs, from what one pod was measured to do; assumptions are printed.

    \b
    Example:
      lolomo capacity --requests-per-second 2000 --members 5000000 --catalogue 30000
    """  # noqa: D301
    from rich.console import Console
    from rich.table import Table

    from lolomo.operations.capacity import Assumptions, Load, SinglePod, assumptions, estimate

    pod = SinglePod.read()
    assumed = Assumptions(core_hour=core_hour, gpu_hour=gpu_hour, gpu_speed=gpu_speed)
    load = Load(
        requests_per_second=requests_per_second,
        members=members,
        catalogue=catalogue,
        features=features,
        events=events,
        trainings_per_month=trainings,
    )
    needed = asdict(estimate(load, pod, assumed))
    if as_json:
        click.echo(json.dumps({**needed, "assumptions": assumptions(pod, assumed)}, indent=2))
        return
    table = Table(title="What it takes", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    for name, value in needed.items():
        table.add_row(name.replace("_", " "), f"{value:,.1f}" if value % 1 else f"{value:,.0f}")
    Console().print(table)
    for sentence in assumptions(pod, assumed):
        click.echo(f"- {sentence}")
