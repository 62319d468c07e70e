"""Policies as text, for a setting or an option.

>>> policies_from("top_picks=plackett_luce(temperature=0.5)")
{'top_picks': PlackettLuce(temperature=0.5)}
>>> policies_from("next_play=budgeted(epsilon_greedy(epsilon=0.1), requests=0.2)")["next_play"]
Budgeted(explorer=EpsilonGreedy(epsilon=0.1), requests=0.2, slots=1.0)

The text is Python's grammar of a call's arguments, which is parsed and never run.
"""

import ast
from typing import Any, Final

from lolomo.core.errors import SettingsError
from lolomo.core.policy.budget import Budgeted
from lolomo.core.policy.draw import Policy
from lolomo.core.policy.epsilon_greedy import EpsilonGreedy
from lolomo.core.policy.greedy import Greedy
from lolomo.core.policy.plackett_luce import PlackettLuce
from lolomo.core.policy.thompson import Thompson

POLICIES: Final[dict[str, Any]] = {
    policy.name: policy for policy in (Budgeted, EpsilonGreedy, Greedy, PlackettLuce, Thompson)
}


def policies_from(text: str) -> dict[str, Policy]:
    """Return a policy by row; none for an empty text.

    Raises:
        SettingsError: If the text is malformed, or names an unknown policy or field.
    """
    try:
        call = ast.parse(f"rows({text})", mode="eval").body
    except SyntaxError as error:
        raise _malformed(text, "it cannot be parsed") from error
    if not isinstance(call, ast.Call) or call.args or any(not row.arg for row in call.keywords):
        raise _malformed(text, "it names no row")
    return {str(row.arg): _policy(row.value, text) for row in call.keywords}


def _policy(node: ast.expr, text: str) -> Policy:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise _malformed(text, f"{ast.unparse(node)!r} is no policy")
    if node.func.id not in POLICIES:
        raise _malformed(text, f"there is no policy {node.func.id!r}")
    inner = [_policy(argument, text) for argument in node.args]
    fields = {str(field.arg): _number(field.value, text) for field in node.keywords}
    try:
        policy: Policy = POLICIES[node.func.id](*inner, **fields)
    except TypeError as error:
        raise _malformed(text, str(error)) from error
    return policy


def _number(node: ast.expr, text: str) -> float | int:
    value = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _malformed(text, f"{ast.unparse(node)!r} is no number")
    return value


def _malformed(text: str, why: str) -> SettingsError:
    return SettingsError(
        f"received the policies {text!r}, but {why}; expected such as "
        f"`top_picks=plackett_luce(temperature=0.5)`, with a policy of {sorted(POLICIES)}"
    )
