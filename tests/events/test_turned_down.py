import polars as pl

from lolomo.events.turned_down import turned_down

EVENTS = pl.DataFrame(
    [
        ("ann", "a", "thumb", -1.0),
        ("ann", "b", "thumb", 0.0),
        ("ann", "c", "thumb", 1.0),
        ("ann", "d", "rate", 0.0),
        ("ann", "a", "thumb", 1.0),
        ("bob", "a", "thumb", -1.0),
        ("bob", "e", "thumb", None),
    ],
    schema=["user_id", "item_id", "kind", "value"],
    orient="row",
)


def test_the_latest_thumb_of_a_user_counts() -> None:
    assert turned_down(EVENTS) == {"ann": {"b"}, "bob": {"a"}}


def test_without_thumbs_nothing_is_turned_down() -> None:
    assert turned_down(EVENTS.clear()) == {}
