"""A verdict: what a gate decided, as whoever builds on the decision reads it.

It stands apart from the gate so that a step that only needs to know who won, such as the one that
draws candidates from the winner, does not depend on the code that judges.
"""

import json
from dataclasses import dataclass
from pathlib import Path

VERDICT = "verdict.json"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a gate, as its file and a release card state it."""

    candidate: str
    """Key of the `train` step whose model deserves to serve."""
    baseline: str
    """Key of the `train` step of the strongest baseline."""
    passed: bool
    """Whether a challenger won; else the candidate is the strongest baseline."""
    reasons: dict[str, str]
    """By challenger: why it won or not, in words."""
    figures: dict[str, dict[str, float]]
    """By challenger: what the decision rests on."""
    metric: str = ""
    """What decided; "" in verdicts of former versions."""
    note: str = ""
    """Why not what would have been asked first, or not by the champion's recipe, in words."""
    first: bool = False
    """Whether the candidate is released because nobody serves yet: it has the best mean, but was
    not shown to be superior."""


def read_verdict(folder: Path) -> Verdict:
    """Read the verdict in a gate's folder."""
    return Verdict(**json.loads((folder / VERDICT).read_text()))
