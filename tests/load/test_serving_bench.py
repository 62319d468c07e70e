"""The parts of `make bench-serving`, small: the generator counts right, the index finds enough."""

import asyncio
from pathlib import Path

from aiohttp import web
from load.bench_serving import Report
from load.serving_catalogue import recall_at, simulated_vectors
from load.serving_load import LoadResult, load


def test_the_generator_counts_pages_refusals_and_what_was_due() -> None:
    seen: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(1)
        status = 503 if len(seen) % 2 else 200
        body = b'{"degraded":{}}' if len(seen) % 4 else b'{"degraded":{"x":"late"}}'
        return web.Response(body=body, status=status)

    async def run() -> LoadResult:
        application = web.Application()
        application.router.add_post("/", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            return await load(f"http://127.0.0.1:{port}/", [b"{}"], rate=200, seconds=0.1)
        finally:
            await runner.cleanup()

    result = asyncio.run(run())
    assert result.statuses == {"200": 10, "503": 10}
    assert (result.without_retry_after, result.degraded, result.num_failed) == (10, 5, 0)
    assert result.answered == 0.5


def test_the_index_of_a_simulated_catalogue_finds_the_best(tmp_path: Path) -> None:
    vectors = simulated_vectors(2_000, 10, tmp_path)
    assert recall_at(vectors, k=100, num_queries=10) > 0.95


def test_a_report_says_which_targets_are_met() -> None:
    report = Report()
    report.add("fast", 1.0, "ms", 2.0)
    report.add_at_least("many", 1.0, "requests/s", 2.0)
    assert "| fast | 1 ms | <= 2 | yes |" in report.markdown()
    assert "| many | 1 requests/s | >= 2 | **no** |" in report.markdown()
