"""Serving processes keep the garbage collector off what start-up made."""

import gc
from collections.abc import Iterator

import pytest

from lolomo.serving.bentos.garbage import CALM, calm_garbage_collector, wake_garbage_collector


@pytest.fixture
def calm() -> Iterator[None]:
    calm_garbage_collector()
    yield
    wake_garbage_collector()


def test_what_there_was_is_left_out_of_collections(calm: None) -> None:
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold() == CALM


def test_everything_is_as_before_at_the_end() -> None:
    before = gc.get_threshold()
    calm_garbage_collector()
    wake_garbage_collector()
    assert (gc.get_freeze_count(), gc.get_threshold()) == (0, before)
