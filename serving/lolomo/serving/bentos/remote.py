"""The graph at a KServe router, as the front calls it on a cluster."""

from dataclasses import dataclass, field
from typing import Final

import httpx
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from lolomo.core.errors import GraphError
from lolomo.serving import telemetry
from lolomo.serving.graph.second_try import SecondTries
from lolomo.serving.steps import Page, StepRequest
from lolomo.serving.steps.wire import request_to_json
from lolomo.serving.telemetry import metrics

_PAGE = TypeAdapter(Page)
WORTH_A_RETRY: Final = httpx.TransportError
"""No answer, or half of one. An answer with an error status would be the same again."""


def _counted() -> SecondTries:
    return SecondTries(on_call=lambda kind: metrics.CALLS.labels(kind).inc())


@dataclass(frozen=True, slots=True)
class RemoteGraph:
    """Asks the router for a page; its caller holds the deadline and has something to fall back to.

    The graph only reads, so a call that breaks off is made again and a slow one is hedged, both
    within the request's deadline and a share of all calls (see `SecondTries`). The router leaves
    open requests running when its client goes, so each step holds itself to the deadline that the
    context carries.
    """

    url: str
    transport: httpx.AsyncBaseTransport | None = None
    """Replaces the network, in tests."""
    tries: SecondTries = field(default_factory=_counted)
    _clients: list[httpx.AsyncClient] = field(default_factory=list, init=False)

    async def __call__(self, request: StepRequest) -> Page:
        """Return what the graph's last step answered.

        Raises:
            GraphError: If the router is out of reach, or answers with anything but a page.
        """
        if not self._clients:
            self._clients.append(httpx.AsyncClient(transport=self.transport, timeout=None))  # noqa: S113
        content = to_json(request_to_json(request), inf_nan_mode="null")
        headers = {"content-type": "application/json"}
        if request.context.traceparent:
            headers["traceparent"] = request.context.traceparent

        async def post() -> httpx.Response:
            with telemetry.span("call graph"):
                return await self._clients[0].post(self.url, content=content, headers=headers)

        deadline = request.context.deadline()
        try:
            answer = await self.tries.call(post, deadline, WORTH_A_RETRY)
            answer.raise_for_status()
            return _PAGE.validate_json(answer.content)
        except (httpx.HTTPError, ValidationError) as error:
            raise GraphError(
                f"the graph at {self.url} gave no page ({type(error).__name__}): expected the "
                "answer of its `page` step; see the router's log"
            ) from error
