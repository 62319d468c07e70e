"""Carries typed messages through the graph engine: inside one process nothing is encoded."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from lolomo.core.errors import GraphError
from lolomo.core.experiment import bucket
from lolomo.serving.graph import CONTEXT
from lolomo.serving.graph.path import path_exists
from lolomo.serving.steps.messages import Context, Page, Proposals, StepRequest
from lolomo.serving.steps.wire import request_to_json, response_to_json

Message: TypeAlias = StepRequest | Context | Proposals | Page


class TypedCarrier:
    """Bodies are messages; merged, the answers of an Ensemble with a context step are a request."""

    def check(self, body: Message) -> None:
        """Accept every message: each is an object on the wire."""

    def merge(self, parts: Mapping[str, Message]) -> Message:
        """Return the request that carries the context and all other answers.

        Raises:
            GraphError: If the context step is not among them, or an answer is no answer.
        """
        context = parts.get(CONTEXT)
        answers = {
            name: part
            for name, part in parts.items()
            if name != CONTEXT and not isinstance(part, StepRequest)
        }
        if not isinstance(context, Context) or len(answers) + 1 != len(parts):
            raise GraphError(
                f"an Ensemble answered {sorted(parts)}: expected a step {CONTEXT!r} that echoes "
                "the context, and steps that answer; add them to the graph"
            )
        return StepRequest(context, answers)

    def place(self, body: Message, node: str) -> float:
        """Return a place that follows from the user's id, so that a user stays on one side.

        Raises:
            GraphError: If the message does not say who asks.
        """
        context = body.context if isinstance(body, StepRequest) else body
        if not isinstance(context, Context):
            raise GraphError(
                f"the Splitter {node!r} was given a {type(body).__name__}: expected a request; let "
                "it stand before the steps that answer"
            )
        return bucket(context.user.user_id, f"graph:{node}")

    def exists(self, body: Message | None, path: str) -> bool:
        """Return whether a path exists in the message as it would be on the wire."""
        if body is None:
            raise ValueError("there is no message yet")
        return path_exists(json.loads(json.dumps(_to_json(body))), path)

    def map_predictions(self, body: Message) -> Message:
        """Return the message: none of ours has `predictions`."""
        return body

    def again(self, body: Message) -> Message:
        """Return the message: reading and writing changes nothing that is typed."""
        return body


def _to_json(body: Message) -> dict[str, Any]:
    if isinstance(body, StepRequest):
        return request_to_json(body)
    return response_to_json(body)
