"""Events: any source brought into the canonical tables, and the log that holds them.

A `Dataset` describes files; `import_dataset` checks every row of them and writes an `EventLog`,
whole or not at all; all later rooms read only the log. What is refused stays visible in its
quarantine.
"""

from lolomo.events.checking import Finding, check
from lolomo.events.dataset import Dataset, Table, Tables, TimeFormat
from lolomo.events.datasets import all_datasets, find_dataset
from lolomo.events.importing import import_dataset
from lolomo.events.log import Counts, EventLog, Manifest

__all__ = [
    "Counts",
    "Dataset",
    "EventLog",
    "Finding",
    "Manifest",
    "Table",
    "Tables",
    "TimeFormat",
    "all_datasets",
    "check",
    "find_dataset",
    "import_dataset",
]
