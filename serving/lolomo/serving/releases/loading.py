"""Loads a release for service, after everything that can be checked beforehand was checked.

Every sha256 is compared with the card; what the release reads must be what this service provides;
and it must answer its golden request as it did when it was made. Only then may it be asked.
"""

from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import EXCLUDE, Ranker, Retriever
from lolomo.core.release import Release
from lolomo.core.task import Task
from lolomo.features import all_features
from lolomo.features.candidates import LIMIT, candidate_inputs
from lolomo.features.history_features import OF_CANDIDATES, OF_QUERIES
from lolomo.features.transforms import user_history
from lolomo.serving.releases.source import Source
from lolomo.serving.steps import Champion

Loaded: TypeAlias = Mapping[tuple[str, str], Champion]
"""Releases that are loaded already, by task and digest."""
METHODS: Mapping[str, type] = {"retrieve": Retriever, "rank": Ranker}


def load_champions(source: Source, loaded: Loaded | None = None) -> dict[str, Champion]:
    """Return the release of each task that should be served, loaded, warm and tried.

    Args:
        source: Says which.
        loaded: Those that need not be loaded again.

    Raises:
        ReleaseError: If one is missing, changed or fails its checks.
    """
    wanted = source.champions().items()
    return {task: find_or_load(source, loaded or {}, task, digest) for task, digest in wanted}


def find_or_load(source: Source, loaded: Loaded, task: str, digest: str) -> Champion:
    """Return one release, loading it unless it is loaded already; raises as `load_champion`."""
    champion = loaded.get((task, digest))
    return champion or load_champion(source.open(digest), source.tasks[task])


def load_champion(release: Release, task: Task) -> Champion:
    """Return a checked release, loaded, warm and tried.

    Args:
        release: As the store opened it, so its sums are right.
        task: What it will answer.

    Raises:
        ReleaseError: If it cannot be loaded, reads what is not provided, or answers its golden
            request otherwise than when it was made.
    """
    from lolomo import runtimes
    from lolomo.runtimes.golden import check_golden

    check_signature(release, task)
    recommender = runtimes.load(release)
    expected = METHODS.get(release.card.method)
    if expected is not None and not isinstance(recommender, expected):
        raise ReleaseError(
            f"release {release.name} says it can {release.card.method!r}, but what was loaded "
            f"cannot ({type(recommender).__name__}): publish it again"
        )
    if task.candidates_from:
        recommender = runtimes.compiled(recommender, LIMIT, user_history.LENGTH)
    runtimes.warm_up(recommender)
    check_golden(release.path, recommender)
    return Champion(release.digest, release.card.model, recommender)


def check_signature(release: Release, task: Task) -> None:
    """Refuse a release that this service cannot serve a task with.

    Raises:
        ReleaseError: If it was made for another task, or reads what is not provided.
    """
    card = release.card
    if card.task != task.name:
        raise ReleaseError(
            f"release {release.name} was asked to serve {task.name!r}: expected one of that task; "
            "pin another"
        )
    unknown = sorted(set(card.inputs) - provided(task))
    if unknown:
        raise ReleaseError(
            f"release {release.name} reads {unknown}, which this service does not provide: it was "
            "trained by another version of Lolomo, or with a company's features that are not "
            "installed here; install what it was trained with"
        )


def provided(task: Task) -> frozenset[str]:
    """Return the names of all inputs that serving has for a task's release."""
    return frozenset((*_always(), *candidate_inputs(task)))


@cache
def _always() -> frozenset[str]:
    ids = (Columns.CANDIDATES, Columns.USER_ID, EXCLUDE)
    times = (Columns.TIMESTAMP, Columns.COUNTS_TIMESTAMP)
    said = (*OF_CANDIDATES, *OF_QUERIES)
    return frozenset((*all_features(), *ids, *times, *said, Columns.TEXT))
