"""Trending now: what is everybody about to watch?"""

from datetime import timedelta

from lolomo.core.task import Gate, Label, LabelKind, Row, Task

TRENDING_NOW = Task(
    name="trending_now",
    question="What will everybody watch within the next 24 hours?",
    label=Label(LabelKind.COUNTS, horizon=timedelta(hours=24)),
    row=Row(title="Trending now", why="watched by many in the last days"),
    features=(
        "item_plays_1d",
        "item_plays_3d",
        "item_plays_7d",
        "item_plays_14d",
        "item_plays_30d",
        "item_plays_total",
        "item_decayed_plays_1d",
        "item_decayed_plays_3d",
        "item_decayed_plays_7d",
        "item_trend",
    ),
    gate=Gate(off_policy=True),
    metrics=("ndcg@10", "ndcg@100", "coverage@10"),
)
