"""A picture of a search for settings: what each trial reached, and the best so far."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path


def draw_trials(values: Sequence[float], title: str, label: str, path: Path) -> Path:
    """Draw the trials of a search in their order; save as PNG.

    Args:
        values: What each reached.
        title: Above the axes.
        label: Of the vertical axis: the metric.
        path: Where the PNG goes; its folder is made if need be.

    Returns:
        The path.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    numbers = range(1, len(values) + 1)
    axes.plot(numbers, values, "o", color="#7f8c99", label="trial")
    axes.step(numbers, list(accumulate(values, max)), where="post", color="#1b7f79", label="best")
    axes.set(title=title, xlabel="trial", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, format="png", facecolor="white")
    return path
