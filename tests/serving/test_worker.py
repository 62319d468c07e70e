"""The worker: one thread, and a new one where a call never comes back."""

import asyncio
import threading
import time

import pytest

from lolomo.serving.steps import Worker


def test_a_call_that_hangs_does_not_keep_later_ones_from_running() -> None:
    worker, hanging = Worker("test", stuck_seconds=0.05), threading.Event()

    async def ask() -> int:
        with pytest.raises(TimeoutError):
            await worker.run(hanging.wait, time.time() + 0.02)
        await asyncio.sleep(0.1)
        return await worker.run(lambda: 7, time.time() + 2)

    try:
        assert asyncio.run(ask()) == 7
    finally:
        hanging.set()
        worker.close()


def test_what_comes_too_late_is_never_begun() -> None:
    worker, begun = Worker("test"), threading.Event()

    async def ask() -> None:
        slow = asyncio.ensure_future(worker.run(lambda: time.sleep(0.1), time.time() + 2))
        await asyncio.sleep(0.01)
        with pytest.raises(TimeoutError):
            await worker.run(begun.set, time.time() + 0.01)
        await slow

    asyncio.run(ask())
    worker.close()
    assert not begun.is_set()
