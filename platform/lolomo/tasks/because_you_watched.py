"""Because you watched: what goes with one item?"""

from datetime import timedelta

from lolomo.core.columns import Columns
from lolomo.core.task import Label, LabelKind, Row, Task

BECAUSE_YOU_WATCHED = Task(
    name="because_you_watched",
    question="Having just watched this item, which new ones will the user watch within 7 days?",
    label=Label(LabelKind.NEXT_ITEMS, horizon=timedelta(days=7)),
    row=Row(title="Because you watched {seed}", why="goes with {seed}, which you watched"),
    features=(Columns.HISTORY_ITEM_IDS, Columns.HISTORY_TIMESTAMPS, Columns.HISTORY_KINDS),
)
