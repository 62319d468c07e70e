"""Filters: in force where the catalogue has what they read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from lolomo.serving.steps import Context, User, filters
from lolomo.serving.steps.filters import FILTERS, ForAge, InCountry, InWindow, allowed

DAY = 86_400_000_000
IDS = np.array(["a", "b", "c"], object)
CATALOGUE = {
    "available_countries": np.array([["SE", "DE"], ["DE", ""], ["", ""]], object),
    "available_since": np.array([0.0, 20.0, np.nan], np.float32),
    "available_until": np.array([10.0, np.nan, np.nan], np.float32),
    "minimum_age": np.array([np.nan, 18.0, 12.0], np.float32),
}


class Catalogue:
    def items(self, item_ids: Any, timestamp: int, features: Sequence[str]) -> Mapping[str, Any]:
        return {name: CATALOGUE[name] for name in features}


def context(day: int = 0, country: str | None = None, age: float | None = None) -> Context:
    user = User("ann", {"age": age})
    return Context(
        request_id="r", deadline_milliseconds=0, timestamp=day * DAY, user=user, country=country
    )


@pytest.mark.parametrize(
    ("filter_", "asked", "kept"),
    [
        (InCountry(), context(country="SE"), "ac"),
        (InCountry(), context(country="DE"), "abc"),
        (InCountry(), context(), "c"),
        (InWindow(), context(day=5), "ac"),
        (InWindow(), context(day=10), "c"),
        (InWindow(), context(day=20), "bc"),
        (ForAge(), context(), "a"),
        (ForAge(), context(age=12.0), "ac"),
        (ForAge(), context(age=40.0), "abc"),
    ],
)
def test_a_filter_keeps_what_may_be_shown(filter_: Any, asked: Context, kept: str) -> None:
    assert IDS[filter_.keeps(CATALOGUE, asked)].tolist() == list(kept)


def test_a_filter_whose_features_nobody_has_is_not_in_force() -> None:
    assert allowed(FILTERS, IDS, context(), Catalogue()).all()


def test_filters_in_force_all_have_to_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "all_features", lambda: CATALOGUE)
    asked = context(day=5, country="SE", age=12.0)
    assert IDS[allowed(FILTERS, IDS, asked, Catalogue())].tolist() == ["a", "c"]
