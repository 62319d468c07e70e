import pytest

from lolomo.core.errors import SettingsError
from lolomo.evaluation import FRESH, FROZEN, Freshness, parse_freshness


@pytest.mark.parametrize(
    ("text", "freshness"),
    [("fresh", FRESH), ("frozen", FROZEN), ("1h", Freshness(delay_hours=1)), ("0h", FRESH)],
)
def test_a_freshness_is_read_from_a_word(text: str, freshness: Freshness) -> None:
    assert parse_freshness(text) == freshness


@pytest.mark.parametrize("text", ["", "stale", "24", "h", "-1h", "1.5h"])
def test_another_word_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match=f"received freshness '{text}'"):
        parse_freshness(text)
