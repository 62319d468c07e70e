"""Measure what one serving process costs, for `lolomo capacity`.

    PYTHONPATH=tests python -m load.measure_single_pod --dataset movietweetings-100k

Processor time, not time by the clock: what a pod can answer follows from it, and it hardly depends
on what else the machine does. Writes platform/lolomo/operations/single_pod.json.
"""

import argparse
import asyncio
import json
import os
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

from load.serving_parts import known_users

from lolomo.core.settings import Settings, Workspace
from lolomo.operations.capacity import SINGLE_POD
from lolomo.serving.bentos import FrontOptions, PageRequest, load_front
from lolomo.serving.bentos.garbage import calm_garbage_collector


def pages(workspace: Workspace, num_pages: int) -> dict[str, float]:
    """Return the processor seconds of a page, and the process's memory."""
    front = load_front(FrontOptions(workspace.root, deadline_seconds=10.0, journal=False))
    asyncio.run(front.warm_up())
    calm_garbage_collector()
    users = known_users(front, num_pages)

    async def ask() -> float:
        for user in users[:20]:
            await front.page(PageRequest(user_id=user))
        begun = time.process_time()
        for user in users:
            await front.page(PageRequest(user_id=user))
        return (time.process_time() - begun) / len(users)

    seconds = asyncio.run(ask())
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    (resident,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "processor_seconds_per_page": round(seconds, 6),
        "process_bytes": int(resident.split()[1]) * 1024,
        "items": len(front.resources.features.item_ids),
        "users": len(front.resources.seen),
    }


def sizes(workspace: Workspace, num_items: int, num_users: int) -> dict[str, float]:
    """Return bytes an item of a snapshot and a release, and bytes a user of the online store."""
    newest = max((workspace.online / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime)
    files = [path.stat().st_size for path in newest.rglob("*") if path.is_file()]
    releases = [path.stat().st_size for path in workspace.releases.rglob("*") if path.is_file()]
    online = (workspace.features / "online.db").stat().st_size
    return {
        "snapshot_bytes_per_item": round(sum(files) / num_items, 1),
        "release_bytes_per_item": round(sum(releases) / num_items, 1),
        "online_bytes_per_user": round(online / num_users, 1),
    }


def fit_seconds(workspace: Workspace) -> float:
    """Return the seconds of all fits of one run of the pipeline, one of each model and task."""
    found: dict[str, float] = {}
    for path in workspace.runs.glob("fit-*/fit.json"):
        model = path.parent.name.rpartition("-")[0]
        if model.endswith("-test"):
            found[model] = float(json.loads(path.read_text())["seconds"])
    if not found:
        raise SystemExit(f"no fit in {workspace.runs}: train in this workspace first")
    return round(sum(found.values()), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default=None)
    parser.add_argument("--pages", type=int, default=200)
    arguments = parser.parse_args()
    workspace = Settings.from_environment().workspace(arguments.dataset)
    figures = pages(workspace, arguments.pages)
    figures |= sizes(workspace, int(figures["items"]), int(figures["users"]))
    manifest = json.loads((workspace.events / "manifest.json").read_text())
    written = {
        **figures,
        "fit_seconds": fit_seconds(workspace),
        "events": manifest["num_events"],
        "dataset": manifest["dataset"],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "measured_at": datetime.now(UTC).date().isoformat(),
    }
    SINGLE_POD.write_text(json.dumps(written, indent=2) + "\n")
    print(json.dumps(written, indent=2))


if __name__ == "__main__":
    main()
