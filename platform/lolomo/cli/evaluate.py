"""`lolomo evaluate`: any models side by side, by one protocol."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from lolomo.cli.options import WORKING_DATASET, parse_changes
from lolomo.core.settings import Settings

if TYPE_CHECKING:
    from lolomo.operations.evaluation import Variant

FRESHNESS = ("fresh", "1h", "24h", "frozen")
PROTOCOLS: Mapping[str, tuple[Literal["as-of", "static"], ...]] = {
    "as-of": ("as-of",),
    "static": ("static",),
    "both": ("as-of", "static"),
}


@click.command(
    epilog="Example: lolomo evaluate --task next_play --all --window validation --against item_knn"
)
@WORKING_DATASET
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Only this; may be repeated.")
@click.option(
    "--model", "models", multiple=True, metavar="NAME", help="Only this; may be repeated."
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="MODEL:FIELD=VALUE",
    help="A model with a config of its own, such as "
    "lightgbm_ranker:without_sources=next_play; `:` between fields. May be repeated.",
)
@click.option("--all", "every", is_flag=True, help="Also the models that the pipeline leaves out.")
@click.option(
    "--window", type=click.Choice(["validation", "test"]), default="test", show_default=True
)
@click.option(
    "--protocol",
    type=click.Choice(list(PROTOCOLS)),
    default="as-of",
    show_default=True,
    help="Ask at the time of each event, or once a user at the cut.",
)
@click.option(
    "--freshness",
    type=click.Choice([*FRESHNESS, "all"]),
    default="fresh",
    show_default=True,
    help="How old the counts are that models read.",
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Fits a model.")
@click.option(
    "--track",
    type=click.Choice(["catalogue", "cold"]),
    default="catalogue",
    show_default=True,
    help="Ask for titles known before the window, or for those first watched in it.",
)
@click.option(
    "--against", metavar="MODEL", help="Compare each to this model or variant, paired by user."
)
@click.option(
    "--predictions",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what each model answered to each query there, as Parquet.",
)
@click.option("--slices", "sliced", is_flag=True, help="Show for whom and for what it does well.")
@click.option("--json", "as_json", is_flag=True, help="Print it for machines.")
def evaluate(  # noqa: PLR0913 -- one argument an option
    dataset: str | None,
    tasks: tuple[str, ...],
    models: tuple[str, ...],
    variants: tuple[str, ...],
    every: bool,
    window: str,
    protocol: str,
    freshness: str,
    seeds: int,
    track: str,
    against: str | None,
    folder: Path | None,
    sliced: bool,
    as_json: bool,
) -> None:
    """Fit models where need be, judge them, and print the leaderboard with 95 % intervals.

    What an earlier run has done is not done again. Nothing is released. Each look at the test
    window is recorded in MLflow: choose by validation, and report by test.
    """
    from lolomo.evaluation import parse_freshness
    from lolomo.operations import evaluation
    from lolomo.operations.cold_titles import judge_cold_titles
    from lolomo.operations.datasets import ready_dataset
    from lolomo.operations.predictions import write_predictions
    from lolomo.operations.terminal import progress_bar

    settings = Settings.from_environment()
    selection = evaluation.Selection(
        tasks=tasks,
        models=models,
        variants=tuple(_variant(text) for text in variants),
        alternatives=every,
        window=window,
        protocols=PROTOCOLS[protocol],
        freshness=tuple(parse_freshness(text) for text in FRESHNESS if freshness in (text, "all")),
        num_seeds=seeds,
        against=against or "",
    )
    with progress_bar("dataset") as progress:
        name = ready_dataset(settings, dataset or settings.dataset, progress)
    if track == "cold":
        with progress_bar("judging") as progress:
            judge_cold_titles(settings, name, window, progress, as_json=as_json)
        return
    with progress_bar("judging") as progress:
        done = evaluation.evaluate_models(settings, name, selection, progress)
    if folder:
        paths = write_predictions(done.dataset, done.judged, folder)
        click.echo(f"wrote {len(paths)} files of predictions to {folder}", err=True)
    if as_json:
        click.echo(evaluation.as_json(done))
        return
    evaluation.print_evaluation(done)
    if sliced:
        evaluation.print_slices(done)


def _variant(text: str) -> "Variant":
    """Return what a word such as `sasrec:inputs=ids` names."""
    from lolomo.operations.evaluation import Variant

    model, *changes = text.split(":")
    return Variant(label=text, model=model, config=parse_changes(changes))
