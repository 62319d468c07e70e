"""Reads a request's body, up to a size and for a time."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from lolomo.serving.bentos.problems import ProblemError

MAX_BYTES = 1_000_000
TIMEOUT_SECONDS = 10.0


async def read_body(request: Request) -> bytes:
    """Return the whole body.

    Raises:
        ProblemError: 413 if it is larger than `MAX_BYTES`, 408 if it does not arrive in time.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _read(request)
    except (TimeoutError, ClientDisconnect) as error:
        raise ProblemError(
            408,
            "The body did not arrive",
            f"received only a part of the body within {TIMEOUT_SECONDS:.0f} s",
            "the whole body at once",
            "send it again",
        ) from error


async def _read(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BYTES:
            raise ProblemError(
                413,
                "The body is too large",
                f"received more than {MAX_BYTES} bytes",
                f"at most {MAX_BYTES} bytes",
                "ask for fewer things at once",
            )
        chunks.append(chunk)
    return b"".join(chunks)
