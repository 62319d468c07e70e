"""The journal's serving side: what was served becomes rows of `lolomo.events.journal`."""

from lolomo.serving.journal.recorder import Recorder
from lolomo.serving.journal.served import Served, rows_of

__all__ = ["Recorder", "Served", "rows_of"]
