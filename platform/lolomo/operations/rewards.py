"""What changes when a reward does: its definition, and what the same events are worth by it."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.errors import SettingsError
from lolomo.core.reward import REWARDS, Reward, expected_by_user_and_item

TOP = 20
"""Items whose place is compared."""


@dataclass(frozen=True, slots=True)
class Moved:
    """An item that is worth more, or less, beside the others than it was."""

    item_id: str
    old_place: int
    new_place: int


@dataclass(frozen=True, slots=True)
class RewardChange:
    """How one reward differs from another on the same events."""

    old: str
    new: str
    removed: tuple[str, ...]
    """Terms that only the old one has."""
    added: tuple[str, ...]
    """Terms that only the new one has."""
    num_events: int
    num_waiting: int
    """Events that some part of the new one was predicted for, since it had not arrived."""
    old_mean: float
    new_mean: float
    agreement: float
    """Spearman's correlation of what events are worth; NaN if one of them tells none apart."""
    gained: float
    """Share of events that were worth nothing, and are worth something now."""
    lost: float
    """Share of events that were worth something, and are worth nothing now."""
    moved: tuple[Moved, ...]
    """Of the items that are worth most by either, those that moved furthest."""


def find_reward(reference: str) -> Reward:
    """Return a reward by `name@vN`, or the latest version of a name.

    Raises:
        SettingsError: If there is none.
    """
    name, _, version = reference.partition("@v")
    found = [reward for reward in REWARDS if reward.name == name]
    found = [reward for reward in found if version in ("", str(reward.version))]
    if not found:
        known = [f"{reward.name}@v{reward.version}" for reward in REWARDS]
        raise SettingsError(f"no reward is called {reference!r}; expected one of {known}")
    return max(found, key=lambda reward: reward.version)


def compare_rewards(old: Reward, new: Reward, events: pl.DataFrame) -> RewardChange:
    """Say how a reward differs from another, in words and on events.

    Args:
        old: What was used.
        new: What shall be.
        events: In order of time; its last one is now, so late parts of young events are predicted.
    """
    now = events[Columns.TIMESTAMP][-1]
    waiting = [term.part for term in new.terms if term.part.delay]
    longest = max((part.delay for part in waiting), default=None)
    worth = pl.DataFrame(
        {
            Columns.ITEM_ID: events[Columns.ITEM_ID],
            "old": old.of(events, now, expected_by_user_and_item),
            "new": new.of(events, now, expected_by_user_and_item),
        }
    )
    before, after = pl.col("old") > 0, pl.col("new") > 0
    figures = worth.select(
        old_mean=pl.col("old").mean(),
        new_mean=pl.col("new").mean(),
        agreement=pl.corr("old", "new", method="spearman"),
        gained=(~before & after).mean(),
        lost=(before & ~after).mean(),
    ).row(0, named=True)
    words = [{term.text for term in reward.terms} for reward in (old, new)]
    young = events[Columns.TIMESTAMP] > now - longest if longest else pl.Series([False])
    return RewardChange(
        old=old.reference,
        new=new.reference,
        removed=tuple(sorted(words[0] - words[1])),
        added=tuple(sorted(words[1] - words[0])),
        num_events=events.height,
        num_waiting=int(young.sum()),
        moved=tuple(_moved(worth)),
        **figures,
    )


def _moved(worth: pl.DataFrame) -> Sequence[Moved]:
    """Return the items at the top of either order, the furthest moved first."""
    totals = worth.group_by(Columns.ITEM_ID).agg(pl.col("old", "new").sum())
    places = totals.select(
        Columns.ITEM_ID,
        *(pl.col(side).rank("ordinal", descending=True).cast(pl.Int64) for side in ("old", "new")),
    )
    top = places.filter(pl.min_horizontal("old", "new") <= TOP, pl.col("old") != pl.col("new"))
    far = top.sort((pl.col("old") - pl.col("new")).abs(), Columns.ITEM_ID, descending=[True, False])
    return [Moved(*row) for row in far.iter_rows()]


def print_change(change: RewardChange) -> None:
    """Print what changes for a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(f"[bold]{change.old}[/] → [bold]{change.new}[/]")
    for sign, colour, terms in (("-", "red", change.removed), ("+", "green", change.added)):
        for term in terms:
            console.print(f"  [{colour}]{sign} {term}[/]")
    for line in (
        f"{change.num_events:,} events, worth {change.old_mean:.4f} on average → "
        f"{change.new_mean:.4f}; rank correlation {change.agreement:.3f}",
        f"{change.gained:.1%} gained their worth, {change.lost:.1%} lost it",
        f"{change.num_waiting:,} wait for a late part, which is predicted",
    ):
        console.print(line)
    for item in change.moved[:TOP]:
        console.print(f"  {item.item_id}: place {item.old_place} → {item.new_place}")
