"""The steps of the page's graph: `async (StepRequest) -> StepResponse`, see `messages`."""

from lolomo.serving.graph import CONTEXT, PAGE, generators
from lolomo.serving.steps.blending import blend
from lolomo.serving.steps.carrier import Message, TypedCarrier
from lolomo.serving.steps.compose import Composer
from lolomo.serving.steps.context import echo_context
from lolomo.serving.steps.generator import Generator
from lolomo.serving.steps.layout import Layout
from lolomo.serving.steps.messages import (
    ComposedPage,
    Context,
    Entry,
    Origin,
    Page,
    PageRow,
    Proposals,
    Seeded,
    Step,
    StepRequest,
    StepResponse,
    User,
)
from lolomo.serving.steps.page import PageStep
from lolomo.serving.steps.rank import Ranking, rank
from lolomo.serving.steps.reasons import Reason
from lolomo.serving.steps.resources import Champion, Features, Resources
from lolomo.serving.steps.worker import Worker
from lolomo.tasks import all_tasks

__all__ = [
    "Champion",
    "ComposedPage",
    "Composer",
    "Context",
    "Entry",
    "Features",
    "Generator",
    "Layout",
    "Message",
    "Origin",
    "Page",
    "PageRow",
    "PageStep",
    "Proposals",
    "Ranking",
    "Reason",
    "Resources",
    "Seeded",
    "Step",
    "StepRequest",
    "StepResponse",
    "TypedCarrier",
    "User",
    "Worker",
    "all_steps",
    "blend",
    "echo_context",
    "rank",
]


def all_steps(resources: Resources) -> dict[str, Step]:
    """Return every step of the page's graph by its name, as the tasks ask for them.

    A compiled graph has a step for each task there is. One that the data do not allow proposes
    nothing: without an answer, the router would fail the whole graph.
    """
    unasked: dict[str, Step] = {
        task.name: no_proposals for task in generators(all_tasks().values())
    }
    found = generators(resources.tasks.values())
    steps: dict[str, Step] = {task.name: Generator(task, resources) for task in found}
    return {CONTEXT: echo_context, **unasked, **steps, PAGE: PageStep(resources)}


async def no_proposals(request: StepRequest) -> Proposals:
    """Answer for a task that the data do not allow."""
    return Proposals()
