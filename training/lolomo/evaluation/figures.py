"""Figures: pictures of the leaderboard. Matplotlib is imported only when one is drawn."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lolomo.evaluation.leaderboard import Result, ordered

COLOURS = {"baseline": "#7f8c99", "challenger": "#d1495b", "champion": "#1b7f79"}
OTHER = "#44546a"
PANEL_WIDTH = 8.0
ROW_HEIGHT = 0.36
PANEL_PADDING = 1.05


def leaderboard_figure(results: Sequence[Result], path: Path, metric: str = "ndcg@10") -> Path:
    """Draw each task's models, best on top, with their intervals; save as PNG.

    Args:
        results: Rows of the leaderboard; those without the metric are left out.
        path: Where the PNG goes; its folder is made if need be.
        metric: The metric on the horizontal axes, which are not shared between tasks.

    Returns:
        The path.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _panels(results, metric)
    heights = [ROW_HEIGHT * len(rows) + PANEL_PADDING for rows in panels.values()] or [1.0]
    figure = Figure(figsize=(PANEL_WIDTH, sum(heights) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    if panels:
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axis, ((task, window), rows) in zip(axes, panels.items(), strict=True):
            _draw(axis, f"{task} ({window})", rows, metric)
        axes[-1].set_xlabel(f"{metric}, with the interval over users or days")
        figure.legend(handles=_legend(results), loc="outside upper right", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, format="png", facecolor="white")
    return path


def _panels(results: Sequence[Result], metric: str) -> dict[tuple[str, str], list[Result]]:
    panels: dict[tuple[str, str], list[Result]] = {}
    for result in ordered(results, metric):
        interval = result.metrics.get(metric)
        if interval is not None and not math.isnan(interval.mean):
            panels.setdefault((result.task, result.window), []).append(result)
    return panels


def _draw(axis: Any, title: str, rows: Sequence[Result], metric: str) -> None:
    for place, row in enumerate(rows):
        interval = row.metrics[metric]
        colour = COLOURS.get(row.role, OTHER)
        axis.hlines(place, interval.low, interval.high, color=colour, linewidth=2.2)
        axis.plot(interval.mean, place, "o", color=colour, markersize=6)
        right = max(interval.high, interval.mean)
        axis.annotate(
            f"{interval.mean:.4f}",
            (right, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="#333333",
        )
    labels = [f"{row.model}, {row.freshness}" + (f" ({row.note})" * bool(row.note)) for row in rows]
    axis.set_yticks(range(len(rows)), labels, fontsize=9)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    # Room on the right for the figures that stand beside the intervals.
    axis.set_xlim(0.0, 1.12 * max(row.metrics[metric].high for row in rows) or 1.0)
    doubt = (
        "" if all(row.is_conclusive for row in rows) else "   inconclusive: fewer than 500 users"
    )
    axis.set_title(title + doubt, loc="left", fontsize=10, fontweight="bold")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="x", color="#e3e6ea", linewidth=0.8)
    axis.set_axisbelow(True)


def _legend(results: Sequence[Result]) -> list[Any]:
    from matplotlib.lines import Line2D

    roles = dict.fromkeys(result.role for result in results)
    return [
        Line2D([], [], color=COLOURS.get(role, OTHER), marker="o", linewidth=2.2, label=role)
        for role in roles
    ]
