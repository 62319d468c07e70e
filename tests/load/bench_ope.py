"""Times off-policy evaluation of a million impressions, from the journal's rows to intervals.

    python tests/load/bench_ope.py --impressions 1000000

A made-up journal of lists of 20 from 100 candidates each, drawn by Plackett-Luce; another policy is
judged by it. Reading Parquet is left out, all else is in: finding each slot's place among its
candidates, the target's propensities, estimates, intervals and the guard.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / part) for part in ("platform", "features", "training")]

from lolomo.core.policy import PlackettLuce  # noqa: E402
from lolomo.evaluation.off_policy import Estimate, Slates, estimate, slates_of  # noqa: E402

K, CANDIDATES, ITEMS = 20, 100, 5_000
LOGGING, TARGET = PlackettLuce(1.0), PlackettLuce(0.9)
ESTIMATORS = ("slate-ips", "rips", "independent-ips")


def journal(num_requests: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return made-up requests with the journal's columns that matter, and what was watched."""
    rng = np.random.default_rng(0)
    names = np.array([f"tt{number:07d}" for number in range(ITEMS)])
    pools = np.stack([rng.choice(ITEMS, CANDIDATES, replace=False) for _ in range(500)])
    candidates = names[pools[rng.integers(len(pools), size=num_requests)]]
    scores = rng.normal(size=candidates.shape).astype(np.float32)
    ranking = LOGGING.rankings(scores, K, rng)
    shown = np.take_along_axis(candidates, ranking, axis=1)
    requests = [f"request-{number}" for number in range(num_requests)]
    slots = _listed(
        requests,
        "slots",
        row=np.ones(shown.shape, np.int32),
        position=np.tile(np.arange(1, K + 1, dtype=np.int32), (num_requests, 1)),
        task=np.full(shown.shape, "top_picks"),
        item_id=shown,
        propensity=LOGGING.propensities(scores, ranking),
    )
    scored = pl.DataFrame(
        {
            "task": pl.repeat("top_picks", num_requests, eager=True),
            "item_ids": _lists(candidates),
            "scores": _lists(scores),
        }
    ).select(pl.concat_list(pl.struct("task", "item_ids", "scores")).alias("rankings"))
    users = pl.Series("user_id", [f"user-{number % 9000}" for number in range(num_requests)])
    rows = pl.concat([slots, scored, scored.rename({"rankings": "proposals"})], how="horizontal")
    clicked = rng.random(shown.shape) < 0.05
    watched = {"request_id": np.repeat(requests, K)[clicked.ravel()], "item_id": shown[clicked]}
    return rows.with_columns(users), pl.DataFrame(watched).with_columns(reward=pl.lit(1.0))


def _lists(values: np.ndarray) -> pl.Series:
    return pl.Series(values.ravel()).reshape(values.shape).arr.to_list()


def _listed(requests: list[str], name: str, **columns: np.ndarray) -> pl.DataFrame:
    """Return a list of structs a request."""
    flat = pl.DataFrame({key: values.ravel() for key, values in columns.items()})
    flat = flat.with_columns(pl.Series("request_id", np.repeat(requests, K)))
    grouped = flat.group_by("request_id", maintain_order=True)
    return grouped.agg(pl.struct(*columns).alias(name))


def timed(num_impressions: int) -> tuple[dict[str, float], Slates]:
    """Return seconds by part, and the slates."""
    rows, watched = journal(num_impressions // K)
    start = time.perf_counter()
    slates = slates_of(rows, watched, "top_picks", TARGET)
    seconds = {"journal to slates": time.perf_counter() - start}
    for name in ESTIMATORS:
        start = time.perf_counter()
        assert isinstance(estimate(name, slates), Estimate)
        seconds[name] = time.perf_counter() - start
    return seconds, slates


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--impressions", type=int, default=1_000_000)
    options = parser.parse_args()
    seconds, slates = timed(options.impressions)
    print(f"{slates.rewards.size:,} impressions in {len(slates.rewards):,} lists")
    for name, taken in {**seconds, "in all": sum(seconds.values())}.items():
        print(f"{name:>20}  {taken:7.3f} s")


if __name__ == "__main__":
    main()
