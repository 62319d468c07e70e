"""What loops in several worlds come to together."""

import pytest

from lolomo.evaluation import Interval
from lolomo.operations.loop.report import pooled


def test_several_worlds_are_surer_than_one() -> None:
    together = pooled([Interval(0.1, -0.1, 0.3), Interval(0.3, 0.1, 0.5)])
    assert together.mean == pytest.approx(0.2)
    assert together.high - together.low == pytest.approx(0.4 / 2**0.5)
