"""Pictures of the ladder: rungs by architecture, frozen beside fresh, with baselines behind.

Matplotlib is imported only when one is drawn. The suffix of the path decides the format; the same
rows give the same bytes.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lolomo.evaluation.ladder import (
    DAY,
    FRESHNESSES,
    Family,
    Row,
    Rung,
    Step,
    Study,
    average,
    by_days_since_cut,
)

COLOURS = (
    "#d1495b",
    "#00798c",
    "#edae49",
    "#5f4bb6",
    "#2e933c",
    "#8d5b4c",
    "#3a6ea5",
    "#c05299",
)
BASELINE = "#7f8c99"
INK = "#2b2f36"
NUM_BASELINES = 3
PANEL_WIDTH = 6.0
PANEL_HEIGHT = 3.9
PLACES = {
    Rung.IDS: 0.0,
    Rung.CONTENT: 1.0,
    Rung.CONTEXT: 2.0,
    Rung.DISCRETISED_TIME: 3.0,
    Rung.CONTINUOUS_TIME: 4.0,
    Rung.ABSOLUTE_TIME: 5.3,
}
"""Where rungs stand on the axis; raw absolute time apart, since it is no step of the ladder."""
MARGIN = 6.5
"""Where the axis ends."""
GAINS_HEIGHT = 2.6
DAYS = 3
"""Width of a point of the extrapolation figure."""
TIMES = {
    Rung.CONTEXT: ("#7f8c99", "no time"),
    Rung.CONTINUOUS_TIME: ("#00798c", "continuous time"),
    Rung.ABSOLUTE_TIME: ("#d1495b", "raw absolute time"),
}
"""Colour and name of what is held against each other over the days."""
TITLES = {"frozen": "counts frozen at the cut", "fresh": "counts fresh"}


def ladder_figure(study: Study, path: Path) -> Path:
    """Draw the ladder of each task that has one, by the task's own metric.

    Args:
        study: What was measured; tasks without a ladder are left out.
        path: Where the picture goes, `.png` or `.svg`; its folder is made if need be.

    Returns:
        The path.
    """
    panels = [(task, _metric(study, task)) for task in study.ladder_tasks]
    return _ladders(study, panels, path, f"{study.dataset}: what each input adds")


def gains_figure(study: Study, path: Path) -> Path:
    """Draw what each rung adds to the one before it, paired on the same queries.

    Users differ more than rungs do, so the ladder's own intervals hide what these show. A rung of
    which the data hold nothing has no point.
    """
    tasks = study.ladder_tasks
    figure, axes = _panels(len(tasks), GAINS_HEIGHT)
    colours, drawn = _colours(study), set()
    for place, task in enumerate(tasks):
        for axis, freshness in zip(axes[place], FRESHNESSES, strict=True):
            steps = study.steps(task, freshness)
            drawn |= {step.row.architecture for step in steps}
            _draw_gains(axis, steps, colours)
            metric = f"gain in {_metric(study, task)}"
            _decorate(axis, f"{task}: {TITLES[freshness]}", study, task, metric)
            _set_rungs(axis)
            axis.set_xlim(0.4, 5.8)
        _share_scale(axes[place])
    if tasks:
        known = {name: colour for name, colour in colours.items() if name in drawn}
        _place_legend(figure, _legend(known)[:-1])
    _title(figure, f"{study.dataset}: what each rung adds to the one before it, paired", tasks)
    return _save(figure, path)


def debiased_figure(study: Study, path: Path) -> Path:
    """Draw the ladder by popularity-debiased NDCG, and by how much of the catalogue is shown."""
    panels = [
        (task, metric)
        for task in study.ladder_tasks
        for metric in ("ipw_ndcg@10", "coverage@10")
        if any(metric in row.metrics for row in study.rows if row.task == task)
    ]
    return _ladders(study, panels, path, f"{study.dataset}: debiased accuracy, and coverage")


def extrapolation_figure(study: Study, path: Path) -> Path:
    """Draw accuracy by days since the cut, with and without time, averaged over deep models."""
    tasks = [
        task
        for task in study.ladder_tasks
        if any(study.select(task, each, rung=Rung.ABSOLUTE_TIME) for each in FRESHNESSES)
    ]
    figure, axes = _panels(len(tasks), PANEL_HEIGHT)
    for place, task in enumerate(tasks):
        for axis, freshness in zip(axes[place], FRESHNESSES, strict=True):
            _draw_days(axis, study, task, freshness)
            _decorate(axis, f"{task}, deep models on average: {TITLES[freshness]}", study, task)
            axis.set_xlabel("days since the cut", fontsize=9)
        _share_scale(axes[place])
    if tasks:
        handles = _legend({name: colour for colour, name in TIMES.values()})[:-1]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    _title(figure, f"{study.dataset}: how long a fit stays good", tasks)
    return _save(figure, path)


def _ladders(study: Study, panels: Sequence[tuple[str, str]], path: Path, title: str) -> Path:
    figure, axes = _panels(len(panels), PANEL_HEIGHT)
    colours = _colours(study)
    for place, (task, metric) in enumerate(panels):
        for axis, freshness in zip(axes[place], FRESHNESSES, strict=True):
            rows = [row for row in study.select(task, freshness) if metric in row.metrics]
            _draw_baselines(axis, [row for row in rows if row.rung is None], metric)
            _draw_rungs(axis, [row for row in rows if row.rung], metric, colours)
            _decorate(axis, f"{task}: {TITLES[freshness]}", study, task, metric)
            _set_rungs(axis)
        _share_scale(axes[place])
        for axis in axes[place]:
            _label_baselines(axis)
    if panels:
        tasks = {task for task, _ in panels}
        drawn = {row.architecture for row in study.rows if row.task in tasks}
        handles = _legend({name: colour for name, colour in colours.items() if name in drawn})
        _place_legend(figure, handles)
    _title(figure, title, panels)
    return _save(figure, path)


def _set_rungs(axis: Any) -> None:
    """Name the rungs, with a margin on the right for the names of baselines."""
    names = [_short(rung) for rung in PLACES]
    axis.set_xticks(list(PLACES.values()), names, fontsize=8.5, color=INK)
    axis.axvline(4.65, color="#c9ced6", linewidth=0.8, linestyle=(0, (2, 3)))
    axis.set_xlim(-0.4, MARGIN)


def _place_legend(figure: Any, handles: Sequence[Any]) -> None:
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def _draw_rungs(axis: Any, rows: Sequence[Row], metric: str, colours: dict[str, str]) -> None:
    """Draw a line an architecture, its points beside each other so that intervals can be told."""
    names = [name for name in colours if any(row.architecture == name for row in rows)]
    for place, name in enumerate(names):
        own = {row.rung: row.metrics[metric] for row in rows if row.architecture == name}
        shift = _shift(place, len(names))
        points = [(PLACES[rung] + shift, own[rung], rung) for rung in PLACES if rung in own]
        ladder = [point for point in points if point[2] is not Rung.ABSOLUTE_TIME]
        axis.plot(
            [x for x, _, _ in ladder],
            [interval.mean for _, interval, _ in ladder],
            color=colours[name],
            linewidth=1.6,
            alpha=0.85,
        )
        for x, interval, rung in points:
            axis.vlines(x, interval.low, interval.high, color=colours[name], linewidth=1.5)
            marker = "D" if rung is Rung.ABSOLUTE_TIME else "o"
            axis.plot(x, interval.mean, marker, color=colours[name], markersize=5)


def _shift(place: int, number: int) -> float:
    return 0.34 * ((place + 0.5) / number - 0.5)


def _draw_gains(axis: Any, steps: Sequence[Step], colours: dict[str, str]) -> None:
    """Draw each step's paired difference, hollow where the interval holds 0."""
    names = [name for name in colours if any(step.row.architecture == name for step in steps)]
    axis.axhline(0.0, color=INK, linewidth=0.8)
    for step in steps:
        name, rung = step.row.architecture, step.row.rung
        if rung is None or step.is_empty:
            continue
        x = PLACES[rung] + _shift(names.index(name), len(names))
        ends, colour = step.comparison.difference, colours[name]
        axis.vlines(x, ends.low, ends.high, color=colour, linewidth=1.5)
        face = "white" if ends.low <= 0 <= ends.high else colour
        marker = "D" if rung is Rung.ABSOLUTE_TIME else "o"
        axis.plot(x, ends.mean, marker, color=colour, markerfacecolor=face, markersize=5)


