"""Rankers that were told a part of their queries beforehand."""

from lolomo.core.recommender import Query, Ranker, Scores


class GivenRanker:
    """Ranks by what was given and what is asked, whatever the runtime.

    Args:
        ranker: Whom to ask.
        given: Some of its inputs.
    """

    def __init__(self, ranker: Ranker, given: Query) -> None:
        self.inputs = tuple(name for name in ranker.inputs if name not in given)
        self._ranker, self._given = ranker, given

    def rank(self, query: Query) -> Scores:
        """Score the candidates. Shape: [batch, candidates]."""
        return self._ranker.rank({**self._given, **query})
