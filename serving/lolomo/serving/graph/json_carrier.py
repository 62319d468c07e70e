"""JSON bodies, treated as KServe's router treats them."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from lolomo.serving.graph import go_json
from lolomo.serving.graph.declaration import Graph
from lolomo.serving.graph.engine import Answer, Engine, RoutingError
from lolomo.serving.graph.path import parse_for_paths, path_exists


@dataclass(frozen=True, slots=True)
class JsonCarrier:
    """Bodies are JSON bytes."""

    rng: random.Random = field(default_factory=random.SystemRandom)
    """Draws for the Splitters, anew for each request, as the router does."""

    def check(self, body: bytes) -> None:
        """Refuse a body that is neither an object nor `null`."""
        go_json.read_object(body)

    def merge(self, parts: Mapping[str, bytes]) -> bytes:
        """Return one object, keys sorted, numbers as float64."""
        return go_json.write({key: go_json.read_object(body) for key, body in parts.items()})

    def place(self, body: bytes, node: str) -> float:
        """Return a place drawn at random: who asks is unknown here."""
        return self.rng.random()

    def exists(self, body: bytes | None, path: str) -> bool:
        """Return whether a path exists; raises `ValueError` if the body is not JSON."""
        return path_exists(parse_for_paths(body or b""), path)

    def map_predictions(self, body: bytes) -> bytes:
        """Return what a step that maps predictions is given."""
        return go_json.instances_of_predictions(body)

    def again(self, body: bytes) -> bytes:
        """Return the object with its keys sorted and numbers as float64."""
        return go_json.write(go_json.read_object(body))


async def run_json(
    graph: Graph, call: Callable[[str, bytes], Awaitable[Answer[bytes]]], request: bytes
) -> Answer[bytes]:
    """Answer a request as the router's HTTP endpoint does, errors included.

    Args:
        graph: A sound graph.
        call: Asks a step service by name; raises `StepUnreachableError` if it gives no answer.
        request: Any bytes.
    """
    try:
        return await Engine(graph, call, JsonCarrier()).run(request)
    except RoutingError as error:
        fault = {"error": "Failed to process request", "cause": error.cause}
        body = ",".join(f'"{key}":{go_json.write(value).decode()}' for key, value in fault.items())
        return Answer(error.status, f"{{{body}}}".encode())
