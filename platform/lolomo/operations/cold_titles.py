"""The cold track as one operation: who finds titles that nobody had watched before the cut?"""

import polars as pl
from rich.console import Console

from lolomo.core.progress import Progress
from lolomo.core.settings import Settings
from lolomo.evaluation import from_json, to_table
from lolomo.training.looks import record_look
from lolomo.training.pipelines.cold import cold
from lolomo.training.pipelines.steps import progress_to


def judge_cold_titles(
    settings: Settings, dataset: str, window: str, progress: Progress, *, as_json: bool = False
) -> None:
    """Judge the scorers of cold titles, unless it has been done, and print what they reach.

    Args:
        settings: Where the workspace is.
        dataset: The dataset's name.
        window: `validation` or `test`.
        progress: Told the fraction done.
        as_json: Print JSON rather than a table.

    Raises:
        DataError: If no title was first watched within the window.
    """
    workspace = settings.workspace(dataset)
    with progress_to(progress):
        key = cold(dataset, window)
    text = (workspace.runs / key / "results.json").read_text()
    results = from_json(text)
    record_look(workspace, "cold", results, key)
    if as_json:
        print(text)  # noqa: T201
        return
    console = Console()
    title = f"titles first watched in the {window} window, over the whole catalogue"
    console.print(to_table(results, title=title))
    comparisons = pl.read_json(workspace.runs / key / "comparisons.json")
    for row in comparisons.iter_rows(named=True):
        console.print(
            f"  {row['queries']} ({row['num_queries']}): {row['model']} {row['ndcg@10']:.4f} "
            f"[{row['low']:.4f}, {row['high']:.4f}], against popularity {row['difference']:+.4f} "
            f"[{row['difference_low']:+.4f}, {row['difference_high']:+.4f}]",
            highlight=False,
        )
