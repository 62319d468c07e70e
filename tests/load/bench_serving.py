"""Measure the page service against its targets, beside what no code of ours could make faster.

    make bench-serving                                   # less than five minutes
    export PYTHONPATH=tests
    python -m load.bench_serving --workspace .lolomo/movietweetings-100k --seconds 5
    python -m load.bench_serving --only sizes --sizes 1000 10000 100000 1000000

It needs a workspace with pinned releases whose `top_picks` is the blend: its deep ranker serves the
first row, its LightGBM ranker the second. It writes `bench-serving.md` and `bench-serving.png` into
the workspace's reports. Load generator and service share the machine. The first run at a million
items spends ten minutes of one core on their index, which is kept.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SECTIONS = ("parts", "http", "sizes")


@dataclass(frozen=True, slots=True)
class Line:
    """One figure, beside its target."""

    what: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None


@dataclass(slots=True)
class Report:
    """All figures, in order."""

    lines: list[Line] = field(default_factory=list)
    sizes: list[dict[str, float]] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str, at_most: float | None = None) -> None:
        """Note a figure, and whether it is at most its target."""
        target, met = ("", None) if at_most is None else (f"<= {at_most:g}", value <= at_most)
        self._note(Line(what, value, unit, target, met))

    def add_at_least(self, what: str, value: float, unit: str, at_least: float) -> None:
        """Note a figure, and whether it is at least its target."""
        self._note(Line(what, value, unit, f">= {at_least:g}", value >= at_least))

    def _note(self, line: Line) -> None:
        self.lines.append(line)
        print(_cells(line), flush=True)

    def markdown(self) -> str:
        """Return the table."""
        cores, load = os.cpu_count(), os.getloadavg()[0]
        head = f"{platform.machine()}, {cores} cores, load {load:.1f} at the end\n\n"
        head += "| figure | value | target | met |\n|---|---|---|---|\n"
        return head + "\n".join(map(_cells, self.lines)) + "\n"


def _cells(line: Line) -> str:
    met = {None: "", True: "yes", False: "**no**"}[line.met]
    return f"| {line.what} | {line.value:,.3g} {line.unit} | {line.target} | {met} |"


def measure_parts(workspace: Any, report: Report, ranker: str, pages: int) -> None:
    """Measure a page in process beside its bare model calls."""
    found = _figures("serving_parts", str(workspace.root), str(pages))
    page, models = found["page"], found["models"]
    report.add(f"{ranker}: page compute p50", page["p50"], "ms")
    report.add(f"{ranker}: page compute p99", page["p99"], "ms")
    report.add(f"{ranker}: processor time of a page p50", found["cpu"]["p50"], "ms")
    report.add(f"{ranker}: bare model calls of the same page p50", models["p50"], "ms")
    report.add(f"{ranker}: page compute / bare model calls", page["p50"] / models["p50"], "x", 2.0)


def measure_reads(workspace: Any, report: Report) -> None:
    """Measure reads of 500 items x 20 features, and of one user."""
    from load.serving_parts import reads

    found = reads(workspace)
    report.add("500 items x 20 features, snapshot p50", found["snapshot"].p50, "ms", 1.0)
    report.add("500 items x 20 features, snapshot p99", found["snapshot"].p99, "ms")
    report.add("500 items x 20 columns, bare numpy p50", found["numpy"].p50, "ms")
    report.add("500 items x 20 features, Feast's get_online_features p50", found["feast"].p50, "ms")
    report.add("Feast / snapshot", found["feast"].p50 / found["snapshot"].p50, "x")
    if "sqlite" in found:
        report.add("500 items, raw rows of Feast's SQLite p50", found["sqlite"].p50, "ms")
    report.add("one user, all features, through Feast p50", found["user"].p50, "ms")


def measure_http(workspace: Any, report: Report, ranker: str, arguments: Any) -> None:
    """Measure the service over HTTP: steady load, the most it sustains, overload, recovery."""
    from load.serving_load import load, seconds_to_recover
    from load.serving_workspace import pss_bytes, served

    bodies = _bodies(workspace)
    with served(workspace, arguments.workers, _free_port()) as (url, ready, workers):
        imports = _import_seconds()
        page = f"{url}/v1/page"
        asyncio.run(load(page, bodies, 20, 2))
        calm = asyncio.run(load(page, bodies, 50, arguments.seconds))
        report.add(f"{ranker}: 50 requests/s p50", calm.milliseconds(50), "ms", 12)
        report.add(f"{ranker}: 50 requests/s p99", calm.milliseconds(99), "ms", 50)
        report.add(f"{ranker}: 50 requests/s without a page", 1e2 * (1 - calm.answered), "%", 0)
        report.add(f"{ranker}: 50 requests/s degraded pages", calm.degraded, "pages")
        most = _sustained(page, bodies, arguments.seconds / 2)
        report.add_at_least(f"{ranker}: sustained at p99 <= 100 ms", most, "requests/s", 90)
        rate = 3 * max(most, 50)
        over = asyncio.run(load(page, bodies, rate, arguments.seconds / 2))
        answered = over.answered * rate
        report.add(f"{ranker}: {rate:.0f} requests/s (3x), pages", answered, "requests/s")
        report.add(f"{ranker}: 3x, neither 200 nor 503", over.num_failed, "requests", 0)
        report.add(f"{ranker}: 3x, 503 without Retry-After", over.without_retry_after, "", 0)
        report.add(f"{ranker}: 3x, p99 of the pages", over.milliseconds(99), "ms")
        seconds = asyncio.run(seconds_to_recover(page, bodies, 50, 100))
        report.add(f"{ranker}: recovery after 3x", seconds, "s", 5)
        memory = max(pss_bytes(pid) for pid in workers) / 2**30
        report.add(
            f"{ranker}: memory a worker (PSS), {_num_items(workspace):,} items", memory, "GiB"
        )
        report.add(f"{ranker}: start to ready", ready, "s")
        report.add(f"{ranker}: start to ready / bare imports", ready / imports, "x", 1.5)


def measure_echo(report: Report, seconds: float) -> None:
    """Measure a bare ASGI application under the same load."""
    from load.serving_load import load

    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "serving_echo:application", "--port", str(port)]
    process = subprocess.Popen([*command, "--log-level", "error"], cwd=HERE)
    try:
        time.sleep(2.0)
        echo = asyncio.run(load(f"http://127.0.0.1:{port}/", [b"{}"], 50, seconds))
        report.add("bare ASGI echo, 50 requests/s p50", echo.milliseconds(50), "ms")
        report.add("bare ASGI echo, 50 requests/s p99", echo.milliseconds(99), "ms")
    finally:
        process.kill()
        process.wait()


def measure_sizes(workspace: Any, report: Report, sizes: list[int], cache: Path) -> None:
    """Measure a page by the size of the catalogue, each in a process of its own."""
    for size in sizes:
        found = _figures("serving_size", str(workspace.root), str(cache), str(size))
        report.sizes.append(found)
        report.add(f"{size:,} items (simulated): page compute p50", found["page_p50"], "ms")
        report.add(f"{size:,} items: processor time of a page p50", found["page_cpu"], "ms")
        report.add(f"{size:,} items: 500 x 16 features p50", found["read_p50"], "ms", 1.0)
        report.add(f"{size:,} items: nearest 500 p50", found["search_p50"], "ms")
        report.add_at_least(f"{size:,} items: index recall@500", found["recall"], "", 0.95)
        limit = 1.2 if size == 100_000 else None
        report.add(f"{size:,} items: memory (PSS)", found["pss"] / 2**30, "GiB", limit)
    by_size = {found["items"]: found for found in report.sizes}
    if {10_000, 1_000_000} <= by_size.keys():
        small, large = by_size[10_000], by_size[1_000_000]
        ratio = large["page_p50"] / small["page_p50"]
        report.add("page compute p50, 10^6 / 10^4 items", ratio, "x", 3.0)
        ratio = large["page_cpu"] / small["page_cpu"]
        report.add("processor time of a page, 10^6 / 10^4 items", ratio, "x", 3.0)


def figure(report: Report, path: Path) -> None:
    """Draw cost and recall by the size of the catalogue."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    canvas, (cost, recall) = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    items = [found["items"] for found in report.sizes]
    for name, label in (("page_p50", "page"), ("search_p50", "nearest 500"), ("read_p50", "reads")):
        cost.loglog(items, [found[name] for found in report.sizes], "o-", label=label)
    cost.set(xlabel="items (simulated)", ylabel="p50, ms", title="Cost by size of catalogue")
    cost.legend()
    recall.semilogx(items, [found["recall"] for found in report.sizes], "o-")
    recall.axhline(0.95, color="grey", linestyle="--")
    recall.set(xlabel="items (simulated)", ylabel="recall@500 of the index", ylim=(0.8, 1.01))
    canvas.savefig(path, dpi=120)


