"""Row order: which rows, in which order, for this member now?

A page is two-dimensional: titles stand in rows, and rows below one another, looked at the less the
lower they are. Which titles a row holds is its own task's answer; this task orders the rows. Where
it has no champion, rows stand in the order of the tasks.
"""

from lolomo.core.columns import Columns
from lolomo.core.task import Gate, Label, LabelKind, Row, Task

ROW_ORDER = Task(
    name="row_order",
    question="Of the rows that could be shown, which will this user play from, here and now?",
    label=Label(LabelKind.ROWS),
    row=Row(title="Rows", why="orders the rows of the page", on_page=False),
    needs=(Columns.SURFACE, Columns.ROW, Columns.POSITION, Columns.REQUEST_ID),
    features=(
        Columns.HISTORY_ITEM_IDS,
        "user_plays_total",
        Columns.DEVICE,
        "hour",
    ),
    gate=Gate(metric="ndcg@10"),
    metrics=("ndcg@10", "page_recall@1x4", "page_recall@2x4", "mrr"),
)
