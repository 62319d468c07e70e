"""`lolomo report`: what was found, as pages to read."""

from pathlib import Path
from typing import Any

import click

from lolomo.cli.options import CHANGES, WORKING_DATASET, parse_changes
from lolomo.core.settings import Settings


@click.group()
def report() -> None:
    """Measure, draw and say in words: reports that one command rebuilds.

    \b
    Examples:
      lolomo report case-study --headline --minutes 90
      lolomo report case-study --seeds 3 --write-docs
      lolomo report case-study --dataset movietweetings-100k --task next_play
    """  # noqa: D301


@report.command("case-study")
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    metavar="NAME",
    help="On these data, by name or mapping file; may be repeated. movietweetings-100k and "
    "movielens-100k, unless given.",
)
@click.option(
    "--task",
    "--tasks",
    "tasks",
    multiple=True,
    metavar="NAME",
    help="Only these tasks; may be repeated.",
)
@click.option(
    "--seeds",
    "num_seeds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Fits of each headline model; the report shows their mean and spread.",
)
@click.option(
    "--headline", is_flag=True, help="Baselines, the SASRec ladder and the rankers, no others."
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    help="Begin no further fit after so long; the report says which rows are missing.",
)
@click.option(
    "--quick", is_flag=True, help="Train for a moment only, to see the form; quote no figure."
)
@click.option(
    "--write-docs",
    "docs",
    is_flag=False,
    flag_value="docs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write case-study.md and its pictures into this folder; ./docs if none is named.",
)
def case_study(
    datasets: tuple[str, ...], tasks: tuple[str, ...], docs: Path | None, **more: Any
) -> None:
    """Ask of open data what the Netflix case study claims (Steck et al. 2021).

    Each architecture climbs a ladder of inputs: ids, + content, + context, + discretised time,
    + continuous time, and raw absolute time beside it. Each fit is judged twice, with counts frozen
    at the cut and with fresh ones, and a gain is claimed at equal freshness only. The page shows
    the ladder with 95 % intervals, accuracy by days since the cut, and which claims hold.

    The data are fetched if they are not there. Headline rows come first; what has been measured is
    not measured again, so a run that was killed, or ended by --minutes or Ctrl-C, goes on where it
    was when it is started again.
    """
    from lolomo.operations.case_study import DATASETS, CaseStudyOptions, report_case_study
    from lolomo.operations.terminal import progress_bar

    options = CaseStudyOptions(datasets=datasets or DATASETS, tasks=tasks, **more)
    with progress_bar("case study") as progress:
        page = report_case_study(Settings.from_environment(), options, progress, docs)
    click.echo(f"wrote {page}")


@report.command()
@click.option("--task", default="next_play", show_default=True, metavar="NAME")
@click.option("--model", default="sasrec", show_default=True, metavar="NAME")
@click.option(
    "--every",
    "days",
    multiple=True,
    type=click.IntRange(1),
    default=(7, 28),
    show_default=True,
    metavar="DAYS",
    help="How often to train again; may be repeated, multiples of the shortest.",
)
@CHANGES
@WORKING_DATASET
def cadence(
    task: str, model: str, days: tuple[int, ...], changes: tuple[str, ...], dataset: str | None
) -> None:
    """Compare how often to train again, anew or going on, and see what going on forgets.

    Fits and judges through the stacking and validation windows; the test window is not looked at.
    """
    from lolomo.operations.cadence import CadencePlan, measure_cadences, print_cadences
    from lolomo.operations.datasets import ready_dataset
    from lolomo.operations.terminal import progress_bar

    settings = Settings.from_environment()
    plan = CadencePlan(task=task, model=model, days=days, config=parse_changes(changes))
    with progress_bar("cadence") as progress:
        name = ready_dataset(settings, dataset or settings.dataset, progress)
        rows = measure_cadences(name, plan, progress)
    print_cadences(plan, rows)
