"""Continue watching: which of the titles that were begun does the user go on with?"""

from lolomo.core.columns import Columns
from lolomo.core.task import Gate, Label, LabelKind, Row, Task

CONTINUE_WATCHING = Task(
    name="continue_watching",
    question="At the start of a session, which unfinished item does the user go on with?",
    label=Label(LabelKind.RESUMED),
    row=Row(title="Continue watching", why="you have not finished it", shortest=1),
    needs=(Columns.PROGRESS,),
    features=(
        Columns.HISTORY_ITEM_IDS,
        Columns.DEVICE,
        "item_plays_7d",
        "item_plays_total",
    ),
    gate=Gate(metric="mrr"),
    metrics=("mrr", "hr@1", "ndcg@10"),
)
