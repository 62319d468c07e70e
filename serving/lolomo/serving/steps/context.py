"""The step that echoes the request's context into the answer of its Ensemble."""

from lolomo.serving.steps.messages import StepRequest, StepResponse


async def echo_context(request: StepRequest) -> StepResponse:
    """Answer with the context: `$response` would drop it."""
    return request.context
