"""Measures the peak of memory of packing, storing and training on synthetic logs of growing size.

The log is made and given part by part, split by user on disk, packed a part at a time, stored, and
trained on from disk by the platform's loop. Each size runs in a process of its own; the peak is
what the operating system counts. It should not grow with the log:

    python tests/load/bench_memory.py --events 100000 1000000 3000000
"""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
NUM_ITEMS = 2_000
EVENTS_A_USER = 20
EVENTS_AT_ONCE = 50_000
LENGTH = 50


def log(num_events: int) -> Iterator[dict[str, np.ndarray]]:
    """Yield events in order of time."""
    rng = np.random.default_rng(0)
    for start in range(0, num_events, EVENTS_AT_ONCE):
        size = min(EVENTS_AT_ONCE, num_events - start)
        yield {
            "user": rng.integers(max(num_events // EVENTS_A_USER, 1), size=size),
            "item": rng.integers(1, NUM_ITEMS + 1, size=size).astype(np.int32),
            "timestamp": np.arange(start, start + size) * 1_000_000,
        }


def peak_bytes(num_events: int) -> dict[str, int]:
    """Pack, store and train, and return rows and the peak of memory."""
    import keras
    import tensorflow as tf

    from lolomo.training.loop import Examples, LoopConfig, train
    from lolomo.training.sequences import pack_sequences
    from lolomo.training.streaming import StoredRows, split_by_user

    class Mean(keras.Model):  # type: ignore[misc]
        """The least of a model of sequences: the mean of the history predicts the last item."""

        def __init__(self) -> None:
            super().__init__()
            self.embed = keras.layers.Embedding(NUM_ITEMS + 1, 16)
            self.embed.build()
            self.built = True

        def call(self, inputs: Any, training: bool = False) -> Any:
            states = keras.ops.mean(self.embed(inputs["items"]), axis=1)
            return keras.ops.matmul(states, keras.ops.transpose(self.embed.embeddings))

        def compute_loss(self, x: Any, y: Any, y_pred: Any, *_: Any, **__: Any) -> Any:
            return keras.losses.sparse_categorical_crossentropy(y, y_pred, from_logits=True)

    num_parts = max(num_events // 100_000, 1)
    parts = split_by_user(log(num_events), "user", num_parts)
    packed = (
        asdict(pack_sequences(part["user"], part["item"], part["timestamp"], LENGTH))
        for part in parts
    )
    rows = StoredRows.write(packed)
    examples = Examples(
        training=rows,
        num_training=rows.num_rows,
        batch_size=32,
        to_example=lambda batch: (batch, tf.reduce_max(batch["items"], axis=1)),
    )
    train(Mean, examples, LoopConfig(epochs=1), seed=0)
    return {
        "rows": rows.num_rows,
        "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(json.dumps(peak_bytes(options.events[0])) + "\n")
        return
    smallest = None
    for num_events in options.events:
        command = [sys.executable, __file__, "--one", "--events", str(num_events)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        smallest = smallest or figures["bytes"]
        sys.stdout.write(
            f"{num_events:9} events {figures['rows']:7} rows {figures['bytes'] / 1e6:7.0f} MB peak "
            f"{figures['bytes'] / smallest:5.2f} of the first\n"
        )


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / name) for name in ("platform", "features", "training")]
    main()
