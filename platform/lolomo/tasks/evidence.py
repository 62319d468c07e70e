"""Evidence: with which pitch is a title shown?

A title is put to a member in one line, or by one picture. Which one is a decision among few, taken
anew for each title and member, whose outcome is known of the pitch that was shown and of no other:
a contextual bandit. So it is learned from what a policy that explores has logged, with its
propensities, and judged by what a policy *would* have earned, not by a ranking of what was shown.
"""

from typing import Final

from lolomo.core.columns import Columns
from lolomo.core.policy import PlackettLuce
from lolomo.core.task import Gate, Label, LabelKind, Row, Task

GENRE: Final = "genre"
YEAR: Final = "year"
BECAUSE_YOU_WATCHED: Final = "because_you_watched"
WATCHED_BY_MANY: Final = "watched_by_many"
PITCHES: Final = (GENRE, YEAR, BECAUSE_YOU_WATCHED, WATCHED_BY_MANY)
"""What a title may be shown with."""
SHOWN_PLAYS: Final = "shown_plays"
SHOWN_AGE: Final = "shown_age"
SHOWN_MATCH: Final = "shown_match"
PITCH_INPUTS: Final = (SHOWN_PLAYS, SHOWN_AGE, SHOWN_MATCH)
"""What is said of the title that a pitch is for, the same of each pitch: how much it is watched
now, how old it is, and how well its genres meet the user's history (see `features.shown`)."""
PITCH_POLICY: Final = PlackettLuce(temperature=0.3)
"""How a pitch is drawn from its scores, which are logits of a play: what scores 0.7 less is shown a
tenth as often, so that every pitch goes on being tried. What is judged is this policy."""

EVIDENCE = Task(
    name="evidence",
    question="Shown to this user here and now, with which pitch is this title played?",
    label=Label(LabelKind.EVIDENCE),
    row=Row(title="Evidence", why="chooses how a title is shown", on_page=False),
    needs=(Columns.EVIDENCE, Columns.EVIDENCE_PROPENSITY),
    features=(Columns.HISTORY_ITEM_IDS, "user_plays_total", Columns.DEVICE),
    gate=Gate(metric="dr"),
    metrics=("dr", "snips", "ips"),
)
