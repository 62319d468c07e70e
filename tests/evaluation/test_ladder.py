import math
from dataclasses import replace

import pytest
from evaluation.made_up_study import CUT, NUM_QUERIES, ladder, made_up_row, per_query, study

from lolomo.core.errors import DataError
from lolomo.evaluation.ladder import (
    Family,
    Rung,
    average,
    by_days_since_cut,
    difference,
    halves,
)

MEANS = {Rung.IDS: 0.08, Rung.CONTENT: 0.09, Rung.CONTEXT: 0.09, Rung.ABSOLUTE_TIME: 0.07}


def test_a_step_is_what_a_rung_adds_to_the_one_before_it() -> None:
    steps = study(ladder("sasrec", MEANS)).steps("next_play", "fresh")
    assert [(step.row.rung, step.previous.rung) for step in steps] == [
        (Rung.CONTENT, Rung.IDS),
        (Rung.CONTEXT, Rung.CONTENT),
        (Rung.ABSOLUTE_TIME, Rung.CONTEXT),
    ]
    assert steps[0].comparison.difference.low > 0.005
    assert steps[2].comparison.difference.high < -0.01
    assert [step.is_empty for step in steps] == [False, True, False]


def test_rungs_are_never_compared_across_freshness_or_architectures() -> None:
    rows = [
        made_up_row("sasrec", 0.1, rung=Rung.IDS, freshness="frozen"),
        made_up_row("sasrec", 0.1, rung=Rung.CONTENT),
        made_up_row("hstu", 0.1, rung=Rung.IDS),
        replace(made_up_row("sasrec", 0.1, rung=Rung.IDS), variant="no prior"),
    ]
    assert study(rows).steps("next_play", "fresh") == []
    with pytest.raises(DataError, match="one freshness"):
        difference(rows[0], rows[1])


def test_a_gain_is_the_mean_over_architectures_that_have_both_rungs() -> None:
    rows = [
        *ladder("sasrec", {Rung.IDS: 0.08, Rung.CONTENT: 0.10}),
        *ladder("hstu", {Rung.IDS: 0.08, Rung.CONTENT: 0.09}),
        *ladder("gru4rec", {Rung.CONTENT: 0.5}),
        *ladder("asymmetric_mf", {Rung.IDS: 0.0, Rung.CONTENT: 0.5}, family=Family.SIMPLE),
    ]
    gain = study(rows).gain("next_play", "fresh", (Rung.CONTENT, Rung.IDS), (Family.DEEP,))
    assert gain is not None
    assert gain.difference.mean == pytest.approx(0.015, abs=0.001)


def test_seeds_are_averaged_query_by_query() -> None:
    one, other = per_query(0.08, seed=1), per_query(0.10, seed=2)
    both = average([one, other.sample(fraction=1.0, shuffle=True, seed=3)])
    expected = (one["ndcg@10"] + other["ndcg@10"]) / 2
    assert both["ndcg@10"].to_list() == pytest.approx(expected.to_list())
    assert both["coverage@10"].equals(one["coverage@10"])
    with pytest.raises(DataError, match="same queries"):
        average([one, other[1:]])


def test_the_spread_is_that_of_several_seeds() -> None:
    row = made_up_row("sasrec", 0.1)
    assert math.isnan(row.spread)
    assert replace(row, seed_means=(0.1, 0.12, 0.11)).spread == pytest.approx(0.02)


def test_days_since_the_cut_show_what_drifts() -> None:
    table = by_days_since_cut(per_query(0.1, drift=0.05), "ndcg@10", CUT, days=3)
    assert table["day"].to_list() == [0, 3, 6, 9]
    assert table["num_queries"].sum() == NUM_QUERIES
    assert table["mean"][0] - table["mean"][3] > 0.02
    assert (table["low"] < table["mean"]).all()


def test_halves_are_by_time_and_hold_the_same_queries_of_every_model() -> None:
    one, other = halves(per_query(0.1)), halves(per_query(0.2, seed=3).reverse())
    assert one[0]["timestamp"].max() < one[1]["timestamp"].min()  # type: ignore[operator]
    assert [part["query_id"].to_list() for part in one] == [
        part["query_id"].to_list() for part in other
    ]


def test_tasks_with_a_ladder_are_those_with_two_rungs_of_one_architecture() -> None:
    rows = [
        *ladder("sasrec", {Rung.IDS: 0.08, Rung.CONTENT: 0.1}),
        *ladder("mult_vae", {Rung.IDS: 0.08}, task="because_you_watched"),
        made_up_row("ease", 0.1, task="trending_now"),
    ]
    measured = study(rows)
    assert measured.tasks == ("next_play", "because_you_watched", "trending_now")
    assert measured.ladder_tasks == ("next_play",)
