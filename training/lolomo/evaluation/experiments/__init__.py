"""Experiments: pure statistics of arms, always valid, so that nobody has to promise not to look.

    analysis = analyse(experiment, units, ["plays"])
    analysis.ratio.is_alarm            # read no further
    analysis.crossings                 # roll back
    analysis.differences               # Difference: interval, p-value

Who gets which arm is decided by `lolomo.core.experiment`.
"""

from lolomo.evaluation.experiments.analysis import (
    ARM,
    BEFORE,
    Analysis,
    Crossing,
    Difference,
    analyse,
)
from lolomo.evaluation.experiments.cuped import cuped, variance_kept
from lolomo.evaluation.experiments.interleaving import Preference, preference
from lolomo.evaluation.experiments.reporting import preference_table, shadow_table, to_table
from lolomo.evaluation.experiments.sample_ratio import SampleRatio, sample_ratio
from lolomo.evaluation.experiments.sequential import SequentialTest, Summary, units_needed
from lolomo.evaluation.experiments.shadow import Shadowed, compare_shadow, rank_biased_overlap

__all__ = [
    "ARM",
    "BEFORE",
    "Analysis",
    "Crossing",
    "Difference",
    "Preference",
    "SampleRatio",
    "SequentialTest",
    "Shadowed",
    "Summary",
    "analyse",
    "compare_shadow",
    "cuped",
    "preference",
    "preference_table",
    "rank_biased_overlap",
    "sample_ratio",
    "shadow_table",
    "to_table",
    "units_needed",
    "variance_kept",
]
