"""All that members did: the event log, and what came in since it was written."""

import polars as pl

from lolomo.core.columns import Columns
from lolomo.core.settings import Workspace
from lolomo.events import EventLog
from lolomo.events.incoming import read_incoming


def happened(workspace: Workspace) -> pl.DataFrame:
    """Return every event once, in order of time; a log of an earlier version may lack columns.

    Raises:
        DataError: If there is no log.
    """
    logged = EventLog(workspace.events).events()
    new = read_incoming(workspace.incoming).join(logged, on=Columns.EVENT_ID, how="anti")
    if new.is_empty():
        return logged
    return pl.concat([logged, new], how="diagonal").sort(Columns.TIMESTAMP, maintain_order=True)
