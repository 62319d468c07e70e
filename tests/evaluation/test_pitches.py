"""Judging pitches by what was logged: estimates near the truth, and refusals."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lolomo.core.errors import ModelError
from lolomo.core.task import Gate
from lolomo.evaluation import decide
from lolomo.evaluation.bootstrap import summarise
from lolomo.evaluation.decisions import Contender
from lolomo.evaluation.pitches import (
    METRICS,
    PitchJudgements,
    pitch_metrics,
    pitch_propensities,
    refusal,
)
from lolomo.tasks.evidence import PITCH_INPUTS, PITCHES

NUM = 8_000


@pytest.fixture(scope="module")
def chances() -> NDArray[np.float64]:
    """Return the chance of a play by decision and pitch: two kinds of titles, two best pitches."""
    kind = np.random.default_rng(1).integers(0, 2, NUM)
    return np.array([[0.3, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.4]])[kind]


@pytest.fixture(scope="module")
def queries(chances: NDArray[np.float64]) -> pl.DataFrame:
    rng = np.random.default_rng(4)
    shown = rng.integers(0, 4, NUM)
    played = rng.random(NUM) < chances[np.arange(NUM), shown]
    said = {name: [[float(row[0])] * 4 for row in chances] for name in PITCH_INPUTS}
    user = [f"u{number % 900}" for number in range(NUM)]
    return pl.DataFrame(
        {
            "query_id": np.arange(NUM),
            "user_id": user,
            "timestamp": np.arange(NUM),
            "cluster": user,
            "evidence_propensity": np.full(NUM, 0.25),
            "targets": [[PITCHES[pitch]] for pitch in shown],
            "rewards": [[float(each)] for each in played],
            **said,
        }
    )


def judged(queries: pl.DataFrame, scores: NDArray[np.float64]) -> pl.DataFrame:
    judgements = PitchJudgements(queries)
    judgements.add_candidates(scores.astype(np.float32), np.tile(PITCHES, (len(scores), 1)))
    return judgements.table()


@pytest.mark.parametrize("skill", [0.0, 1.0])
def test_estimates_hold_the_true_value_of_the_policy(
    queries: pl.DataFrame, chances: NDArray[np.float64], skill: float
) -> None:
    scores = skill * np.log(chances / (1 - chances))
    truth = (pitch_propensities(scores.astype(np.float32)) * chances).sum(axis=1).mean()
    for interval in summarise(pitch_metrics(judged(queries, scores)), METRICS).values():
        assert interval.low < truth < interval.high


def test_who_knows_what_suits_beats_who_does_not(
    queries: pl.DataFrame, chances: NDArray[np.float64]
) -> None:
    contenders = [
        Contender(name, pitch_metrics(judged(queries, scores)))
        for name, scores in (("knows", np.log(chances)), ("uniform", np.zeros((NUM, 4))))
    ]
    assert decide(Gate(metric="dr"), contenders[0], [contenders[1]]).passed


def test_a_log_that_covers_too_little_is_refused_and_no_gate_is_passed(
    queries: pl.DataFrame, chances: NDArray[np.float64]
) -> None:
    table = judged(queries[:150], np.log(chances[:150]))
    assert "effective sample size" in refusal(table)
    few = Contender("few", pitch_metrics(table))
    assert np.isnan(few.per_query["dr"].to_numpy()).all()
    assert not decide(Gate(metric="dr"), few, [Contender("other", few.per_query)]).passed


def test_scores_that_are_no_numbers_are_refused(queries: pl.DataFrame) -> None:
    with pytest.raises(ModelError, match="diverged"):
        judged(queries, np.full((NUM, 4), np.nan))
