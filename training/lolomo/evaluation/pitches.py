"""Judging evidence: what would a policy over pitches have earned, from what another has logged?

Offline ranking makes no sense here, since of the pitches that were not shown nothing is known. So a
model is judged by the value of the policy that its scores would serve by (`PITCH_POLICY`), in plays
an impression, estimated from the logged decisions and their propensities (`off_policy`):

* `dr`: doubly robust (Dudik et al. 2011), with a ridge regression of plays on pitch and title,
  cross-fitted over users;
* `ips` and `snips`: inverse propensity scoring, plain and self-normalised.

Each is a mean, or for `snips` a weighted mean, over decisions, so that intervals, comparisons and
gates are those of every other metric. Where the guard of `off_policy` refuses an answer, since the
log does not cover what the policy would do, every figure is NaN and no gate is passed.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lolomo.core.columns import Columns
from lolomo.core.errors import ModelError
from lolomo.core.recommender import Ids, Scores
from lolomo.evaluation.metrics import POLICY_WEIGHT
from lolomo.evaluation.off_policy.diagnostics import Guard, diagnose
from lolomo.evaluation.off_policy.logs import Decisions
from lolomo.evaluation.off_policy.modelling import doubly_robust
from lolomo.evaluation.off_policy.reward_model import folds_of, linear_predictions
from lolomo.evaluation.off_policy.weighting import ips, snips
from lolomo.evaluation.queries import CLUSTER
from lolomo.tasks.evidence import PITCH_INPUTS, PITCH_POLICY, PITCHES

POLICY = "policy"
"""Column of P(pitch) under the judged policy, a list in the order of `PITCHES`."""
METRICS = ("dr", "ips", "snips")

Floats = NDArray[np.float64]


@dataclass
class PitchJudgements:
    """Accumulates what a model's policy would have done, in the order of the queries."""

    queries: pl.DataFrame
    """What `evidence_queries` returned, with `PITCH_INPUTS`."""
    _policy: list[Floats] = field(init=False, repr=False, default_factory=list)

    @property
    def num_judged(self) -> int:
        """How many queries are judged so far."""
        return sum(map(len, self._policy))

    def add_candidates(self, scores: Scores, candidates: Ids) -> None:
        """Judge the next queries by scores of the pitches.

        Args:
            scores: Logits of a play. Shape: [batch, pitches].
            candidates: `PITCHES`, for each query. Shape: as the scores.

        Raises:
            ModelError: If scores are no numbers, or not of the pitches.
        """
        if scores.shape != (len(scores), len(PITCHES)) or not np.isfinite(scores).all():
            raise ModelError(
                f"received scores of shape {list(scores.shape)}, some of them no numbers or not of "
                f"the {len(PITCHES)} pitches {list(candidates[:1].ravel())}: the model diverged"
            )
        self._policy.append(pitch_propensities(scores))

    def table(self) -> pl.DataFrame:
        """Return a row a decision: what was done and earned, and what the policy would do."""
        policy = np.concatenate([*self._policy, np.zeros((0, len(PITCHES)))])
        return self.queries.select(
            Columns.QUERY_ID,
            Columns.USER_ID,
            Columns.TIMESTAMP,
            CLUSTER,
            Columns.EVIDENCE_PROPENSITY,
            pl.col(Columns.TARGETS).list.first().alias(Columns.EVIDENCE),
            pl.col(Columns.REWARDS).list.first(),
            *PITCH_INPUTS,
            pl.Series(POLICY, policy.tolist(), pl.List(pl.Float64)),
        )


def pitch_propensities(scores: Scores) -> Floats:
    """Return P(pitch) of each pitch under `PITCH_POLICY`. Shape: [batch, pitches]."""
    places = np.arange(scores.shape[1])
    columns = [
        PITCH_POLICY.propensities(scores, np.full((len(scores), 1), place))[:, 0]
        for place in places
    ]
    return np.stack(columns, axis=1)


def logged_decisions(judgements: pl.DataFrame) -> Decisions:
    """Return the decisions of what `PitchJudgements.table` returned, with predictions for DR."""
    shown = np.array([PITCHES.index(pitch) for pitch in judgements[Columns.EVIDENCE]], np.int64)
    policy = np.array(judgements[POLICY].to_list(), np.float64).reshape(-1, len(PITCHES))
    rewards = judgements[Columns.REWARDS].to_numpy()
    clusters = judgements[CLUSTER].rank("dense").cast(pl.Int64).to_numpy() - 1
    folds = folds_of(len(shown), clusters)
    return Decisions(
        rewards=rewards,
        propensities=judgements[Columns.EVIDENCE_PROPENSITY].to_numpy(),
        target_propensities=policy[np.arange(len(shown)), shown],
        predictions=linear_predictions(_features(judgements), shown, rewards, folds, policy),
        clusters=clusters,
    )


def refusal(judgements: pl.DataFrame) -> str:
    """Return why nothing can be said of a policy from this log; "" if something can."""
    if judgements.is_empty():
        return "no decision was logged"
    return "; ".join(Guard().reasons(diagnose(ips(logged_decisions(judgements)))))


def pitch_metrics(judgements: pl.DataFrame) -> pl.DataFrame:
    """Return the metrics of each decision, NaN throughout if the guard refuses.

    Returns:
        query_id, user_id, timestamp and cluster, a column a metric, and `policy_weight`.
    """
    keys = [Columns.QUERY_ID, Columns.USER_ID, Columns.TIMESTAMP, CLUSTER]
    if refusal(judgements):
        nothing = {name: pl.lit(float("nan")) for name in (*METRICS, POLICY_WEIGHT)}
        return judgements.select(keys).with_columns(**nothing)
    log = logged_decisions(judgements)
    return judgements.select(keys).with_columns(
        dr=pl.Series(doubly_robust(log).values),
        ips=pl.Series(ips(log).values),
        snips=pl.Series(log.rewards),
        **{POLICY_WEIGHT: pl.Series(snips(log).norms)},
    )


def _features(judgements: pl.DataFrame) -> Floats:
    """Return each pitch crossed with what is said of the title. [decisions, pitches, features]."""
    said = [np.array(judgements[name].to_list(), np.float64)[:, :1] for name in PITCH_INPUTS]
    title = np.concatenate([np.ones((len(judgements), 1)), *said], axis=1)
    crossed = np.einsum("nf,pq->npqf", title, np.eye(len(PITCHES)))
    return np.asarray(crossed.reshape(len(judgements), len(PITCHES), -1))
