"""An experiment's analysis as a terminal's table."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lolomo.evaluation.bootstrap import Interval
from lolomo.evaluation.experiments.analysis import Analysis
from lolomo.evaluation.experiments.interleaving import Preference
from lolomo.evaluation.experiments.shadow import Shadowed

if TYPE_CHECKING:
    from rich.table import Table


def to_table(analysis: Analysis) -> "Table":
    """Return a Rich table: each metric by arm, with an interval and p that hold at all looks.

    Whether units arrived as they should stands below it.
    """
    ratio = analysis.ratio
    counts = ", ".join(f"{arm} {count:,}" for arm, count in ratio.counts.items())
    verdict = "ALARM, do not read on" if ratio.is_alarm else "as intended"
    caption = f"units: {counts}; sample ratio {verdict} (p = {ratio.p_value:.3g})"
    table = _table(caption, ("metric", "arm"), ("control", "arm's", "difference", "p"))
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


def preference_table(preferences: Mapping[str, Preference]) -> "Table":
    """Return a Rich table: by task, which of two interleaved releases members watched from."""
    caption = (
        "members by whose titles they watched more of: the challenger's wins, losses, ties; share: "
        "of wins, ties halved"
    )
    table = _table(caption, ("task",), ("lists", "wins", "losses", "ties", "share", "p"))
    for task, found in preferences.items():
        counts = (found.num_lists, found.wins, found.losses, found.ties)
        known = math.isfinite(found.share.mean)
        table.add_row(
            task,
            *(f"{count:,}" for count in counts),
            _share(found.share) if known else "no members",
            f"{found.p_value:.3g}",
            style="bold" if found.is_decided else "",
        )
    return table


def shadow_table(shadows: Mapping[str, Shadowed]) -> "Table":
    """Return a Rich table: by task, how a shadow's answers compare with those served."""
    caption = (
        "overlap: titles in common; rbo: the same, the top counting most; first: the same title on "
        "top; ranks: correlation over all candidates; time: of the task's step, at low priority"
    )
    figures = ("copies", "failed", "overlap", "rbo", "first", "ranks", "time", "p99")
    table = _table(caption, ("task",), figures)
    for task, found in shadows.items():
        shares = (found.overlap, found.rank_biased_overlap, found.same_first)
        table.add_row(
            task,
            f"{found.num_requests:,}",
            f"{found.failed:.1%}",
            *(f"{share:.2f}" for share in (*shares, found.rank_correlation)),
            f"{found.latency_ratio:.2f}x",
            f"{found.latency_p99_ratio:.2f}x",
        )
    return table


def _table(caption: str, names: Sequence[str], figures: Sequence[str]) -> "Table":
    """Return a table without rows: columns of names on the left, figures on the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, caption=caption, caption_justify="left")
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _share(interval: Interval) -> str:
    return f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _interval(interval: Interval) -> str:
    if math.isfinite(interval.low):
        return f"{interval.mean:+.4f} [{interval.low:+.4f}, {interval.high:+.4f}]"
    return "too few units" if math.isfinite(interval.mean) else "no units"
