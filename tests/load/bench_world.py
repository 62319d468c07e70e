"""Measure how fast a world makes events, and that its memory does not grow with them. *Simulated*.

    python tests/load/bench_world.py --events 1000000
    python tests/load/bench_world.py --events 100000000 --members 300000

Days are made one at a time and dropped, as a writer of Parquet would; peak memory is that of the
process after a tenth of the events, and at the end.
"""

import argparse
import resource
import time
from dataclasses import replace

from lolomo.events.datasets.simulated import LOGGING_POLICY
from lolomo.events.world import find_world
from lolomo.events.world.simulation import Simulation


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", default="position-biased")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    config = replace(find_world(asked.world), num_members=asked.members, num_days=3_650)
    started, cpu = time.perf_counter(), time.process_time()
    world = Simulation(config, asked.seed)
    made, early = 0, 0.0
    for day in world.days(world.service(LOGGING_POLICY)):
        made += day.events.num_rows
        if not early and made >= asked.events / 10:
            early = peak_megabytes()
        if made >= asked.events:
            break
    seconds, used = time.perf_counter() - started, time.process_time() - cpu
    print(f"{made:,} events of {asked.world} in {day.day + 1} days (simulated)")
    print(f"  {seconds:8.1f} s, {used:.1f} s of CPU: {made / used:,.0f} events a CPU second")
    print(f"  {peak_megabytes():8.0f} MB at most, {early:.0f} MB after a tenth of the events")


if __name__ == "__main__":
    main()
