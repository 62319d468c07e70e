"""The graph of the page, derived from the list of tasks.

A task that draws on the whole catalogue is a generator, and each is a step of one Ensemble. A task
that draws on others is answered inside the `page` step, which blends, ranks and composes in one
process: an extra hop would cost another decoding and encoding of every candidate. The Ensemble has
one more step, `context`, that echoes the request, since `$response` drops it.
"""

from collections.abc import Iterable
from typing import Final

from lolomo.core.task import Task
from lolomo.serving.graph.declaration import (
    RESPONSE,
    ROOT,
    Dependency,
    Graph,
    Node,
    Router,
    Step,
)

CANDIDATES: Final = "candidates"
"""Name of the Ensemble of generators."""
CONTEXT: Final = "context"
"""Name of the step that echoes the request's context."""
PAGE: Final = "page"
"""Name of the step that blends, ranks and composes."""


def generators(tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks that are steps of the Ensemble: those with a row or that others draw on."""
    tasks = list(tasks)
    sources = {source for task in tasks for source in task.candidates_from}
    return [
        task
        for task in tasks
        if not task.candidates_from and (task.row.on_page or task.name in sources)
    ]


def page_graph(tasks: Iterable[Task]) -> Graph:
    """Return the graph that answers these tasks on one page, in the order of their rows."""
    names = (CONTEXT, *(task.name for task in generators(tasks)))
    echo_and_generators = (Step(name=name, service=name) for name in names)
    page = Step(name=PAGE, service=PAGE, data=RESPONSE, dependency=Dependency.HARD)
    root = (Step(name=CANDIDATES, node=CANDIDATES), page)
    return Graph(
        {
            ROOT: Node(Router.SEQUENCE, root),
            CANDIDATES: Node(Router.ENSEMBLE, tuple(echo_and_generators)),
        }
    )
