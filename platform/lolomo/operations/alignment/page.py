"""The alignment report as a Markdown page, two figures and JSON; all of it *simulated*."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lolomo.core.files import write_atomically
from lolomo.operations.alignment.offline import OFFLINE, OPE
from lolomo.operations.alignment.online import TRUTHS
from lolomo.operations.alignment.study import Alignment, AlignmentPlan, Measured, align

COLOURS = {"plays": "#1b7f79", "satisfaction": "#d1495b"}
SHOWN = ("as-of NDCG", "calibration", "OPE, slot by slot", "OPE of thumbs")
"""Metrics that the second figure shows variant by variant."""

_HEAD = """# Which offline metric predicts what happens online? (simulated)

Made by `lolomo report alignment`. {variants} variants (rankers by policies) were judged on the same
visits of {worlds} simulated worlds, {seeds} seed(s) each: offline by the log of one exploring
service, online by what the world's members would have done. A cell is Spearman's rank correlation
over variants with its 95 % interval, and the *regret*: how much lift is given away by choosing the
variant that the metric likes best, of either truth in plays of the logging service.

What is counted is the visit itself; what a better page changes later is not. The rankers are
weighted counts, not trained models: whether a metric ranks *their* like in *these* worlds is what
is shown, and nothing more.
"""


def write_alignment(rows: Sequence[Measured], plan: AlignmentPlan, folder: Path) -> Path:
    """Write `alignment.md`, its figures and `alignment.json` into a folder.

    Args:
        rows: What was measured.
        plan: How.
        folder: Made if need be.

    Returns:
        The page's path.
    """
    found = align(rows)
    folder.mkdir(parents=True, exist_ok=True)
    _correlations(found, folder / "alignment-correlations.png")
    _variants(rows, folder / "alignment-variants.png")
    page = folder / "alignment.md"
    write_atomically(page, _markdown(rows, found, plan))
    values = {"plan": asdict(plan), "alignment": [asdict(each) for each in found]}
    values["measured"] = [asdict(row) for row in rows]
    write_atomically(folder / "alignment.json", json.dumps(values, indent=1))
    return page


def _markdown(rows: Sequence[Measured], found: Sequence[Alignment], plan: AlignmentPlan) -> str:
    worlds = list(dict.fromkeys(row.world for row in rows))
    variants = len({row.variant for row in rows})
    parts = [_HEAD.format(variants=variants, worlds=len(worlds), seeds=len(plan.seeds))]
    parts.append("![Rank correlations, simulated](alignment-correlations.png)\n")
    for truth in TRUTHS:
        parts.append(f"## Lift of {truth}\n")
        parts.append("| metric | " + " | ".join(worlds) + " | mean |")
        parts.append("|---|" + "---|" * (len(worlds) + 1))
        for metric in OFFLINE:
            cells = [_only(found, world, metric, truth).agreement for world in worlds]
            words = [f"{cell.correlation}, regret {cell.regret:.3f}" for cell in cells]
            mean = sum(cell.correlation.mean for cell in cells) / len(cells)
            parts.append(f"| {metric} | " + " | ".join(words) + f" | {mean:.3f} |")
        parts.append("")
    parts.append("## What the guard of off-policy evaluation refuses\n")
    parts += [f"- {metric}: {_refused(rows, metric):.0%} of all variants" for metric in OPE]
    parts.append("\n## The metrics\n")
    parts += [f"- *{metric}*: {words}." for metric, words in OFFLINE.items()]
    parts.append("\n![Variants, simulated](alignment-variants.png)")
    return "\n".join(parts) + "\n"


def _only(found: Sequence[Alignment], world: str, metric: str, truth: str) -> Alignment:
    key = (world, metric, truth)
    return next(each for each in found if (each.world, each.metric, each.truth) == key)


def _refused(rows: Sequence[Measured], metric: str) -> float:
    return sum(row.offline[f"{metric} refused"] for row in rows) / len(rows)


def _correlations(found: Sequence[Alignment], path: Path) -> None:
    """Draw each metric's correlations with their intervals, a panel a world."""
    worlds = list(dict.fromkeys(each.world for each in found))
    figure, panels = _figure(1, len(worlds), (3.1 * len(worlds) + 1.4, 3.6))
    for panel, world in zip(panels[0], worlds, strict=True):
        for offset, truth in zip((-0.14, 0.14), TRUTHS, strict=True):
            for place, metric in enumerate(OFFLINE):
                interval = _only(found, world, metric, truth).agreement.correlation
                height = place + offset
                panel.hlines(height, interval.low, interval.high, color=COLOURS[truth], lw=2)
                label = f"lift of {truth}" if not place else None
                panel.plot(interval.mean, height, "o", ms=5, color=COLOURS[truth], label=label)
        panel.axvline(0.0, color="#44546a", lw=0.8)
        panel.set_xlim(-1.05, 1.05)
        panel.set_title(world, loc="left", fontsize=9, fontweight="bold")
        panel.set_yticks(range(len(OFFLINE)), list(OFFLINE) if panel is panels[0][0] else [])
        panel.set_ylim(len(OFFLINE) - 0.5, -0.5)
    panels[0][0].legend(frameon=False, fontsize=7, loc="lower left")
    figure.supxlabel("Spearman's correlation with the online lift over variants (simulated)")
    figure.savefig(path, dpi=150, format="png", facecolor="white")


def _variants(rows: Sequence[Measured], path: Path) -> None:
    """Draw every variant's lift over some metrics, a row a world."""
    worlds = list(dict.fromkeys(row.world for row in rows))
    figure, panels = _figure(len(worlds), len(SHOWN), (2.6 * len(SHOWN) + 0.6, 2.1 * len(worlds)))
    for line, world in zip(panels, worlds, strict=True):
        of_world = [row for row in rows if row.world == world]
        for panel, metric in zip(line, SHOWN, strict=True):
            for truth in TRUTHS:
                values = [row.offline[metric] for row in of_world]
                lifts = [row.lift[truth] for row in of_world]
                panel.plot(values, lifts, "o", ms=3, alpha=0.7, color=COLOURS[truth], label=truth)
            panel.set_title(f"{world}: {metric}", loc="left", fontsize=7)
            panel.tick_params(labelsize=6)
    panels[0][0].legend(frameon=False, fontsize=6)
    figure.supylabel("lift over the logging service (simulated)", fontsize=8)
    figure.savefig(path, dpi=150, format="png", facecolor="white")


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False)
    for panel in panels.ravel():
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(axis="x", color="#e3e6ea", lw=0.8)
    return figure, panels
