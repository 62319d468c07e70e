"""`lolomo report`: what was found, as pages to read."""

from dataclasses import replace
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
    "--headline",
    is_flag=True,
    help="Baselines, the SASRec ladder and the rankers that read everything: all that the claims "
    "rest on, and no more.",
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


@report.command()
@click.argument("old")
@click.argument("new")
@WORKING_DATASET
def reward(old: str, new: str, dataset: str | None) -> None:
    """Show what changes when a task's reward does, on the events of a dataset.

    Rewards are named as release cards name them: satisfaction@v1, or satisfaction for its latest
    version.

    Example: lolomo report reward enjoyment@v1 enjoyment@v2
    """
    from lolomo.events import EventLog
    from lolomo.operations.rewards import compare_rewards, find_reward, print_change

    settings = Settings.from_environment()
    log = EventLog(settings.workspace(dataset or settings.dataset).events)
    print_change(compare_rewards(find_reward(old), find_reward(new), log.events()))


@report.command()
@click.option(
    "--world", "worlds", multiple=True, metavar="NAME", help="Only this; may be repeated."
)
@click.option(
    "--seeds",
    "num_seeds",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    help="A world.",
)
@click.option(
    "--members", type=click.IntRange(100), default=12_000, show_default=True, help="Of each world."
)
@click.option(
    "--write-docs",
    "docs",
    is_flag=False,
    flag_value="docs",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the page and its pictures into this folder; ./docs if none is named.",
)
def alignment(worlds: tuple[str, ...], num_seeds: int, members: int, docs: Path | None) -> None:
    """Ask of simulated worlds which offline metric predicts online lift.

    Forty-two rankers and policies are judged on the same visits, offline by the log of an exploring
    service and online by the world itself. About a minute a world and seed.

    Example: lolomo report alignment --world position-biased --world clicks-oppose-satisfaction
    """
    from lolomo.operations.alignment import AlignmentPlan, measure_alignment, write_alignment
    from lolomo.operations.terminal import progress_bar

    seeds = tuple(range(1, num_seeds + 1))
    plan = AlignmentPlan(seeds=seeds, num_members=members)
    plan = replace(plan, worlds=worlds) if worlds else plan
    with progress_bar("alignment") as progress:
        rows = measure_alignment(plan, progress)
    folder = docs or Settings.from_environment().home / "reports"
    click.echo(f"wrote {write_alignment(rows, plan, folder)}")


@report.command()
@click.option("--task", default="top_picks", show_default=True, metavar="NAME")
@click.option(
    "--window",
    type=click.Choice(["validation", "test"]),
    default="validation",
    show_default=True,
    help="Queries of which window.",
)
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
@WORKING_DATASET
def sources(task: str, window: str, as_json: bool, dataset: str | None) -> None:
    """Show whose proposals hold what users watched next: recall by source of candidates.

    A source that finds nothing that others do not costs candidates and gives nothing.

    \b
    Example:
      lolomo report sources --dataset movietweetings-100k --window validation
    """  # noqa: D301
    from lolomo.operations.datasets import ready_dataset
    from lolomo.operations.source_report import attribute_sources, print_attribution
    from lolomo.operations.terminal import progress_bar

    settings = Settings.from_environment()
    with progress_bar("proposals") as progress:
        name = ready_dataset(settings, dataset or settings.dataset, progress)
        table = attribute_sources(name, task, window, progress)
    if as_json:
        click.echo(table.write_json())
        return
    print_attribution(table, f"{task}, {window} window of {name}")


@report.command("feedback-loop")
@click.option(
    "--seeds",
    "num_seeds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Lives of each arm, from seed 1 on; intervals are over them.",
)
@click.option("--retrainings", type=click.IntRange(min=2), default=20, show_default=True)
@click.option("--members", type=click.IntRange(min=50), default=1_500, show_default=True)
@click.option(
    "--arm", "arms", multiple=True, metavar="NAME", help="Only these arms; may be repeated."
)
@click.option("--world", default="position-biased", show_default=True, metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def feedback_loop(
    num_seeds: int, arms: tuple[str, ...], as_json: bool, members: int, **more: Any
) -> None:
    """Retrain a service on its own pages, with and without remedies, in a simulated world.

    Told are loop strength (how far what is shown follows what was shown before, beyond what members
    want), how concentrated it is, and plays a visit. About five seconds an arm and seed.

    \b
    Examples:
      lolomo report feedback-loop
      lolomo report feedback-loop --seeds 20 --arm "catalogue negatives" --arm "impressions"
    """  # noqa: D301
    from lolomo.operations.feedback import (
        ARMS,
        FeedbackPlan,
        feedback_figure,
        print_study,
        run_study,
        to_json,
    )
    from lolomo.operations.terminal import progress_bar

    seeds = tuple(range(1, num_seeds + 1))
    plan = FeedbackPlan(seeds=seeds, num_members=members, arms=arms or tuple(ARMS), **more)
    with progress_bar("feedback loop") as progress:
        outcomes = run_study(plan, progress)
    folder = Settings.from_environment().home / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    if as_json:
        click.echo(to_json(outcomes))
    else:
        print_study(outcomes)
    click.echo(f"wrote {feedback_figure(outcomes, folder / 'feedback-loop.png')}", err=True)
