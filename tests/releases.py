"""Small releases for tests: cards that passed, lost or faced no gate."""

from pathlib import Path
from typing import Any

from lolomo.core.release import BASELINE, Card, Release, ReleaseStore

GATES: dict[str, dict[str, Any]] = {
    "passed": {"passed": True, "reason": "superior"},
    "baseline": {"passed": False, "reason": BASELINE},
    "failed": {"passed": False, "reason": "not superior to ease"},
}


def publish(store: ReleaseStore, task: str, model: str, gate: str = "passed") -> Release:
    """Publish a release of one small file."""
    files = store.root.parent / f"files-{task}-{model}"
    files.mkdir(parents=True, exist_ok=True)
    (files / "model.txt").write_text(model)
    card = Card(
        task=task,
        model=model,
        runtime="tensorflow",
        method="rank",
        inputs=(),
        config={},
        data_window=("2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"),
        data_fingerprint="abc",
        feature_service=f"{task}@v1#abc",
        reward="interaction@v1",
        metrics={},
        gate=GATES[gate],
        code_version="0.1.0",
    )
    return store.publish(files, card)


def store_with_releases(folder: Path) -> dict[str, Release]:
    """Publish one release a gate for `top_picks`, and one of `next_play`; by gate and task."""
    store = ReleaseStore(folder)
    found = {gate: publish(store, "top_picks", f"model_{gate}", gate) for gate in GATES}
    return {**found, "next_play": publish(store, "next_play", "other")}
