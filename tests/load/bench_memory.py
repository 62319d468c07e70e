"""Measures the peak of memory of a model's fit by the length of the log it learns from.

A synthetic log of a fixed catalogue, with so many events a user, is fitted by a real model of the
platform. Each size runs in a process of its own; the peak is what the operating system counts. Told
beside it are the bytes an event by which the peak has grown since the first size, and those that
the table of events takes itself. Examples lie on disk and must not show.

    python tests/load/bench_memory.py --models sasrec two_tower mult_vae
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[2]
NUM_ITEMS = 2_000
EVENTS_A_USER = 20
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
SECOND = 1_000_000
SMALL: dict[str, dict[str, Any]] = {
    "sasrec": {
        "inputs": "ids",
        "popularity_prior": False,
        "epochs": 1,
        "embedding_dim": 16,
        "num_blocks": 1,
        "num_heads": 1,
        "num_negatives": 64,
    },
    "two_tower": {
        "popularity_prior": False,
        "content": False,
        "epochs": 1,
        "embedding_dim": 16,
        "hidden": 16,
    },
    "mult_vae": {
        "epochs": 1,
        "hidden_dim": 16,
        "latent_dim": 8,
        "half_life_days": [30.0],
        "prior_weight": [0.1],
        "prior_days": [3.0],
    },
}
"""What keeps a fit of each model short; none of it changes what is held of the log."""


def log(num_events: int) -> pl.DataFrame:
    """Return events in order of time, a second apart."""
    rng = np.random.default_rng(0)
    users = rng.integers(max(num_events // EVENTS_A_USER, 1), size=num_events)
    numbers = pl.DataFrame({"user": users, "item": rng.integers(NUM_ITEMS, size=num_events)})
    times = pl.Series(START + np.arange(num_events) * SECOND).cast(pl.Datetime("us", "UTC"))
    return numbers.select(
        pl.format("user-{}", "user").alias("user_id"),
        pl.format("item-{}", "item").alias("item_id"),
        pl.lit("play").alias("kind"),
        times.alias("timestamp"),
    )


def peak_bytes(model: str, num_events: int) -> dict[str, int]:
    """Fit, and return the bytes of the events and the peak of memory."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from lolomo.tasks import all_tasks
    from lolomo.training.models import TrainingData, all_models, config_from

    events = log(num_events)
    kind = all_models()[model]
    data = TrainingData(
        task=all_tasks()["next_play"],
        events=events,
        items=events.select("item_id").unique(),
        cut=datetime.fromtimestamp((START + num_events * SECOND) / 1e6, UTC),
    )
    kind(config_from(kind, SMALL[model])).fit(data, np.random.default_rng(0))
    return {
        "events": int(events.estimated_size()),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def curve(model: str, sizes: list[int]) -> None:
    """Print a line a size."""
    first: tuple[int, dict[str, int]] | None = None
    for size in sizes:
        command = [sys.executable, __file__, "--one", "--models", model, "--events", str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        first = first or (size, figures)
        grown = (figures["peak"] - first[1]["peak"]) / max(size - first[0], 1)
        sys.stdout.write(
            f"{model:>10} {size:10,} events {figures['peak'] / 1e6:7,.0f} MB peak, "
            f"{figures['peak'] / first[1]['peak']:5.2f} of the first, {grown:6.0f} bytes more an "
            f"event; the table of events alone has {figures['events'] / size:.0f}\n"
        )
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=[*SMALL], default=[*SMALL])
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 400_000, 1_600_000])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(peak_bytes(options.models[0], options.events[0])) + "\n")
        return
    for model in options.models:
        curve(model, options.events)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / name) for name in ("platform", "features", "training")]
    main()
