"""A real Redis as online store: the same values as SQLite, replaced at once, and never waited for.

What Feast does differently there, and why it does not matter to us: a user it never saw is reported
PRESENT, with empty values as of 1970, and a view's time to live is not applied. Our reads take an
empty value for missing whatever its status, and age is told by the snapshot's own timestamps.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from redis_server import RedisServer, needs_redis, running_redis

from lolomo.core.errors import FeatureError
from lolomo.features import FeatureStore, OnlineFeatures
from lolomo.features.redis_place import RedisPlace
from lolomo.features.repository import YAML, Repository

pytestmark = needs_redis


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="module")
def on_redis(make_store: Any, log: Any, cut: datetime, server: RedisServer) -> FeatureStore:
    """A store of its own, materialised to Redis as of `cut`."""
    store: FeatureStore = replace(make_store(log), redis=server.address)
    store.materialize(cut)
    return store


@pytest.fixture(scope="module")
def online(on_redis: FeatureStore) -> OnlineFeatures:
    return on_redis.online()


def test_redis_answers_as_sqlite_does(
    online: OnlineFeatures, store: FeatureStore, cut: datetime
) -> None:
    there = store.online()
    for user_id in [*store.users_known, "nobody"]:
        assert online.user(user_id, cut) == there.user(user_id, cut), user_id


def test_feast_reports_a_missing_user_as_present_and_we_do_not(
    on_redis: FeatureStore, online: OnlineFeatures, cut: datetime
) -> None:
    reference = ["user_activity:user_plays_total"]
    rows = [{"user_id": "nobody"}]
    answer = on_redis.repository.open().get_online_features(features=reference, entity_rows=rows)
    assert list(answer.proto.results[1].statuses) == [1]  # PRESENT
    assert online.user("nobody", cut)["user_plays_total"] is None


def test_materializing_again_replaces_everything_even_by_an_earlier_time(
    on_redis: FeatureStore, log: Any, cut: datetime, server: RedisServer
) -> None:
    first = log.table["timestamp"].min()
    on_redis.materialize(first)
    earlier = on_redis.online()
    assert earlier.user("u3", first)["user_plays_total"] is None
    on_redis.materialize(cut)
    assert on_redis.online().user("u3", cut)["user_plays_total"]
    with RedisPlace(f"{server.address},db=1").client() as staging:
        assert staging.dbsize() == 0


def test_what_is_not_ours_is_never_emptied(server: RedisServer) -> None:
    with RedisPlace(f"{server.address},db=3").client() as other:
        other.set("theirs", "1")
        with (
            pytest.raises(FeatureError, match="did not put there"),
            RedisPlace(f"{server.address},db=2").replacing(),
        ):
            pass
        assert other.get("theirs") == b"1"


def test_a_replacement_that_fails_changes_nothing(server: RedisServer) -> None:
    place = RedisPlace(f"{server.address},db=2")
    with place.client() as client, RedisPlace(f"{server.address},db=3").client() as staging:
        staging.flushdb()
        client.set("served", "1")
        with pytest.raises(KeyboardInterrupt), place.replacing():
            raise KeyboardInterrupt
        assert client.get("served") == b"1"


def test_a_stalled_redis_is_given_up_in_a_fraction_of_a_second(
    online: OnlineFeatures, server: RedisServer, cut: datetime
) -> None:
    server.stall()
    try:
        started = time.monotonic()
        with pytest.raises(redis.RedisError):
            online.user("u3", cut)
        assert time.monotonic() - started < 2
    finally:
        server.resume()
    assert online.user("u3", cut)["user_plays_total"]


def test_the_file_for_feasts_own_client_holds_no_password(tmp_path: Path) -> None:
    Repository(tmp_path, "localhost:6379,db=1,password=hidden").apply([])
    written = yaml.safe_load((tmp_path / YAML).read_text())
    assert "password=${LOLOMO_REDIS_PASSWORD}" in written["online_store"]["connection_string"]
    assert "hidden" not in str(written)


@pytest.mark.parametrize("connection", ["localhost", "a:1,b:2", "localhost:1,db=x"])
def test_a_connection_that_is_not_as_feast_has_it_is_refused(connection: str) -> None:
    with pytest.raises(FeatureError, match="expected one server"):
        RedisPlace(connection).options()


def test_a_server_out_of_reach_is_an_error_with_its_reason() -> None:
    with pytest.raises(FeatureError, match="nothing that is served"), _nowhere().replacing():
        pass


def _nowhere() -> RedisPlace:
    with running_redis() as server:
        return RedisPlace(server.address)
