import math
from dataclasses import replace

import pytest

from lolomo.evaluation import Interval, Result, over_seeds, spread

ONE = Result(
    task="next_play",
    model="gru",
    role="alternative",
    window="test",
    freshness="fresh",
    metrics={"ndcg@10": Interval(0.10, 0.09, 0.11)},
    num_users=900,
    seed=1,
)
TWO = replace(ONE, seed=2, metrics={"ndcg@10": Interval(0.12, 0.11, 0.13)})
OTHERS = [
    replace(ONE, freshness="frozen"),
    replace(ONE, label="gru, wide"),
    replace(ONE, window="validation"),
]


def test_fits_that_differ_by_seed_alone_become_their_mean_with_its_spread() -> None:
    merged, *rest = over_seeds([ONE, *OTHERS, TWO])
    figure = merged.metrics["ndcg@10"]
    assert (figure.mean, figure.low, figure.high) == pytest.approx((0.11, 0.10, 0.12))
    assert "2 seeds" in merged.note
    assert "± 0.0141" in merged.note
    assert rest == OTHERS


def test_one_seed_has_no_spread() -> None:
    assert math.isnan(spread([ONE], "ndcg@10"))
    assert over_seeds([ONE]) == [ONE]
