"""Search: which title does the user mean?

One question with three faces: a few letters (prefix), letters with a slip (fuzzy), and none at all
(pre-query). What users typed is in none of the public data sets, so the queries of its training and
evaluation are made up from titles, and every table calls them *synthetic*.
"""

from lolomo.core.columns import Columns
from lolomo.core.task import Gate, Label, LabelKind, Row, Task

SEARCH = Task(
    name="search",
    question="Given the letters typed so far, if any, which title is the user about to watch?",
    label=Label(LabelKind.SEARCH),
    row=Row(title="Results", why="matches what you typed", length=50, on_page=False),
    needs=(Columns.TITLE,),
    features=(
        Columns.TEXT,
        Columns.HISTORY_ITEM_IDS,
        "item_plays_3d",
        "item_plays_total",
        "item_decayed_plays_1d",
        "item_decayed_plays_3d",
        "item_decayed_plays_7d",
    ),
    gate=Gate(metric="mrr"),
    metrics=("mrr", "ndcg@10", "hr@10", "coverage@10"),
)
