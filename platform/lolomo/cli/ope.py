"""`lolomo ope`: what would another policy have earned, from what was logged?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lolomo.cli.options import WORKING_DATASET
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.operations.off_policy import Answer

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
FIGURE = click.option(
    "--figure",
    metavar="PNG",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also draw it there.",
)
ENOUGH = click.option(
    "--min-effective-sample",
    "enough",
    type=click.FloatRange(min=0),
    default=200.0,
    show_default=True,
    help="Refuse an answer below it; intervals are tried from 200 on.",
)


@click.group()
def ope() -> None:
    """Judge policies that never ran by logs with propensities; refuse where logs cannot tell.

    \b
    Examples:
      lolomo data get open-bandit
      lolomo ope impressions --dataset open-bandit --surface random/women
      lolomo ope journal "top_picks=plackett_luce(temperature=0.5)"
    """  # noqa: D301


@ope.command()
@click.option("--surface", required=True, metavar="NAME", help="Which log, such as bts/women.")
@WORKING_DATASET
@ENOUGH
@FIGURE
@AS_JSON
def impressions(
    surface: str, dataset: str | None, enough: float, figure: Path | None, as_json: bool
) -> None:
    """Ask what showing every item equally often would have earned.

    Reads an event log whose impressions have propensities, and as value what they earned.

    Example: lolomo ope impressions --dataset open-bandit --surface bts/women
    """
    from lolomo.evaluation.off_policy import Guard
    from lolomo.events import find_dataset, import_dataset
    from lolomo.operations.off_policy import judge_impressions
    from lolomo.operations.terminal import progress_bar

    settings = Settings.from_environment()
    source = find_dataset(dataset or settings.dataset)
    with progress_bar(source.name) as progress:
        import_dataset(source, settings, progress)
    guard = Guard(min_effective_sample_size=enough)
    _show(judge_impressions(settings, source.name, surface, guard), figure, as_json)


@ope.command()
@click.argument("target", metavar="ROW=POLICY")
@click.option(
    "--reward", default="interaction", show_default=True, metavar="NAME", help="What is earned."
)
@WORKING_DATASET
@ENOUGH
@FIGURE
@AS_JSON
def journal(
    target: str,
    reward: str,
    dataset: str | None,
    enough: float,
    figure: Path | None,
    as_json: bool,
) -> None:
    """Ask what a row would have earned under another policy.

    Reads the journal of what was served, and the events of the same requests. Several rows may be
    asked about at once, with commas between them.

    Example: lolomo ope journal "top_picks=plackett_luce(temperature=0.5)" --reward enjoyment
    """
    from lolomo.core.policy import policies_from
    from lolomo.evaluation.off_policy import Guard
    from lolomo.operations.happened import happened
    from lolomo.operations.off_policy import judge_journal, read_journal
    from lolomo.operations.rewards import find_reward

    settings, worth = Settings.from_environment(), find_reward(reward)
    name = dataset or settings.dataset
    served = read_journal(settings, name)
    events = happened(settings.workspace(name))
    guard = Guard(min_effective_sample_size=enough)
    for row in policies_from(target).items():
        _show(judge_journal(served, events, row, worth, guard), figure, as_json)


def _show(answer: "Answer", figure: Path | None, as_json: bool) -> None:
    """Print an answer, and draw it where a path is given."""
    from rich.console import Console

    from lolomo.evaluation.off_policy import Refused, off_policy_figure, to_json, to_table

    if figure:
        off_policy_figure(answer.outcomes, answer.question, answer.logged, figure)
        click.echo(f"wrote {figure}", err=True)
    if as_json:
        click.echo(to_json(answer.outcomes, answer.logged))
        return
    console = Console()
    console.print(to_table(answer.outcomes, answer.question, answer.logged))
    refused = [outcome for outcome in answer.outcomes if isinstance(outcome, Refused)]
    for reasons in dict.fromkeys(outcome.reasons for outcome in refused):
        names = ", ".join(outcome.estimator for outcome in refused if outcome.reasons == reasons)
        console.print(f"refused {names}: {'; '.join(reasons)}", highlight=False)
