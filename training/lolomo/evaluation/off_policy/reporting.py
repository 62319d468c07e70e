"""What estimators said of one question, to read: a terminal's table, JSON, and a figure."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lolomo.evaluation.off_policy.estimating import Estimate, Refused

if TYPE_CHECKING:
    from rich.table import Table

ANSWERED, DOUBTED = "#1b7f79", "#d1955b"


def to_table(outcomes: Sequence[Estimate | Refused], title: str, logged: float) -> "Table":
    """Return a Rich table: each estimate with its interval and weights, or why there is none.

    Args:
        outcomes: What the estimators said.
        title: What was asked.
        logged: What the logging policy itself earned, for the caption.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = max((outcome.diagnostics.num_rows for outcome in outcomes), default=0)
    caption = (
        f"The logging policy earned {logged:.4f} over {rows:,} rows.\n"
        "* biased by design: the interval leaves the bias out."
    )
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, caption=caption)
    table.caption_justify = "left"
    table.add_column("estimator", no_wrap=True)
    for name in ("value", "effective", "mean weight", "heaviest"):
        table.add_column(name, justify="right", no_wrap=True)
    for outcome in outcomes:
        found = outcome.diagnostics
        weights = (
            f"{found.effective_sample_size:,.0f}",
            f"{found.mean_weight:.3f} ± {found.mean_weight_error:.3f}",
            f"{found.max_share:.1%}",
        )
        if isinstance(outcome, Estimate):
            name = outcome.estimator + "*" * outcome.is_biased
            table.add_row(name, str(outcome.interval), *weights)
        else:
            table.add_row(outcome.estimator, "refused", *weights)
    return table


def to_json(outcomes: Sequence[Estimate | Refused], logged: float) -> str:
    """Return everything for machines; a refusal has reasons and no value."""
    rows = [_as_json(outcome) for outcome in outcomes]
    return json.dumps({"logged": logged, "estimates": rows}, indent=2, allow_nan=False)


def off_policy_figure(
    outcomes: Sequence[Estimate | Refused], title: str, logged: float, path: Path
) -> Path:
    """Draw each estimate with its interval beside what was logged; save as PNG.

    Args:
        outcomes: What the estimators said; refusals stand there in words.
        title: What was asked.
        logged: What the logging policy itself earned, a vertical line.
        path: Where the PNG goes; its folder is made if need be.

    Returns:
        The path.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 0.4 * len(outcomes) + 1.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, Estimate):
            interval, colour = outcome.interval, DOUBTED if outcome.is_biased else ANSWERED
            axes.hlines(place, interval.low, interval.high, color=colour, linewidth=2.2)
            axes.plot(interval.mean, place, "o", color=colour, markersize=6)
        else:
            axes.annotate(
                f"refused: {outcome.reasons[0]}",
                (0.02, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=7,
                color="#7f8c99",
            )
    axes.axvline(logged, color="#44546a", linewidth=1.0, linestyle=":", label="as logged")
    axes.set_yticks(range(len(outcomes)), [outcome.estimator for outcome in outcomes], fontsize=9)
    axes.set_ylim(len(outcomes) - 0.5, -0.5)
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel("reward, with 95 % intervals; orange: biased by design")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, format="png", facecolor="white")
    return path


def _as_json(outcome: Estimate | Refused) -> dict[str, Any]:
    shared = {"estimator": outcome.estimator, "diagnostics": asdict(outcome.diagnostics)}
    if isinstance(outcome, Refused):
        return {**shared, "refused": list(outcome.reasons)}
    ends = asdict(outcome.interval)
    finite = {name: end if math.isfinite(end) else None for name, end in ends.items()}
    return {**shared, **finite, "is_biased": outcome.is_biased}
