"""Next play: where is this user's viewing heading?"""

from lolomo.core.columns import Columns
from lolomo.core.task import Gate, Label, LabelKind, Row, Task

NEXT_PLAY = Task(
    name="next_play",
    question="Given everything watched so far, in order and time, what does the user watch next?",
    label=Label(LabelKind.NEXT_ITEM),
    row=Row(
        title="Your next watch",
        why="follows from what you watched lately",
        why_new="watched first by many who are new",
    ),
    features=(
        Columns.HISTORY_ITEM_IDS,
        Columns.HISTORY_TIMESTAMPS,
        Columns.HISTORY_KINDS,
        "item_plays_1d",
        "item_plays_3d",
        "item_plays_7d",
        "item_plays_14d",
        "item_plays_30d",
        "item_plays_total",
        "item_decayed_plays_1d",
        "item_decayed_plays_3d",
        "item_decayed_plays_7d",
        Columns.AGE,
        Columns.GENDER,
        Columns.OCCUPATION,
        Columns.DEVICE,
        Columns.COUNTRY,
    ),
    gate=Gate(off_policy=True),
)
