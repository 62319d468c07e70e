"""Measuring: data made ready, every planned row entered, and the rows gathered into studies."""

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from lolomo.core.errors import LolomoError
from lolomo.core.progress import Progress, silent
from lolomo.core.settings import Settings
from lolomo.evaluation import rolling_folds, summarise
from lolomo.evaluation.ladder import FRESHNESSES, Row, Study, average
from lolomo.operations.case_study.plan import CaseStudyOptions, PlannedRow
from lolomo.operations.training import split_by_needs
from lolomo.tasks import find_task
from lolomo.training.pipelines import with_sources
from lolomo.training.pipelines.candidate import Candidate
from lolomo.training.pipelines.contest import Judged, enter, sources_of
from lolomo.training.pipelines.steps import NotDoneError, only_what_is_done, progress_to

WINDOW = "test"
OUT_OF_TIME = "the time was up before its turn"
STOPPED = "stopped by hand"


@dataclass(frozen=True, slots=True)
class Missing:
    """A row that was not measured."""

    label: str
    reason: str
    subject: str = ""
    """The model that it is a row of; "" if it is a task as a whole."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was entered: a judgement a planned row, or the reason why there is none."""

    judged: tuple[tuple[PlannedRow, Judged], ...]
    missing: tuple[Missing, ...]


def allowed_tasks(
    settings: Settings, options: CaseStudyOptions, progress: Progress
) -> tuple[dict[str, list[str]], list[Missing]]:
    """Make each dataset ready, and return the tasks that it allows, beside those that it does not.

    A dataset that has been imported, with its features built, is left as it is.

    Raises:
        LolomoError: If a dataset or task is unknown, or the data cannot be had.
    """
    from lolomo.events import EventLog, find_dataset, import_dataset
    from lolomo.features import FeatureStore
    from lolomo.tasks import all_tasks

    wanted = options.tasks or tuple(all_tasks())
    tasks, missing = {}, []
    for name in options.datasets:
        source = find_dataset(name)
        progress(0.0, f"{source.name}: events and features")
        import_dataset(source, settings)
        workspace = settings.workspace(source.name)
        log, store = EventLog(workspace.events), FeatureStore(workspace)
        store.build(log)
        store.apply(all_tasks().values())
        possible, skipped = split_by_needs(with_sources(wanted), log.manifest.columns)
        tasks[source.name] = [task.name for task in possible if task.name in wanted]
        missing += [
            Missing(f"{source.name}, {task}", reason)
            for task, reason in skipped.items()
            if task in wanted
        ]
    return tasks, missing


def enter_all(planned: Sequence[PlannedRow], minutes: float | None, progress: Progress) -> Measured:
    """Enter every row that there is time for.

    A line is printed as each row is done. Ctrl-C ends it early, and what has been measured is kept.
    A model that cannot be fitted on these data is a missing row with its reason, and no reason to
    lose the others.

    Args:
        planned: In order of importance.
        minutes: After how long no further row is begun; None for never. What earlier runs measured
            is taken at any time.
        progress: Told the fraction done.
    """
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    judged: list[tuple[PlannedRow, Judged]] = []
    missing: list[Missing] = []
    is_over = False
    for place, row in enumerate(planned):
        is_over = is_over or (deadline is not None and time.monotonic() >= deadline)
        started = time.monotonic()
        share = _share(progress, place, len(planned), row.label)
        try:
            with only_what_is_done() if is_over else nullcontext():
                judged.append((row, enter(row.dataset, row.entrant, WINDOW, share)))
            reached = _figure_of(judged[-1][1])
        except NotDoneError:
            missing.append(Missing(row.label, OUT_OF_TIME, row.subject))
            continue
        except LolomoError as error:
            reached = str(error)
            missing.append(Missing(row.label, reached, row.subject))
        except KeyboardInterrupt:
            is_over, reached = True, STOPPED
            missing.append(Missing(row.label, reached, row.subject))
        print(  # noqa: T201
            f"{place + 1:>4}/{len(planned)}  {row.label}: {reached}  "
            f"({time.monotonic() - started:,.0f} s)",
            flush=True,
        )
    return Measured(tuple(judged), tuple(missing))


def sources_in_words(dataset: str, task: str) -> str:
    """Return which models propose the candidates of a task; "" if it draws none."""
    runs = Settings.from_environment().workspace(dataset).runs
    with progress_to(silent), only_what_is_done():
        try:
            keys = sources_of(task, dataset)
        except NotDoneError:
            return ""
    named = zip(find_task(task).candidates_from, keys, strict=True)
    return ", ".join(f"{Candidate.read(runs / key).model} ({source})" for source, key in named)


def _figure_of(judged: Judged) -> str:
    """Return the task's own metric in words."""
    metric = find_task(judged.entrant.task).gate.metric
    return f"{metric} {judged.result.metrics[metric]}"


def study_of(settings: Settings, dataset: str, measured: Measured) -> Study:
    """Return the rows of a dataset, the seeds of each model as one."""
    from lolomo.events import EventLog

    events = EventLog(settings.workspace(dataset).events).events()
    by_place: dict[tuple[object, ...], list[tuple[PlannedRow, Judged]]] = {}
    for planned, judged in measured.judged:
        if planned.dataset == dataset:
            for freshness in _panels_of(judged):
                entrant = planned.entrant
                place = (entrant.task, entrant.model, planned.variant, planned.rung, freshness)
                by_place.setdefault(place, []).append((planned, judged))
    rows = [_row(str(place[-1]), group) for place, group in by_place.items()]
    return Study(dataset, rolling_folds(events).test.start, tuple(rows))


def _panels_of(judged: Judged) -> Iterable[str]:
    """Return the freshness of a judgement; both of a model to which it makes no difference."""
    asked, reached = judged.entrant.freshness.label, judged.result.freshness
    return FRESHNESSES if asked != reached else (reached,)


def _row(freshness: str, group: Sequence[tuple[PlannedRow, Judged]]) -> Row:
    # One seed may stand twice: a model whose export reads no counts, asked fresh and frozen.
    by_seed = {planned.entrant.seed: (planned, judged) for planned, judged in group}
    planned, first = next(iter(by_seed.values()))
    metric = find_task(planned.entrant.task).gate.metric
    tables = {seed: judged.per_query() for seed, (_, judged) in by_seed.items()}
    per_query = average(list(tables.values()))
    metrics = dict(first.result.metrics)
    if len(by_seed) > 1:
        metrics = summarise(per_query, list(metrics))
    return Row(
        task=planned.entrant.task,
        model=planned.entrant.model,
        family=planned.family,
        freshness=freshness,
        metric=metric,
        rung=planned.rung,
        variant=planned.variant,
        metrics=metrics,
        num_users=first.result.num_users,
        seed_means=tuple(judged.result.metrics[metric].mean for _, judged in by_seed.values()),
        reads_counts=first.entrant.freshness.label == first.result.freshness,
        per_query=per_query,
        by_seed=tables,
    )


def _share(progress: Progress, place: int, total: int, label: str) -> Progress:
    def share(fraction: float, message: str) -> None:
        progress((place + fraction) / total, f"{place + 1}/{total} {label}: {message}")

    return share
