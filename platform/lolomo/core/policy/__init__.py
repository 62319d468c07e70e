"""Policies: how a list is drawn from scores, and with what probability (see `draw`)."""

from lolomo.core.policy.budget import Budgeted
from lolomo.core.policy.draw import (
    Draw,
    Policy,
    Probabilities,
    Ranking,
    Scores,
    policy_id,
    request_rng,
)
from lolomo.core.policy.epsilon_greedy import EpsilonGreedy
from lolomo.core.policy.greedy import Greedy
from lolomo.core.policy.plackett_luce import PlackettLuce
from lolomo.core.policy.spec import policies_from
from lolomo.core.policy.thompson import Thompson

__all__ = [
    "Budgeted",
    "Draw",
    "EpsilonGreedy",
    "Greedy",
    "PlackettLuce",
    "Policy",
    "Probabilities",
    "Ranking",
    "Scores",
    "Thompson",
    "policies_from",
    "policy_id",
    "request_rng",
]
