"""Runs both arms, day after day, and compares what their members felt."""

import copy
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lolomo import runtimes
from lolomo.core.errors import SettingsError
from lolomo.core.policy import PlackettLuce
from lolomo.core.progress import Progress, part_of
from lolomo.core.settings import Settings, Workspace
from lolomo.core.tables import EVENTS
from lolomo.evaluation.bootstrap import DEFAULT, Interval
from lolomo.events import Dataset, EventLog, Table, Tables, import_dataset
from lolomo.events.world.simulation import Simulation
from lolomo.features import FeatureStore
from lolomo.operations.loop.arm import Arm, Outcomes
from lolomo.operations.loop.plan import LoopPlan
from lolomo.operations.loop.platforms import InProcess, OverHttp, Platform
from lolomo.operations.loop.retraining import Change, conclude, retrain
from lolomo.operations.service_process import running_service
from lolomo.tasks import all_tasks

STATIC, LEARNING = "static", "learning"
WARM_UP_POLICY = PlackettLuce(temperature=1.0)
"""Of the world's own service, before the platform takes over."""


@dataclass(slots=True)
class LoopReport:
    """What happened, and how the arms compare."""

    plan: LoopPlan
    arms: dict[str, Arm]
    changes: list[Change] = field(default_factory=list)

    def difference(self, first_day: int = 0) -> Interval:
        """Return how much more the learning arm delighted a visit, members drawn with both arms.

        Args:
            first_day: Of the loop, from which on days count.
        """
        return _difference(self.arms[LEARNING].outcomes, self.arms[STATIC].outcomes, first_day)


def run_loop(
    settings: Settings, plan: LoopPlan, progress: Progress, *, over_http: bool = False
) -> LoopReport:
    """Run a loop in workspaces of its own, from the beginning.

    Args:
        settings: Where workspaces are.
        plan: What to do.
        progress: Told the fraction done.
        over_http: Whether pages and events go over HTTP, to services of their own.

    Raises:
        SettingsError: If services of their own are to explore by the plan.
    """
    if over_http and plan.exploration:
        raise SettingsError(
            "over HTTP the services read how rows are drawn from LOLOMO_EXPLORATION: set that "
            "variable, and leave the plan's exploration empty"
        )
    runtimes.quiet_tensorflow()
    import tensorflow  # noqa: F401 - training starts its threads: they are limited before, or never

    runtimes.limit_threads()
    world, changes = _begin(settings, plan, part_of(progress, 0, 4, "before"))
    arms = {}
    for name in (STATIC, LEARNING):
        workspace = settings.workspace(plan.dataset(name))
        outcomes = Outcomes.none(plan.days, plan.members)
        arms[name] = Arm(name, copy.deepcopy(world), workspace, outcomes)
    report = LoopReport(plan, arms, changes)
    with ExitStack() as stack:
        platforms = {
            name: stack.enter_context(_platform(arm.workspace, plan, over_http=over_http))
            for name, arm in arms.items()
        }
        for number in range(plan.days):
            share = part_of(progress, 1 + 3 * number // plan.days, 4, f"day {number + 1}")
            _day(report, platforms, number, share)
    return report


def _day(
    report: LoopReport, platforms: dict[str, Platform], number: int, progress: Progress
) -> None:
    plan = report.plan
    day = plan.warm_up_days + number
    for place, (name, arm) in enumerate(report.arms.items()):
        share = part_of(progress, place, 3, name)
        arm.live(platforms[name], day, number, lambda done, share=share: share(done, "pages"))  # type: ignore[misc]
    arm = report.arms[LEARNING]
    plays, visits = arm.outcomes.plays[number], arm.outcomes.visits[number]
    report.changes += conclude(arm.workspace, number, plays, visits)
    if (number + 1) % plan.retrain_days == 0 and number + 1 < plan.days:
        share = part_of(progress, 2, 3, LEARNING)
        dataset = plan.dataset(LEARNING)
        report.changes += retrain(arm.workspace, dataset, plan, number, share)
    platforms[LEARNING].reload()


def _begin(
    settings: Settings, plan: LoopPlan, progress: Progress
) -> tuple[Simulation, list[Change]]:
    """Let the world run by itself, learn its log, and give both arms the same workspace."""
    for name in (STATIC, LEARNING):
        shutil.rmtree(settings.workspace(plan.dataset(name)).root, ignore_errors=True)
    dataset = plan.dataset(STATIC)
    workspace = settings.workspace(dataset)
    world = _warm_up(plan, workspace)
    progress(0.2, "importing")
    import_dataset(_logged(dataset, workspace), settings)
    store = FeatureStore(workspace)
    store.build(EventLog(workspace.events))
    store.apply(list(all_tasks().values()))
    store.materialize(store.latest)
    changes = retrain(workspace, dataset, plan, -1, part_of(progress, 1, 2))
    shutil.copytree(workspace.root, settings.workspace(plan.dataset(LEARNING)).root)
    return world, changes


def _warm_up(plan: LoopPlan, workspace: Workspace) -> Simulation:
    world = Simulation(plan.config, plan.seed)
    folder = workspace.root / "warm-up"
    folder.mkdir(parents=True)
    with pq.ParquetWriter(folder / "events.parquet", EVENTS) as writer:
        for day in world.days(world.service(WARM_UP_POLICY), plan.warm_up_days):
            writer.write_table(day.events)
    pq.write_table(world.records.items(), folder / "items.parquet")
    pq.write_table(world.records.users(), folder / "users.parquet")
    return world


def _logged(name: str, workspace: Workspace) -> Dataset:
    files = {
        table: Table(path=workspace.root / "warm-up" / f"{table}.parquet")
        for table in ("events", "items", "users")
    }
    return Dataset(
        name=name,
        description="simulated",
        licence="made here",
        fetch=lambda _settings, _progress: Tables(**files),
    )


@contextmanager
def _platform(workspace: Workspace, plan: LoopPlan, *, over_http: bool) -> Iterator[Platform]:
    if not over_http:
        with InProcess.running(workspace, plan.exploration) as platform:
            yield platform
        return
    log = workspace.reports / "service.log"
    with running_service(workspace.root.name, log) as service, OverHttp.at(service.url) as there:
        yield there


def _difference(one: Outcomes, other: Outcomes, first_day: int) -> Interval:
    """Return the paired difference in delight a visit. The same members are drawn in both arms."""
    sides = []
    draws = np.concatenate(list(DEFAULT.draws(one.visits.shape[1])))
    weights: NDArray[np.float64] = np.vstack([np.ones(draws.shape[1]), draws])
    for side in (one, other):
        delight = weights @ side.delight[first_day:].sum(axis=0)
        sides.append(delight / np.maximum(weights @ side.visits[first_day:].sum(axis=0), 1e-9))
    difference = sides[0] - sides[1]
    return DEFAULT.interval(float(difference[0]), difference[1:])
