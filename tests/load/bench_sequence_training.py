"""Times the training of our SASRec beside RecTools' in PyTorch: positions learned a second.

Both learn the same synthetic events with the same width, depth, length, full softmax, dropout and
rows a batch, on the same cores. Histories are many short ones and few long ones, where packing them
many to a row saves most of the work; or, with `--full`, each as long as a row, so that nobody pads
and only the arithmetic counts. A position is an event that an epoch predicts; padding does not
count. Only whole epochs after the first are timed, so that neither compilation nor start-up counts.
Every contestant runs in a process of its own, in turn.

    python tests/load/bench_sequence_training.py --peer ENVIRONMENT/bin/python [--full]

The peer's interpreter needs `rectools[torch]`, which Lolomo does not.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
START = 1_400_000_000
SHAPE = {"dim": 64, "blocks": 2, "heads": 2, "length": 50, "rows": 64, "dropout": 0.2}
LEARNING_RATE = 1e-3


def generate(path: Path, num_events: int, num_items: int, *, full: bool) -> None:
    """Write users, items and seconds, in order of time; at least two events a user."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(2.3, 1.2, size=num_events), 2, 500).astype(int)
    if full:
        lengths[:] = SHAPE["length"] + 1
    users = np.repeat(np.arange(num_events), lengths)[:num_events]
    items = (num_items * rng.random(num_events) ** 2).astype(int)
    seconds = START + rng.permutation(num_events)
    order = np.argsort(seconds)
    np.savez(path, users=users[order], items=items[order], seconds=seconds[order])


class Clock:
    """When which fraction of a training was done, by the wall and by all threads' time."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float, float]] = []

    def mark(self, fraction: float, note: str = "") -> None:
        self.marks.append((fraction, time.perf_counter(), time.process_time()))

    def figures(self, positions: int, epochs: int) -> dict[str, float]:
        """Return positions a second from the end of the first epoch on."""
        first = next(mark for mark in self.marks if mark[0] >= 1 / epochs)
        fraction, wall, cpu = np.subtract(self.marks[-1], first).tolist()
        learned = positions * epochs * fraction
        return {"positions": positions, "wall": learned / wall, "cpu": learned / cpu}


def train_ours(path: Path, epochs: int, changed: dict[str, Any]) -> dict[str, float]:
    """Fit `SASRec` by the platform's own training loop."""
    sys.path[:0] = [str(ROOT / name) for name in ("platform", "features", "training")]
    import polars as pl

    from lolomo.tasks import all_tasks
    from lolomo.training.models.data import TrainingData
    from lolomo.training.models.sasrec import SASRec, SASRecConfig

    clock, table = Clock(), np.load(path)
    events = pl.DataFrame(
        {
            "user_id": table["users"].astype(str),
            "item_id": table["items"].astype(str),
            "timestamp": pl.Series(table["seconds"] * 1_000_000).cast(pl.Datetime("us", "UTC")),
        }
    )
    shape = {
        "embedding_dim": SHAPE["dim"],
        "num_blocks": SHAPE["blocks"],
        "num_heads": SHAPE["heads"],
        "history_length": SHAPE["length"],
        "batch_rows": SHAPE["rows"],
        "dropout": SHAPE["dropout"],
        "learning_rate": LEARNING_RATE,
        "epochs": epochs,
    }
    data = TrainingData(
        task=all_tasks()["next_play"],
        events=events,
        items=events.select("item_id").unique(),
        cut=datetime.fromtimestamp(int(table["seconds"][-1]) + 1, UTC),
        progress=clock.mark,
    )
    told = {"inputs": "ids", "popularity_prior": False, "loss": "softmax"}
    SASRec(SASRecConfig(**{**told, **shape, **changed})).fit(data, np.random.default_rng(0))
    return clock.figures(len(events), epochs)


def train_peer(path: Path, epochs: int, changed: dict[str, Any]) -> dict[str, float]:
    """Fit RecTools' `SASRecModel`, which learns the last events of each user only."""
    import pandas as pd  # type: ignore[import-untyped]
    import pytorch_lightning as lightning  # type: ignore[import-not-found]
    from rectools.dataset import Dataset  # type: ignore[import-not-found]
    from rectools.models import SASRecModel  # type: ignore[import-not-found]

    clock, table = Clock(), np.load(path)
    events = pd.DataFrame(
        {
            "user_id": table["users"],
            "item_id": table["items"],
            "weight": 1.0,
            "datetime": pd.to_datetime(table["seconds"], unit="s"),
        }
    )

    class Watch(lightning.Callback):  # type: ignore[misc]
        def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
            clock.mark((trainer.current_epoch + 1) / epochs)

    def trainer() -> Any:
        return lightning.Trainer(
            max_epochs=epochs,
            min_epochs=epochs,
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            callbacks=[Watch()],
        )

    model = SASRecModel(
        n_factors=SHAPE["dim"],
        n_blocks=SHAPE["blocks"],
        n_heads=SHAPE["heads"],
        session_max_len=SHAPE["length"],
        batch_size=SHAPE["rows"],
        dropout_rate=SHAPE["dropout"],
        loss="softmax",
        lr=LEARNING_RATE,
        epochs=epochs,
        train_min_user_interactions=2,
        get_trainer_func=trainer,
    )
    model.fit(Dataset.construct(events))
    histories = events.groupby("user_id").size().clip(upper=SHAPE["length"] + 1)
    return clock.figures(int((histories - 1).sum()), epochs)


def race(options: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """Run both in turn, a process each."""
    interpreters = {"ours": sys.executable, "peer": str(options.peer)}
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in interpreters}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.npz"
        generate(path, options.events, options.items, full=options.full)
        for _ in range(options.rounds):
            for name, interpreter in interpreters.items():
                command = [interpreter, str(Path(__file__)), "--contestant", name, str(path)]
                command += ["--epochs", str(options.epochs), "--config", options.config]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                figures[name].append(json.loads(done.stdout.splitlines()[-1]))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", type=Path, help="Python with rectools[torch]")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=3_500)
    parser.add_argument("--full", action="store_true", help="every history as long as a row")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--config", default="{}", help="JSON of changed fields of ours")
    parser.add_argument("--contestant", nargs=2, metavar=("NAME", "EVENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        warnings.simplefilter("ignore")
        fit = {"ours": train_ours, "peer": train_peer}[options.contestant[0]]
        figures = fit(Path(options.contestant[1]), options.epochs, json.loads(options.config))
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    results = race(options)
    for name, runs in results.items():
        for clock in ("wall", "cpu"):
            speeds = [run[clock] for run in runs]
            ratios = [one / run[clock] for one, run in zip(speeds, results["peer"], strict=True)]
            sys.stdout.write(
                f"{name}: {runs[0]['positions']} positions an epoch, "
                f"{statistics.median(speeds):,.0f} a second ({clock}), "
                f"{statistics.median(ratios):.2f} of the peer's\n"
            )


if __name__ == "__main__":
    main()
