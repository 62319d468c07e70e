"""Family night: what do people watch together?"""

from lolomo.core.task import Label, LabelKind, Row, Task

FAMILY_NIGHT = Task(
    name="family_night",
    question="What does a household watch next on the television?",
    label=Label(LabelKind.NEXT_ITEM),
    row=Row(title="Family night", why="popular in living rooms"),
    features=("item_living_room_plays",),
)
