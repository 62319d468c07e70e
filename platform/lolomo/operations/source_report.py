"""Whose proposals hold the targets: the sources of a task that ranks, side by side."""

import polars as pl

from lolomo.core.errors import SettingsError
from lolomo.core.progress import Progress, part_of
from lolomo.core.settings import Settings
from lolomo.evaluation.attribution import source_attribution
from lolomo.tasks import find_task
from lolomo.training.pipelines.contest import sources_of
from lolomo.training.pipelines.prepare import prepare
from lolomo.training.pipelines.steps import progress_to


def attribute_sources(
    dataset: str, task_name: str, window: str, progress: Progress
) -> pl.DataFrame:
    """Return what each source gives a task's ranker before a window, see `source_attribution`.

    The proposals are those of the models that the latest gates chose, as in the pipeline; what was
    prepared before is not prepared again.

    Args:
        dataset: The dataset's name.
        task_name: A task that ranks what others propose.
        window: `validation` or `test`.
        progress: Told the fraction done.

    Raises:
        SettingsError: If the task finds its own candidates.
    """
    task = find_task(task_name)
    if not task.candidates_from:
        raise SettingsError(
            f"task {task_name!r} finds its own candidates; expected one that ranks what others "
            "propose, such as 'top_picks'"
        )
    with progress_to(part_of(progress, 0, 1, "proposals")):
        key = prepare(task_name, dataset, sources_of(task_name, dataset))
    folder = Settings.from_environment().workspace(dataset).runs / key
    queries = pl.read_parquet(folder / f"queries-{window}.parquet")
    return source_attribution(queries, task.candidates_from)


def print_attribution(table: pl.DataFrame, title: str) -> None:
    """Print a row a source."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title, title_justify="left")
    for name in table.columns:
        shown.add_column(name, justify="left" if name == "source" else "right")
    for row in table.iter_rows(named=True):
        rank = "-" if row["median_rank"] is None else f"{row['median_rank']:.0f}"
        figures = (f"{row['recall']:.3f}", f"{row['only_here']:.3f}", rank)
        shown.add_row(row["source"], *figures, f"{row['num_candidates']:.0f}")
    Console().print(shown)
