"""Loads a release as something that can be asked, whatever trained it: see `core.recommender`.

A runtime is a module with one loading function and one line in `RUNTIMES`. Frameworks are imported
only when a release of theirs is loaded. Serving runs one process a core, so each runtime computes
on the calling thread alone: pools of threads were measured slower for single requests.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TypeAlias

from lolomo.core.errors import ReleaseError
from lolomo.core.recommender import Query, Ranker, Retriever
from lolomo.core.release import Release
from lolomo.runtimes.given import GivenRanker

__all__ = [
    "RUNTIMES",
    "Recommender",
    "compiled",
    "limit_threads",
    "load",
    "load_files",
    "prepared",
    "quiet_tensorflow",
    "warm_up",
]

Recommender: TypeAlias = Retriever | Ranker


def quiet_tensorflow() -> None:
    """Keep TensorFlow's start-up log off the terminal; only before its first import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@cache
def limit_threads() -> None:
    """Make TensorFlow compute on one thread; to be called before it has computed anything.

    Calling it again changes nothing.

    LightGBM needs no limit: its runtime asks for one thread at each call.

    Raises:
        ReleaseError: If TensorFlow has started its pools already.
    """
    for pool in ("INTRA", "INTER"):
        os.environ[f"TF_NUM_{pool}OP_THREADS"] = "1"
    if "tensorflow" in sys.modules:
        threading = sys.modules["tensorflow"].config.threading
        try:
            threading.set_intra_op_parallelism_threads(1)
            threading.set_inter_op_parallelism_threads(1)
        except RuntimeError as error:
            raise ReleaseError(
                "TensorFlow has started its threads already: call `limit_threads` at the start of "
                "the process"
            ) from error


def load(release: Release) -> Recommender:
    """Load a checked release.

    Raises:
        ReleaseError: If its runtime or method is unknown, or its files cannot be loaded.
    """
    card = release.card
    return load_files(release.path, card.runtime, card.method, card.inputs)


def load_files(path: Path, runtime: str, method: str, inputs: Sequence[str]) -> Recommender:
    """Load the files of a runtime, as a model's `export` wrote them.

    Raises:
        ReleaseError: If the runtime or method is unknown, or the files cannot be loaded.
    """
    if runtime not in RUNTIMES:
        raise ReleaseError(
            f"received a release of runtime {runtime!r}; expected one of {sorted(RUNTIMES)}: "
            "install the version of Lolomo that made it"
        )
    return RUNTIMES[runtime](path, method, tuple(inputs))


def compiled(recommender: Recommender, candidates: int, history_length: int) -> Recommender:
    """Return a recommender that is compiled for one query at a time, where its runtime can.

    Args:
        recommender: What was loaded.
        candidates: Most candidates of a request.
        history_length: Length of its history.
    """
    compiling = getattr(recommender, "compiled", None)
    return compiling(candidates, history_length) if compiling else recommender


def prepared(ranker: Ranker, given: Query) -> Ranker:
    """Return a ranker that needs no more to be told what is given here.

    What rests on these inputs alone is computed now, where the runtime can.
    """
    preparing = getattr(ranker, "prepared", None)
    return preparing(given) if preparing else GivenRanker(ranker, given)


def warm_up(recommender: Recommender, candidates: int = 500, history_length: int = 50) -> None:
    """Ask twice, so that the first member waits neither for tracing nor for memory.

    Args:
        recommender: What was loaded.
        candidates: How many candidates a request usually brings.
        history_length: How long its history usually is.
    """
    blank = getattr(recommender, "blank_query", None)
    if blank is None:
        return
    query: Query = blank(candidates, history_length)
    for _ in range(2):
        if isinstance(recommender, Retriever):
            recommender.retrieve(query, candidates)
        else:
            recommender.rank(query)


def _load_saved_model(path: Path, method: str, inputs: tuple[str, ...]) -> Recommender:
    from lolomo.runtimes.tensorflow import load_saved_model

    return load_saved_model(path, method, inputs)


def _load_booster(path: Path, method: str, inputs: tuple[str, ...]) -> Recommender:
    from lolomo.runtimes.lightgbm import load_booster

    return load_booster(path, method, inputs)


def _load_blend(path: Path, method: str, inputs: tuple[str, ...]) -> Recommender:
    from lolomo.runtimes.blend import load_blend

    return load_blend(path, method, inputs)


RUNTIMES: Mapping[str, Callable[[Path, str, tuple[str, ...]], Recommender]] = {
    "blend": _load_blend,
    "lightgbm": _load_booster,
    "tensorflow": _load_saved_model,
}
