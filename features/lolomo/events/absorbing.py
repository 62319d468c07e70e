"""Brings what came in over HTTP into the event log: the same tables as ever, a little longer.

The log is written anew, whole or not at all, from what it holds and what came in; an event that is
in both is one event, so absorbing twice, or after a crash, changes nothing. Segments stay where
they are: they are the record of what came in, and an import that replaces the log loses nothing
that the next absorption does not bring back.
"""

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.files import directory_written_whole
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Workspace
from lolomo.events.canonical import Canonical
from lolomo.events.importing import Identity, write_log
from lolomo.events.incoming import read_incoming
from lolomo.events.log import EventLog, Manifest


def absorb(workspace: Workspace, progress: Progress = silent) -> Manifest:
    """Add to a workspace's event log what came in and is not in it yet.

    Args:
        workspace: With a log, and perhaps with incoming events.
        progress: Told the fraction done.

    Returns:
        What the log holds now.

    Raises:
        DataError: If there is no log.
    """
    log = EventLog(workspace.events)
    old, events = log.manifest, log.events()
    new = read_incoming(workspace.incoming).join(events, on=Columns.EVENT_ID, how="anti")
    if new.is_empty():
        return old
    # A log of an earlier version lacks the columns that this one has added.
    frames = {
        "events": pl.concat([events, new], how="diagonal"),
        "items": log.items(),
        "users": log.users(),
    }
    quarantine = log.quarantine()
    canonical = {}
    for name, frame in frames.items():
        refused = quarantine.filter(pl.col("table") == name)
        canonical[name] = Canonical(name, frame, refused, frame.height + refused.height)
    identity = Identity(dataset=old.dataset, source=old.source, live=old.live, origin=old.origin)
    with directory_written_whole(workspace.events) as staging:
        return write_log(staging, identity, canonical, progress)
