"""The `lightgbm` runtime: `model.txt`, LightGBM's own text, and `inputs.json`, its encoding."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ReleaseError
from lolomo.core.imports import without
from lolomo.core.recommender import Query, Scores
from lolomo.runtimes.encoding import Encoding

# LightGBM imports scikit-learn and matplotlib if they are there, for wrappers that nobody uses
# here: a second or two of a service's start.
with without("sklearn", "matplotlib"):
    import lightgbm

MODEL = "model.txt"
INPUTS = "inputs.json"


def load_booster(path: Path, method: str, inputs: tuple[str, ...]) -> "BoosterRanker":
    """Load a LightGBM ranker.

    Raises:
        ReleaseError: If the method is not `rank`, or a file is missing or damaged.
    """
    if method != "rank":
        raise ReleaseError(f"received method {method!r}; expected 'rank', all that LightGBM does")
    missing = [name for name in (MODEL, INPUTS) if not (path / name).is_file()]
    if missing:
        raise ReleaseError(f"{path} lacks {missing}: publish the release again")
    encoding = Encoding.from_json((path / INPUTS).read_text())
    try:
        booster = lightgbm.Booster(model_file=str(path / MODEL))
    except lightgbm.basic.LightGBMError as error:
        raise ReleaseError(f"{path / MODEL} cannot be loaded ({error})") from error
    return BoosterRanker(booster, encoding, inputs)


@dataclass(frozen=True, slots=True)
class BoosterRanker:
    """Scores candidates with a LightGBM booster."""

    booster: Any
    encoding: Encoding
    inputs: tuple[str, ...]

    def rank(self, query: Query) -> Scores:
        """Score the candidates of each query. Shape: [batch, candidates]."""
        shape = query[Columns.CANDIDATES].shape if Columns.CANDIDATES in query else (0, 0)
        matrix = self.encoding.matrix(query)
        if not len(matrix):
            return np.zeros(shape, np.float32)
        scores: Scores = self.booster.predict(matrix, num_threads=1).astype(np.float32)
        return scores.reshape(shape)

    def blank_query(self, candidates: int, history_length: int) -> Query:
        """Return a query of the usual shape that says nothing."""
        one: dict[str, NDArray[Any]] = {
            Columns.CANDIDATES: np.full((1, candidates), "", object),
            Columns.HISTORY_ITEM_IDS: np.full((1, history_length), "", object),
        }
        one |= {name: np.zeros((1, candidates), np.float32) for name in self.encoding.numbers}
        one |= {name: np.full((1, candidates), "", object) for name in self.encoding.categories}
        return one | {name: np.full((1, candidates, 8), "", object) for name in self.encoding.many}