def _draw_baselines(axis: Any, rows: Sequence[Row], metric: str) -> None:
    """Draw the best rows without a ladder as lines across, the strongest with its interval."""
    measured = [row for row in rows if not math.isnan(row.metrics[metric].mean)]
    best = sorted(measured, key=lambda row: -row.metrics[metric].mean)[:NUM_BASELINES]
    for place, row in enumerate(best):
        interval = row.metrics[metric]
        if place == 0:
            axis.axhspan(interval.low, interval.high, color=BASELINE, alpha=0.13, linewidth=0)
        style = ("-", (0, (5, 2)), (0, (1, 2)))[place % 3]
        axis.axhline(
            interval.mean, color=BASELINE, linewidth=1.1, linestyle=style, label=row.architecture
        )


def _label_baselines(axis: Any) -> None:
    """Write each line's name above its right end, moved up where two would overlap."""
    low, high = axis.get_ylim()
    # The height of a line of small print, as a share of the panel's.
    gap, previous = 0.045 * (high - low), -math.inf
    lines = [line for line in axis.get_lines() if not str(line.get_label()).startswith("_")]
    for line in sorted(lines, key=lambda line: float(line.get_ydata()[0])):
        height = max(float(line.get_ydata()[0]), previous + gap)
        previous = height
        axis.annotate(
            line.get_label(),
            (MARGIN - 0.02, height),
            ha="right",
            va="bottom",
            fontsize=7.5,
            color="#5c6773",
        )


