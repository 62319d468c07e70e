"""An open-loop load generator: requests start when they are due, whatever has been answered.

A closed loop waits for answers and so never sees a queue grow. Here latency is counted from the
moment at which a request was due, so that what waited in the generator is counted as well.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp
import numpy as np

TIMEOUT_SECONDS = 10.0


@dataclass(slots=True)
class LoadResult:
    """What one stretch of load gave."""

    rate: float
    """Requests a second that were due."""
    latencies: list[float] = field(default_factory=list)
    """Of answers with status 200, seconds from when they were due."""
    statuses: Counter[str] = field(default_factory=Counter)
    """How often each status, or each kind of broken connection."""
    without_retry_after: int = 0
    """503s that do not say when to come back."""
    degraded: int = 0
    """Pages that say that a part is missing."""

    def milliseconds(self, percentile: float) -> float:
        """Return a percentile of the latencies, NaN if there are none."""
        return 1e3 * float(np.percentile(self.latencies, percentile)) if self.latencies else np.nan

    @property
    def num_failed(self) -> int:
        """Requests that got neither a page nor a deliberate refusal."""
        return sum(count for status, count in self.statuses.items() if status not in ("200", "503"))

    @property
    def answered(self) -> float:
        """Share of requests that got a page."""
        return self.statuses["200"] / max(sum(self.statuses.values()), 1)


async def load(url: str, bodies: Sequence[bytes], rate: float, seconds: float) -> LoadResult:
    """Ask for pages at a steady rate, and return when all have been answered."""
    result = LoadResult(rate)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        begun = time.perf_counter()
        tasks = []
        for number in range(int(rate * seconds)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            body = bodies[number % len(bodies)]
            tasks.append(asyncio.create_task(_ask(session, url, body, due, result)))
        await asyncio.gather(*tasks)
    return result


async def _ask(
    session: aiohttp.ClientSession, url: str, body: bytes, due: float, result: LoadResult
) -> None:
    try:
        async with session.post(url, data=body) as answer:
            content = await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        result.statuses[type(error).__name__] += 1
        return
    result.statuses[str(answer.status)] += 1
    if answer.status == 200:
        result.latencies.append(time.perf_counter() - due)
        result.degraded += b'"degraded":{}' not in content
    elif "Retry-After" not in answer.headers:
        result.without_retry_after += 1


async def seconds_to_recover(
    url: str, bodies: Sequence[bytes], rate: float, milliseconds: float, most: float = 15.0
) -> float:
    """Return after how many seconds every page comes within a time again, at a steady rate."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < most:
        calm = await load(url, bodies, rate, 0.5)
        if calm.answered == 1.0 and calm.milliseconds(100) <= milliseconds:
            return max(time.perf_counter() - begun - 0.5, 0.0)
    return most
