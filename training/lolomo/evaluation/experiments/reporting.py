"""An experiment's analysis as a terminal's table."""

import math
from typing import TYPE_CHECKING

from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.experiments.analysis import Analysis

if TYPE_CHECKING:
    from rich.table import Table


def to_table(analysis: Analysis) -> "Table":
    """Return a Rich table: each metric by arm, with an interval and p that hold at all looks.

    Whether units arrived as they should stands below it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    ratio = analysis.ratio
    counts = ", ".join(f"{arm} {count:,}" for arm, count in ratio.counts.items())
    verdict = "ALARM, do not read on" if ratio.is_alarm else "as intended"
    caption = f"units: {counts}; sample ratio {verdict} (p = {ratio.p_value:.3g})"
    table = Table(box=SIMPLE_HEAD, caption=caption)
    table.caption_justify = "left"
    table.add_column("metric", no_wrap=True)
    table.add_column("arm", no_wrap=True)
    for name in ("control", "arm's", "difference", "p"):
        table.add_column(name, justify="right")
    for found in analysis.differences:
        style = "bold" if found.is_decided else ""
        table.add_row(
            found.metric,
            found.arm,
            f"{found.control.mean:.4f}",
            f"{found.treatment.mean:.4f}",
            _interval(found.difference),
            f"{found.p_value:.3g}",
            style=style,
        )
    return table


def _interval(interval: Interval) -> str:
    if math.isfinite(interval.low):
        return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
    return "too few units" if math.isfinite(interval.mean) else "no units"
