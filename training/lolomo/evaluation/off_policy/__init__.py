"""Off-policy evaluation: what would another policy have earned, from what one has logged?

    log = Decisions(rewards=..., propensities=..., target_propensities=...)
    match estimate("snips", log):
        case Estimate(interval=interval): ...
        case Refused(reasons=reasons): ...

Every estimator is a pure function from a log to `Terms`, a ratio of two sums; intervals,
diagnostics and the guard are written once for all terms. `estimate` is the road with the guard on
it; the functions themselves are for those who study estimators.
"""

from lolomo.evaluation.off_policy.diagnostics import (
    Diagnostics,
    Guard,
    diagnose,
    effective_sample_size,
)
from lolomo.evaluation.off_policy.embeddings import embedding_propensities, mips
from lolomo.evaluation.off_policy.estimating import (
    BIASED,
    DECISION_ESTIMATORS,
    SLATE_ESTIMATORS,
    Estimate,
    Refused,
    estimate,
    judged,
)
from lolomo.evaluation.off_policy.impressions import uniform_decisions
from lolomo.evaluation.off_policy.intervals import asymptotic, bootstrapped, empirical_bernstein
from lolomo.evaluation.off_policy.journal import slates_of
from lolomo.evaluation.off_policy.logs import Decisions, Predictions, Slates
from lolomo.evaluation.off_policy.modelling import (
    direct_method,
    doubly_robust,
    dr_shrinkage,
    switch_dr,
)
from lolomo.evaluation.off_policy.pseudo_inverse import (
    counted_moments,
    independent_moments,
    pseudo_inverse,
    uniform_moments,
)
from lolomo.evaluation.off_policy.reporting import off_policy_figure, to_json, to_table
from lolomo.evaluation.off_policy.reward_model import (
    action_means,
    folds_of,
    linear_predictions,
    predict,
)
from lolomo.evaluation.off_policy.slates import cascade_dr, independent_ips, rips, slate_ips
from lolomo.evaluation.off_policy.terms import Terms
from lolomo.evaluation.off_policy.weighting import clipped_ips, ips, snips

__all__ = [
    "BIASED",
    "DECISION_ESTIMATORS",
    "SLATE_ESTIMATORS",
    "Decisions",
    "Diagnostics",
    "Estimate",
    "Guard",
    "Predictions",
    "Refused",
    "Slates",
    "Terms",
    "action_means",
    "asymptotic",
    "bootstrapped",
    "cascade_dr",
    "clipped_ips",
    "counted_moments",
    "diagnose",
    "direct_method",
    "doubly_robust",
    "dr_shrinkage",
    "effective_sample_size",
    "embedding_propensities",
    "empirical_bernstein",
    "estimate",
    "folds_of",
    "independent_ips",
    "independent_moments",
    "ips",
    "judged",
    "linear_predictions",
    "mips",
    "off_policy_figure",
    "predict",
    "pseudo_inverse",
    "rips",
    "slate_ips",
    "slates_of",
    "snips",
    "switch_dr",
    "to_json",
    "to_table",
    "uniform_decisions",
    "uniform_moments",
]
