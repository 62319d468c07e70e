"""The feedback-loop study: twenty retrainings on one's own pages, with and without remedies.

A small simulated world is served by a model that learns from what it showed. Each *arm* takes other
remedies (`training.corrections`); all live through the same seeds.
"""

from lolomo.operations.feedback.report import feedback_figure, print_study, summary, to_json
from lolomo.operations.feedback.study import ARMS, FeedbackPlan, Outcome, run_study

__all__ = [
    "ARMS",
    "FeedbackPlan",
    "Outcome",
    "feedback_figure",
    "print_study",
    "run_study",
    "summary",
    "to_json",
]
