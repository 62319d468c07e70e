"""Rankers of the `tensorflow` runtime that know how sure they are.

Their SavedModel has one more signature, `posterior`, with scores and factors of one pass. It is
folded when it is first asked for, so a service that never explores by it pays nothing for it.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from lolomo.core.recommender import Factors, Query, Scores
from lolomo.runtimes.tensorflow import (
    SavedModelRanker,
    call,
    folded,
    numbers,
    works_without_inputs,
)


@dataclass(frozen=True, slots=True)
class SavedModelPosterior(SavedModelRanker):
    """Scores candidates, and says how the scores may move together."""

    _ready: dict[str, Any] = field(default_factory=dict, init=False, compare=False)
    _lock: Any = field(default_factory=Lock, init=False, compare=False, repr=False)

    def rank_with_factors(self, query: Query) -> tuple[Scores, Factors]:
        """Score the candidates of each query.

        Returns:
            Scores `[batch, candidates]` and factors `[batch, rank, candidates]`.
        """
        answer = call(self._posterior(), self.inputs, query)
        return numbers(answer["scores"]), numbers(answer["factors"])

    def _posterior(self) -> Any:
        with self._lock:
            if "posterior" not in self._ready:
                signature = self.module.signatures["posterior"]
                pays = works_without_inputs(signature)
                self._ready["posterior"] = folded(signature) if pays else signature
        return self._ready["posterior"]