def _draw_days(axis: Any, study: Study, task: str, freshness: str) -> None:
    for place, (rung, (colour, _)) in enumerate(TIMES.items()):
        rows = study.select(task, freshness, rung=rung, families=(Family.DEEP,))
        if not rows:
            continue
        pooled = average([row.per_query for row in rows])
        table = by_days_since_cut(pooled, rows[0].metric, study.cut, DAYS)
        x = [day + DAYS / 2 + 0.2 * (place - 1) for day in table[DAY]]
        axis.plot(x, table["mean"], "o-", color=colour, linewidth=1.6, markersize=4.5)
        axis.vlines(x, table["low"], table["high"], color=colour, linewidth=1.2, alpha=0.7)


def _panels(num_rows: int, height: float) -> tuple[Any, Any]:
    """Return a figure, and its axes by row: frozen on the left, fresh on the right."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    size = (2 * PANEL_WIDTH, max(1.0, num_rows * height + 0.8))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(num_rows, len(FRESHNESSES), squeeze=False) if num_rows else []
    return figure, axes


def _decorate(axis: Any, title: str, study: Study, task: str, metric: str = "") -> None:
    doubt = "" if study.is_conclusive(task) else f" ({study.num_users(task)} users: inconclusive)"
    axis.set_title(title + doubt, loc="left", fontsize=10, fontweight="bold", color=INK)
    name = metric or _metric(study, task)
    axis.set_ylabel(f"{name}, 95 % interval", fontsize=9, color=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("#c9ced6")
    axis.tick_params(labelsize=8.5, length=0)
    axis.grid(axis="y", color="#e9ecf0", linewidth=0.8)
    axis.set_axisbelow(True)


def _share_scale(axes: Sequence[Any]) -> None:
    """Give panels beside each other one vertical scale, so that they can be compared."""
    limits = [axis.get_ylim() for axis in axes]
    low, high = min(each[0] for each in limits), max(each[1] for each in limits)
    for axis in axes:
        axis.set_ylim(low, high + 0.03 * (high - low))


def _title(figure: Any, title: str, drawn: Sequence[object]) -> None:
    text = title if drawn else f"{title}: nothing measured yet"
    figure.suptitle(text, x=0.01, ha="left", fontsize=12.5, fontweight="bold", color=INK)


def _save(figure: Any, path: Path) -> Path:
    from matplotlib import rc_context

    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with rc_context({"svg.hashsalt": "ladder", "svg.fonttype": "none"}):
        figure.savefig(path, dpi=100, facecolor="white", metadata=metadata)
    return path


def _legend(colours: dict[str, str]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lines = [
        Line2D([], [], color=colour, marker="o", markersize=5, linewidth=1.6, label=name)
        for name, colour in colours.items()
    ]
    return [*lines, Patch(color=BASELINE, alpha=0.3, label="strongest model without a ladder")]


def _colours(study: Study) -> dict[str, str]:
    """Return a colour an architecture with rungs, the same in all figures of a study."""
    names = dict.fromkeys(row.architecture for row in study.rows if row.rung)
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}


def _metric(study: Study, task: str) -> str:
    return next(row.metric for row in study.rows if row.task == task)


def _short(rung: Rung) -> str:
    """Return the rung's label in two lines, for an axis."""
    return (
        rung.label.replace("discretised time", "discrete\ntime")
        .replace("continuous time", "continuous\ntime")
        .replace("absolute time", "absolute\ntime")
    )
