from collections.abc import Sequence
from dataclasses import replace

import pytest
from evaluation.made_up_study import ladder, made_up_row, per_query, study, whole_study

from lolomo.evaluation.claims import CLAIMS, Finding, Verdict, findings
from lolomo.evaluation.ladder import NO_PRIOR, Family, Row, Rung, Study, average

HOLDS, FAILS, OPEN = Verdict.HOLDS, Verdict.DOES_NOT_HOLD, Verdict.INCONCLUSIVE
IDS, CONTENT, CONTEXT = Rung.IDS, Rung.CONTENT, Rung.CONTEXT
BUCKETS, CONTINUOUS, ABSOLUTE = Rung.DISCRETISED_TIME, Rung.CONTINUOUS_TIME, Rung.ABSOLUTE_TIME
BYW = "because_you_watched"


def found(number: int, measured: Study, freshness: str = "fresh") -> Finding:
    """Return what a study says of one claim."""
    return next(
        finding
        for finding in findings(measured)
        if (finding.claim.number, finding.freshness) == (number, freshness)
    )


def simple(model: str, mean: float, task: str = "next_play") -> Row:
    return made_up_row(model, mean, task=task, family=Family.SIMPLE)


def rankers(deep: float, trees: float) -> list[Row]:
    return [
        *ladder("deep_ranker", {CONTINUOUS: deep}, task="top_picks"),
        *ladder("lightgbm_ranker", {CONTINUOUS: trees}, task="top_picks", family=Family.TREES),
    ]


CASES: tuple[tuple[int, list[Row], Verdict], ...] = (
    (1, [simple(m, v, t) for m, v, t in (("a", 0.1, "next_play"), ("b", 0.05, "next_play"),
                                         ("a", 0.05, BYW), ("b", 0.1, BYW))], HOLDS),
    (1, [simple(m, v, t) for m, v, t in (("a", 0.1, "next_play"), ("b", 0.05, "next_play"),
                                         ("a", 0.1, BYW), ("b", 0.05, BYW))], FAILS),
    (1, [simple(m, v, t) for m, v, t in (("a", 0.1, "next_play"), ("b", 0.05, "next_play"),
                                         ("c", 0.1, BYW), ("d", 0.05, BYW))], OPEN),
    (2, [simple("ease", 0.1), *ladder("sasrec", {IDS: 0.08, CONTENT: 0.2})], HOLDS),
    (2, [simple("ease", 0.1), *ladder("sasrec", {IDS: 0.12, CONTENT: 0.2})], FAILS),
    (2, [simple("ease", 0.1)], OPEN),
    (3, ladder("sasrec", {IDS: 0.08, CONTEXT: 0.1}), HOLDS),
    (3, ladder("sasrec", {IDS: 0.1, CONTEXT: 0.08}), FAILS),
    (3, ladder("sasrec", {IDS: 0.1, CONTEXT: 0.1001}), OPEN),
    (3, ladder("amf", {IDS: 0.08, CONTEXT: 0.1}, family=Family.SIMPLE), OPEN),
    (4, ladder("sasrec", {CONTEXT: 0.08, CONTINUOUS: 0.1}), HOLDS),
    (4, ladder("sasrec", {CONTEXT: 0.1, CONTINUOUS: 0.08}), FAILS),
    (5, ladder("sasrec", {BUCKETS: 0.08, CONTINUOUS: 0.1}), HOLDS),
    (5, ladder("sasrec", {BUCKETS: 0.1, CONTINUOUS: 0.08}), FAILS),
    (6, ladder("sasrec", {CONTEXT: 0.08, ABSOLUTE: 0.1}), HOLDS),
    (6, [*ladder("sasrec", {CONTEXT: 0.1}),
         *ladder("sasrec", {ABSOLUTE: 0.11}, drift=0.05)], FAILS),
    (7, rankers(0.12, 0.10), HOLDS),
    (7, rankers(0.1, 0.1), HOLDS),
    (7, rankers(0.08, 0.10), FAILS),
    (7, rankers(0.08, 0.10)[:1], OPEN),
)  # fmt: skip


@pytest.mark.parametrize(("number", "rows", "verdict"), CASES)
def test_a_claim_is_decided_by_the_interval_of_a_paired_difference(
    number: int, rows: Sequence[Row], verdict: Verdict
) -> None:
    finding = found(number, study(rows))
    assert finding.verdict is verdict, finding.words
    assert finding.words.endswith(".")


@pytest.mark.parametrize(("alone", "verdict"), [(0.08, HOLDS), (0.12, FAILS)])
def test_on_ids_a_network_alone_decides_and_what_is_added_to_it_is_told_beside(
    alone: float, verdict: Verdict
) -> None:
    rows = [simple("ease", 0.1), *ladder("sasrec", {IDS: 0.13, CONTENT: 0.2})]
    finding = found(2, study([*rows, *ladder("sasrec", {IDS: alone}, variant=NO_PRIOR)]))
    assert finding.verdict is verdict
    assert "With counts added, sasrec (ids) beats ease" in finding.words
    assert [each.decides for each in finding.evidence] == [True, False]


def of_seeds(row: Row, means: dict[int, float]) -> Row:
    tables = {seed: per_query(mean, seed=seed) for seed, mean in means.items()}
    return replace(row, by_seed=tables, per_query=average(list(tables.values())))


def test_rungs_are_compared_on_the_seeds_that_both_have_and_by_seed_too() -> None:
    lower, higher = ladder("sasrec", {CONTEXT: 0.08, CONTINUOUS: 0.1})
    lower = of_seeds(lower, {1: 0.08, 2: 0.09})
    finding = found(4, study([lower, of_seeds(higher, {1: 0.081, 2: 0.091, 3: 0.2})]))
    assert finding.evidence[0].comparison.difference.mean == pytest.approx(0.001, abs=0.001)
    assert "sasrec by seed: +0.0" in finding.words
    assert "by seed" not in found(4, study([lower, higher])).words


def test_gains_of_two_tasks_that_contradict_each_other_are_inconclusive() -> None:
    rows = [
        *ladder("sasrec", {CONTEXT: 0.08, CONTINUOUS: 0.1}),
        *ladder("deep_ranker", {CONTEXT: 0.1, CONTINUOUS: 0.08}, task="top_picks"),
    ]
    assert found(4, study(rows)).verdict is OPEN


def test_a_gain_at_one_freshness_says_nothing_at_the_other() -> None:
    rows = ladder("sasrec", {CONTEXT: 0.08}, freshness="frozen")
    rows += ladder("sasrec", {CONTINUOUS: 0.2}, freshness="fresh")
    for freshness in ("frozen", "fresh"):
        finding = found(4, study(rows), freshness)
        assert finding.verdict is OPEN
        assert "Not measured" in finding.words


@pytest.fixture(scope="module")
def few_users() -> Study:
    return whole_study(num_users=499)


def test_fewer_than_500_users_decide_nothing_and_the_words_say_so(few_users: Study) -> None:
    for finding in findings(few_users):
        assert finding.verdict is OPEN
        assert "Fewer than 500 users were judged" in finding.words
        assert "the intervals alone would say" in finding.words


def test_every_claim_is_asked_frozen_and_fresh() -> None:
    asked = [(finding.claim, finding.freshness) for finding in findings(study([]))]
    assert asked == [(claim, freshness) for claim in CLAIMS for freshness in ("frozen", "fresh")]
