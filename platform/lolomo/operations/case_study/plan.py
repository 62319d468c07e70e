"""What the case study measures, and in which order.

Rows follow from the models that have a role in a task: one whose config has a field `inputs` climbs
the ladder, a rung at a time; any other is a row of its own. A model that reads counts is judged
twice, fresh and frozen, by one fit. The order is that of use to a reader who cannot wait: what is
simple, then the headline's ladder, then the rankers that read everything, by which every claim of
the paper can be decided; then their ladders, and everything else. Each is done on all data sets
before the next begins.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Any

from lolomo.evaluation import FRESH, FROZEN
from lolomo.evaluation.ladder import NO_PRIOR, Family, Rung
from lolomo.tasks import find_task
from lolomo.training.models import Model, Role, models_for
from lolomo.training.pipelines.contest import Entrant

DATASETS = ("movietweetings-100k", "movielens-100k")
INPUTS = "inputs"
"""The config field whose value is a rung."""
PRIOR = "popularity_prior"
"""The config field that says whether counts are added to what the network scores."""
HEADLINE = "sasrec"
TREES = ("lightgbm_ranker",)
STACKS = ("blended_ranker",)
"""Models that add up deep ones and trees."""
SHALLOW = ("asymmetric_mf",)
"""Simple models that share the deep ones' training."""
DEEP_ON_IDS = ("mult_vae", "rec_vae")
"""Deep models with nothing but ids to read."""
QUICK: Mapping[str, Any] = {"epochs": 1, "max_trees": 50}
"""What `quick` puts into each config that has such a field."""


class Stage(IntEnum):
    """When a row's turn comes."""

    SIMPLE = 0
    HEADLINE_LADDER = 1
    RANKERS = 2
    """Those that read everything, which is what rankers are for."""
    RANKER_LADDERS = 3
    """Their lower rungs; the headline's ladder shows first what each rung brings."""
    MORE_SIMPLE = 4
    """What is fitted only when asked for, some of it slowly."""
    OTHERS = 5
    MORE_SEEDS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStudyOptions:
    """What to measure, and for how long."""

    datasets: tuple[str, ...] = DATASETS
    tasks: tuple[str, ...] = ()
    """All that the data allow if empty."""
    num_seeds: int = 1
    """Fits of each headline model; the others are fitted once."""
    headline: bool = False
    """Whether to stop after the rankers that read everything, but for further seeds."""
    quick: bool = False
    """Whether to train for a moment only, to see the report's form; no figure is to be quoted."""
    minutes: float | None = None
    """After how long no further fit is begun; None for never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """One judgement to come, and where it stands in the study."""

    dataset: str
    entrant: Entrant
    family: Family
    rung: Rung | None = None
    variant: str = ""
    stage: Stage

    @property
    def subject(self) -> str:
        """The model that it is a row of."""
        entrant = self.entrant
        name = f"{entrant.model}, {self.variant}" if self.variant else entrant.model
        return f"{self.dataset}, {entrant.task}: {name}"

    @property
    def label(self) -> str:
        """How progress and lists of what is missing call it."""
        details = [self.rung.label] if self.rung else []
        details += [self.entrant.freshness.label, f"seed {self.entrant.seed}"]
        return f"{self.subject} ({', '.join(details)})"


def plan(options: CaseStudyOptions, tasks: Mapping[str, Sequence[str]]) -> list[PlannedRow]:
    """Return every row to measure, headline rows first.

    Args:
        options: What is wanted.
        tasks: Names of the tasks that each dataset allows, by dataset.
    """
    rows = [
        row
        for dataset, names in tasks.items()
        for task in names
        for model in models_for(task, alternatives=True)
        for row in _rows_of(dataset, task, model, options)
    ]
    if options.headline:
        rows = [row for row in rows if row.stage <= Stage.RANKERS]
    more = [
        replace(row, entrant=replace(row.entrant, seed=row.entrant.seed + extra), stage=stage)
        for extra, stage in ((extra, Stage.MORE_SEEDS) for extra in range(1, options.num_seeds))
        for row in rows
        if row.stage in (Stage.HEADLINE_LADDER, Stage.RANKERS)
    ]
    return sorted([*rows, *more], key=lambda row: row.stage)


def family_of(model: type[Model[Any]]) -> Family:
    """Return what kind of model it is; what wants a GPU counts as deep."""
    if model.name in TREES:
        return Family.TREES
    if model.name in STACKS:
        return Family.STACK
    is_deep = model.wants_gpu or model.name in DEEP_ON_IDS
    return Family.DEEP if is_deep and model.name not in SHALLOW else Family.SIMPLE


def _rows_of(
    dataset: str, task: str, model: type[Model[Any]], options: CaseStudyOptions
) -> Iterator[PlannedRow]:
    known = {field.name: field.default for field in fields(model.Config)}
    base = {name: value for name, value in QUICK.items() if options.quick and name in known}
    first = PlannedRow(
        dataset=dataset,
        entrant=Entrant(task=task, model=model.name, config=base),
        family=family_of(model),
        rung=Rung.IDS if model.name in DEEP_ON_IDS else None,
        stage=_stage(task, model),
    )
    rungs: list[Rung | None] = [*Rung] if INPUTS in known else [None]
    for rung in rungs:
        row = first
        if rung is not None:
            config = {**base, INPUTS: str(rung)}
            row = replace(
                first,
                entrant=replace(first.entrant, config=config),
                rung=rung,
                stage=_stage(task, model, rung),
            )
        yield row
        if model.method == "rank":
            yield replace(row, entrant=replace(row.entrant, freshness=FROZEN))
    if INPUTS in known and isinstance(known.get(PRIOR), bool):
        config = {**base, INPUTS: str(Rung.IDS), PRIOR: False}
        entrant = replace(first.entrant, config=config, freshness=FRESH)
        yield replace(first, entrant=entrant, rung=Rung.IDS, variant=NO_PRIOR)


def _stage(task: str, model: type[Model[Any]], rung: Rung | None = None) -> Stage:
    if model.name == HEADLINE:
        return Stage.HEADLINE_LADDER
    if model.name in SHALLOW:
        return Stage.OTHERS
    if family_of(model) is Family.SIMPLE:
        return Stage.MORE_SIMPLE if model.roles[task] == Role.ALTERNATIVE else Stage.SIMPLE
    if not find_task(task).candidates_from:
        return Stage.OTHERS
    return Stage.RANKERS if rung in (Rung.CONTINUOUS_TIME, None) else Stage.RANKER_LADDERS
