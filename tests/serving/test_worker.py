"""The worker: one thread, and a new one where a call never comes back."""

import asyncio
import threading
import time

import pytest

from lolomo.serving.steps import Worker
from lolomo.serving.telemetry import REQUEST_ID


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


def test_what_driven_work_runs_is_run_where_it_is() -> None:
    worker, threads = Worker("test"), set[int]()

    def note() -> None:
        threads.add(threading.get_ident())

    async def work() -> str:
        note()
        await worker.run(note, time.time() + 2)
        return REQUEST_ID.get()

    async def drive() -> str:
        REQUEST_ID.set("the-request")
        return await worker.drive(work, time.time() + 2)

    assert asyncio.run(drive()) == "the-request"
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    worker.close()


def test_a_late_result_is_no_result_and_everyone_who_waits_in_vain_blames_it() -> None:
    worker, blamed = Worker("test"), list[str]()

    async def slow() -> None:
        with pytest.raises(TimeoutError):
            await worker.run(
                lambda: time.sleep(0.1), time.time() + 0.02, lambda: blamed.append("x")
            )

    async def ask() -> None:
        waiting = [asyncio.ensure_future(worker.drive(slow, time.time() + 2))]
        await asyncio.sleep(0.01)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await worker.run(lambda: None, time.time() + 0.03)
        await asyncio.gather(*waiting)

    asyncio.run(ask())
    worker.close()
    assert blamed == ["x", "x"]


def test_a_worker_that_nobody_has_any_more_ends_its_thread() -> None:
    worker = Worker("forgotten")
    asyncio.run(worker.run(lambda: None, time.time() + 2))
    (thread,) = [each for each in threading.enumerate() if each.name == "forgotten"]
    del worker
    thread.join(2)
    assert not thread.is_alive()
