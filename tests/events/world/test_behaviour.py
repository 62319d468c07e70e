"""The chance of each play is known in closed form: what is drawn must agree with it."""

import numpy as np
import pytest
from events.world.tiny_world import small

from lolomo.events.world import WORLDS
from lolomo.events.world.behaviour import Behaviour, Slots
from lolomo.events.world.population import draw_titles

SLOTS = Slots.grid(2, 3)


def behaviour(name: str) -> Behaviour:
    config = small(name)
    return Behaviour(config, draw_titles(config, np.random.default_rng(0)))


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_plays_are_drawn_as_often_as_their_chance_says(name: str) -> None:
    laws, rng = behaviour(name), np.random.default_rng(1)
    attraction = np.tile([0.5, 0.1, 0.3, 0.2, 0.6, 0.4], (20_000, 1))
    drawn = laws.plays(attraction, SLOTS, rng).mean(axis=0)
    np.testing.assert_allclose(drawn, laws.chances(attraction[:1], SLOTS)[0], atol=0.015)


def test_a_cascade_ends_with_the_first_play() -> None:
    laws, rng = behaviour("cascade"), np.random.default_rng(1)
    plays = laws.plays(np.full((2_000, 6), 0.5), SLOTS, rng)
    assert plays.sum(axis=1).max() == 1


def test_what_stands_lower_or_further_right_is_seen_less() -> None:
    seen = behaviour("position-biased").chances(np.ones((1, 6)), SLOTS)[0]
    assert seen[0] == 1
    assert (np.diff(seen[:3]) < 0).all()
    assert (seen[3:] < seen[:3]).all()


def test_members_who_seek_novelty_tire_of_a_genre() -> None:
    laws = behaviour("novelty-seeking")
    genre = laws.titles.genres.argmax(axis=1)
    same = np.flatnonzero(genre == genre[0])[:4]
    others = np.append(np.flatnonzero(genre != genre[0])[:3], same[3])
    taste, profile = np.zeros((1, 12), np.float32), np.zeros((1, 18), np.float32)
    last = [
        laws.attraction(taste, profile, np.zeros((1, 4), bool), items[None], 1.0)[0, 3]
        for items in (same, others)
    ]
    assert last[0] < last[1]


def test_satisfaction_has_the_mean_that_it_should() -> None:
    laws, rng = behaviour("cascade"), np.random.default_rng(1)
    drawn = laws.satisfactions(np.full((20_000, 1), 0.3), rng)
    assert drawn.mean() == pytest.approx(0.3, abs=0.01)
    assert 0 <= drawn.min() < drawn.max() <= 1
