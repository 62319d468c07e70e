"""The built-in tasks, one file each, and those that installed packages add.

Adding a task is one module here and one line below; pipelines, FeatureServices, the graph and the
rows of the page follow from it.
"""

from lolomo.core.errors import SettingsError
from lolomo.core.extensions import with_extensions
from lolomo.core.task import Task
from lolomo.tasks.because_you_watched import BECAUSE_YOU_WATCHED
from lolomo.tasks.continue_watching import CONTINUE_WATCHING
from lolomo.tasks.evidence import EVIDENCE
from lolomo.tasks.next_play import NEXT_PLAY
from lolomo.tasks.row_order import ROW_ORDER
from lolomo.tasks.search import SEARCH
from lolomo.tasks.top_picks import TOP_PICKS
from lolomo.tasks.trending_now import TRENDING_NOW

__all__ = [
    "BECAUSE_YOU_WATCHED",
    "CONTINUE_WATCHING",
    "EVIDENCE",
    "NEXT_PLAY",
    "ROW_ORDER",
    "SEARCH",
    "TOP_PICKS",
    "TRENDING_NOW",
    "all_tasks",
    "find_task",
]

BUILT_IN = (
    CONTINUE_WATCHING,
    TOP_PICKS,
    NEXT_PLAY,
    BECAUSE_YOU_WATCHED,
    TRENDING_NOW,
    SEARCH,
    ROW_ORDER,
    EVIDENCE,
)
"""In the order of their rows on the page; what is no row of titles stands last."""


def all_tasks() -> dict[str, Task]:
    """Return every task by name: built in first, then those found through `lolomo.tasks`.

    Raises:
        SettingsError: If two tasks have one name, or a task takes candidates from an unknown one.
    """
    tasks = with_extensions("lolomo.tasks", BUILT_IN, lambda task: task.name)
    for task in tasks.values():
        unknown = sorted(set(task.candidates_from) - tasks.keys())
        if unknown:
            raise SettingsError(
                f"task {task.name!r} takes candidates from unknown tasks {unknown}; "
                f"known: {sorted(tasks)}"
            )
    return tasks


def find_task(name: str) -> Task:
    """Return a task by name.

    Raises:
        SettingsError: If there is none of that name.
    """
    tasks = all_tasks()
    if name not in tasks:
        raise SettingsError(f"no task is called {name!r}; expected one of {sorted(tasks)}")
    return tasks[name]
