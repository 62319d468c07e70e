"""Composing a page: genre rows, policies, knobs, and what members turned down."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from lolomo.core.policy import Greedy, PlackettLuce, policy_id
from lolomo.serving.bentos import Front, Limits, PageAnswer, PageRequest
from lolomo.serving.steps import Layout, Resources

LIMITS = Limits(titles=5)


def page_of(resources: Resources, user_id: str = "ann") -> PageAnswer:
    front = Front(resources, deadline_seconds=5.0)
    return asyncio.run(front.page(PageRequest(user_id=user_id, limits=LIMITS)))


def test_genre_rows_hold_that_genre_and_say_so(front: Front) -> None:
    rows = page_of(front.resources).rows
    comedy = next(row for row in rows if row.title == "Comedy for you")
    assert all("Comedy" in entry["genres"] for entry in comedy.entries)
    assert comedy.entries[0]["why"].startswith("you watch Comedy")


def test_without_genre_rows_the_page_has_the_rows_of_the_tasks(resources: Resources) -> None:
    plain = replace(resources, layout=Layout(genre_rows=0))
    assert len(page_of(plain).rows) == len(page_of(resources).rows) - 2


def test_a_policy_draws_last_and_its_propensities_are_shown(resources: Resources) -> None:
    policy = PlackettLuce(temperature=5.0)
    first = page_of(replace(resources, policies={"top_picks": policy})).rows[0]
    propensities = [entry["propensity"] or 0.0 for entry in first.entries]
    assert first.policy_id == policy_id(policy)
    assert first.propensity == pytest.approx(np.prod(propensities))
    assert all(0 < propensity < 1 for propensity in propensities)


def test_a_greedy_policy_draws_what_is_shown_without_one(resources: Resources) -> None:
    drawn = page_of(replace(resources, policies=dict.fromkeys(resources.tasks, Greedy())))
    plain = page_of(resources)
    for one, other in zip(drawn.rows, plain.rows, strict=True):
        assert one.entries == other.entries
        assert one.propensity == other.propensity == 1.0


def test_what_a_user_turned_down_is_not_shown(resources: Resources) -> None:
    shown = {entry["item_id"] for row in page_of(resources).rows for entry in row.entries}
    unwanted = frozenset(sorted(shown)[:5])
    page = page_of(replace(resources, turned_down={"ann": unwanted}))
    assert not unwanted & {entry["item_id"] for row in page.rows for entry in row.entries}


@pytest.mark.parametrize("layout", [Layout(calibration=0.9), Layout(diversity=0.9)])
def test_a_knob_changes_the_row_and_repeats_nothing(resources: Resources, layout: Layout) -> None:
    pages = [page_of(replace(resources, layout=each)) for each in (Layout(), layout)]
    plain, turned = ([entry["item_id"] for entry in page.rows[0].entries] for page in pages)
    assert plain != turned
    everything = [entry["title"] for row in pages[1].rows for entry in row.entries]
    assert len(everything) == len(set(everything))
