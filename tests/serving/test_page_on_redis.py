"""Pages whose users are read from a real Redis, also while it hangs, is gone, and is back."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from redis_server import RedisServer, needs_redis, running_redis

from lolomo.cli import lolomo
from lolomo.core.recommender import Query, Scores
from lolomo.core.settings import Workspace
from lolomo.features import FeatureStore
from lolomo.serving.bentos import Front, PageAnswer, PageRequest
from lolomo.serving.steps import Champion, Resources
from lolomo.tasks import TRENDING_NOW

pytestmark = needs_redis
DEADLINE_SECONDS = 1.0


@dataclass
class ByPlays:
    """Ranks items by their plays."""

    inputs: tuple[str, ...] = ("candidates", "item_plays_7d")

    def rank(self, query: Query) -> Scores:
        return np.asarray(query["item_plays_7d"], np.float32)


@pytest.fixture(scope="module")
def home(tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own: what it materialises is not where other tests look."""
    home = tmp_path_factory.mktemp("on-redis") / "home"
    shutil.copytree(tiny_home, home)
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[RedisServer]:
    """Redis, filled by the command as a deployment would."""
    with running_redis() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOLOMO_HOME", str(home))
        patch.setenv("LOLOMO_REDIS", server.address)
        done = CliRunner().invoke(lolomo, ["features", "materialize", "--dataset", "tiny"])
        assert done.exit_code == 0, done.output
        yield server


@pytest.fixture(scope="module")
def front(server: RedisServer, home: Path) -> Front:
    features = FeatureStore(Workspace(home / "tiny"), server.address).online()
    champion = Champion("a" * 64, "popularity", ByPlays())
    tasks = {TRENDING_NOW.name: TRENDING_NOW}
    resources = Resources(tasks, {TRENDING_NOW.name: champion}, features)
    return Front(resources, deadline_seconds=DEADLINE_SECONDS)


async def page(front: Front) -> PageAnswer:
    return await front.page(PageRequest(user_id="u1"))


def test_a_page_is_made_from_redis(front: Front) -> None:
    answer = asyncio.run(page(front))
    assert answer.degraded == {}
    assert answer.rows[0].entries
    assert asyncio.run(front.context(PageRequest(user_id="u1"))).user.history


def test_a_redis_that_hangs_costs_the_page_its_history_and_no_more(
    front: Front, server: RedisServer
) -> None:
    server.stall()
    try:
        started = time.monotonic()
        answer = asyncio.run(page(front))
        assert time.monotonic() - started < 2 * DEADLINE_SECONDS
        assert answer.degraded == {"features": "no-features"}
        assert answer.rows[0].entries
    finally:
        server.resume()


def test_a_redis_that_was_killed_is_read_again_when_it_is_back(
    front: Front, server: RedisServer
) -> None:
    server.kill()
    assert asyncio.run(page(front)).degraded == {"features": "no-features"}
    with running_redis(port=int(server.address.rpartition(":")[2])):
        degraded = [asyncio.run(after_a_rest(front)).degraded for _ in range(8)]
    assert degraded[-1] == {}


async def after_a_rest(front: Front) -> PageAnswer:
    await asyncio.sleep(0.3)
    return await page(front)
