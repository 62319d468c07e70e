"""Asks a service whatever its OpenAPI document allows, and holds its answers to that document.

The suite asks a little, in process; `tests/load/fuzz_api.py` asks a running service for longer.
"""

from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""An answer that the document does not list is a fault, so every 5xx is but a listed 503."""
LINE_BREAK = "%0A"
"""A path with one never reaches our routes: BentoML, which they are mounted in, answers 404 itself,
as text, since the `.` of its patterns matches none."""
Send = Callable[[str, str, dict[str, Any]], Any]
"""Sends a request (method, path, options of httpx) and returns an httpx response."""


def fuzz(document: dict[str, Any], send: Send, num_examples: int, *, repeat: bool = True) -> int:
    """Ask each operation many times; return how many requests were made.

    Args:
        document: The service's OpenAPI document.
        send: Reaches the service.
        num_examples: Requests an operation.
        repeat: Whether to ask the same each time, as a test should.

    Raises:
        AssertionError: If an answer is a 5xx, or is not as the document says.
    """
    bounded = settings(
        max_examples=num_examples,
        deadline=None,
        derandomize=repeat,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    made = 0
    modes = list(schemathesis.GenerationMode)

    def ask(case: Any) -> None:
        nonlocal made
        if LINE_BREAK in case.formatted_path:
            return
        sent = case.as_transport_kwargs(base_url="http://page")
        known = ("params", "json", "content", "headers")
        options = {name: value for name, value in sent.items() if name in known and value}
        answer = send(case.method, case.formatted_path, options)
        made += 1
        case.validate_response(answer, checks=CHECKS)

    schema = schemathesis.openapi.from_dict(document)
    for found in schema.get_all_operations():
        operation = found.ok()
        takes_something = operation.body or operation.query or operation.path_parameters
        for mode in modes if takes_something else [schemathesis.GenerationMode.POSITIVE]:
            bounded(given(case=operation.as_strategy(generation_mode=mode))(ask))()
    return made