def _figures(script: str, *arguments: str) -> Any:
    """Return what a script prints last, in a process of its own."""
    command = [sys.executable, "-m", f"load.{script}", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def _sustained(url: str, bodies: list[bytes], seconds: float) -> float:
    """Return the highest rate at which all get a page and p99 is at most 100 ms."""
    from load.serving_load import load

    most = 0.0
    for rate in range(60, 221, 10):
        result = asyncio.run(load(url, bodies, rate, seconds))
        print(
            f"  {rate}/s: p99 {result.milliseconds(99):.0f} ms, {result.answered:.1%}", flush=True
        )
        if result.answered < 0.999 or result.milliseconds(99) > 100:
            break
        most = float(rate)
    return most


def _bodies(workspace: Any) -> list[bytes]:
    from lolomo.features import FeatureStore

    users = FeatureStore(workspace).users_known
    chosen = np.random.default_rng(0).choice(users, 2000)
    return [json.dumps({"user_id": user, "limits": {"rows": 10}}).encode() for user in chosen]


def _num_items(workspace: Any) -> int:
    from lolomo.features import FeatureStore

    return len(FeatureStore(workspace).items_known)


def _import_seconds() -> float:
    """Return how long a process takes that only imports what serving needs."""
    modules = "tensorflow, feast, bentoml, uvicorn, lightgbm, polars, duckdb"
    begun = time.perf_counter()
    command = [sys.executable, "-c", f"import {modules}"]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def _home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lolomo-bench-") as folder:
        yield Path(folder)


def main() -> None:
    """Print and write the table."""
    arguments = _parser().parse_args()
    from lolomo import runtimes

    runtimes.quiet_tensorflow()
    from load.serving_workspace import with_ranker

    from lolomo.core.settings import Workspace
    from lolomo.features import FeatureStore

    workspace = Workspace(arguments.workspace.absolute())
    report = Report()
    _ = FeatureStore(workspace).snapshot_version
    with _home() as home:
        for ranker in arguments.rankers:
            chosen = with_ranker(workspace, home / ranker, ranker)
            if "parts" in arguments.only:
                measure_parts(chosen, report, ranker, arguments.pages)
            if "http" in arguments.only:
                measure_http(chosen, report, ranker, arguments)
        if "parts" in arguments.only:
            measure_reads(workspace, report)
        if "http" in arguments.only:
            measure_echo(report, min(arguments.seconds, 5))
        if "sizes" in arguments.only:
            deep = with_ranker(workspace, home / "sizes", "deep")
            measure_sizes(deep, report, arguments.sizes, workspace.root / "bench")
    workspace.reports.mkdir(exist_ok=True)
    (workspace.reports / "bench-serving.md").write_text(report.markdown())
    if report.sizes:
        figure(report, workspace.reports / "bench-serving.png")
    print(f"written: {workspace.reports}/bench-serving.md")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    from lolomo.core.settings import Settings

    default = Settings.from_environment().workspace("movietweetings-100k").root
    parser.add_argument("--workspace", type=Path, default=default)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each stretch of load")
    parser.add_argument("--pages", type=int, default=150, help="measured in process")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--rankers", nargs="+", default=["deep", "lightgbm"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    return parser


if __name__ == "__main__":
    main()
