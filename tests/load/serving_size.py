"""One size of catalogue, measured in a process of its own; prints one line of JSON.

    PYTHONPATH=tests python -m load.serving_size WORKSPACE CACHE 100000

Candidates come from simulated vectors, features from a snapshot of copied rows, the ranker and the
trending row from the workspace's own releases.
"""

import asyncio
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from load.serving_catalogue import (
    SimulatedVectors,
    VectorsOnly,
    recall_at,
    simulated_snapshot,
    simulated_vectors,
)
from load.serving_parts import known_users, page_and_models, simulated_features, timed
from load.serving_workspace import pss_bytes

from lolomo.core.settings import Workspace
from lolomo.features import FeatureStore, all_features
from lolomo.serving.bentos import Front, FrontOptions, load_front
from lolomo.serving.bentos.garbage import calm_garbage_collector
from lolomo.serving.steps import Champion

QUERIES, PAGES = 200, 120


def main() -> None:
    """Print the figures of one size."""
    workspace, cache, num_items = Workspace(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
    vectors = simulated_vectors(num_items, QUERIES, cache)
    options = FrontOptions(workspace.root, deadline_seconds=10.0, journal=False)
    with tempfile.TemporaryDirectory() as scratch:
        front = simulated(load_front(options), workspace, vectors, Path(scratch))
        asyncio.run(front.warm_up())
        calm_garbage_collector()
        users = known_users(front, PAGES)
        spread = page_and_models(front, users)
        pss = pss_bytes(os.getpid())
        features = front.resources.features
        ids = np.random.default_rng(0).choice(features.item_ids, 500)
        names = [name for name, item in all_features().items() if item.entity == "item"]
        now = features.counts_timestamp
        read = timed(lambda: features.items(ids, now, names), 200)
    retriever: Any = front.resources.champions["next_play"].recommender
    ids = np.array([[users[0]]], object)
    search = timed(lambda: retriever.retrieve({"history_item_ids": ids}, 500), 50)
    figures = {
        "items": num_items,
        "page_p50": spread["page"].p50,
        "page_p99": spread["page"].p99,
        "page_cpu": spread["cpu"].p50,
        "read_p50": read.p50,
        "search_p50": search.p50,
        "recall": recall_at(vectors),
        "pss": pss,
    }
    print(json.dumps(figures))


def simulated(
    front: Front, workspace: Workspace, vectors: SimulatedVectors, scratch: Path
) -> Front:
    """Put a simulated catalogue in the place of the workspace's own."""
    real = FeatureStore(workspace).snapshot()
    (scratch / real.version).symlink_to(workspace.online / "snapshots" / real.version)
    snapshot = simulated_snapshot(real, len(vectors.items), scratch)
    retriever = VectorsOnly(vectors, snapshot.item_ids)
    champions = dict(front.resources.champions)
    for task in ("next_play", "because_you_watched"):
        champions[task] = Champion("5" * 64, "simulated", retriever)
    resources = replace(
        front.resources,
        champions=champions,
        features=simulated_features(workspace, snapshot),
    )
    return Front(resources, front.clock, deadline_seconds=10.0)


if __name__ == "__main__":
    main()
