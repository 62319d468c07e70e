"""Hot swap: pins change, and the next page comes from other releases; none is dropped or mixed."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lolomo import runtimes
from lolomo.core.errors import ReleaseError
from lolomo.core.files import digest_of
from lolomo.core.recommender import Query, Scores
from lolomo.core.release import Card, Release, ReleaseStore
from lolomo.core.rollout import Canary, Rollout
from lolomo.serving.bentos import Front, PageAnswer, PageRequest
from lolomo.serving.releases import Source, Swap, load_champion, swap
from lolomo.serving.steps import Resources
from lolomo.tasks import all_tasks

USERS = [f"user-{number}" for number in range(40)]


class Numbered:
    """Scores items by their number, up or down as its release says."""

    inputs = ("candidates", "item_plays_7d")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.wait: Callable[[], None] = lambda: None

    def rank(self, query: Query) -> Scores:
        self.wait()
        return np.asarray(self.sign * query["item_plays_7d"], np.float32)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Load releases without a framework; return the models that were loaded, in order."""
    names: list[str] = []

    def load(release: Release) -> Numbered:
        names.append(release.card.model)
        return Numbered(-1.0 if release.card.model == "down" else 1.0)

    monkeypatch.setattr(runtimes, "load", load)
    return names


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def publish(store: ReleaseStore, model: str, **more: Any) -> str:
    """Publish a release that is nothing but its card and a file; return its digest."""
    files = store.root.parent / "files"
    files.mkdir(exist_ok=True)
    (files / "model.txt").write_text(model)
    texts = ("runtime", "data_fingerprint", "feature_service", "reward", "code_version")
    values: dict[str, Any] = {
        **dict.fromkeys(texts, ""),
        "task": "trending_now",
        "model": model,
        "method": "rank",
        "metrics": {},
        "gate": {},
        "inputs": Numbered.inputs,
        "config": {},
        "data_window": ("", ""),
    }
    return store.publish(files, Card(**values | more)).digest


@pytest.fixture
def front(resources: Resources, store: ReleaseStore, loaded: list[str]) -> Front:
    """Return a front that serves what is pinned: `up`."""
    store.pin("trending_now", publish(store, "up"))
    source = Source(store, {"trending_now": all_tasks()["trending_now"]})
    front = Front(replace(resources, tasks=source.tasks, champions={}), deadline_seconds=5.0)
    front.deployment = swap.load_deployment(source, front.resources)
    front.follow(source)
    return front


async def page(front: Front, user_id: str = "bob") -> PageAnswer:
    return await front.page(PageRequest(user_id=user_id))


def first(answer: PageAnswer) -> str:
    return answer.rows[0].entries[0]["item_id"]


def swap_now(front: Front) -> Swap:
    assert front.swapper is not None
    return asyncio.run(front.swapper.swap())


def test_the_next_page_comes_from_the_new_pin_and_a_rollback_is_the_same(
    front: Front, store: ReleaseStore
) -> None:
    up, down = store.pins()["trending_now"], publish(store, "down")
    for digest, item in ((down, "0000"), (up, "0059")):
        store.pin("trending_now", digest)
        assert swap_now(front).outcome == "swapped"
        answer = asyncio.run(page(front))
        assert (answer.releases["trending_now"], first(answer)) == (digest, item)


def test_a_request_in_flight_ends_with_the_releases_that_it_began_with(
    front: Front, store: ReleaseStore
) -> None:
    async def swap_during_a_page() -> tuple[PageAnswer, PageAnswer]:
        begun = asyncio.create_task(page(front))
        await asyncio.sleep(0)
        store.pin("trending_now", publish(store, "down"))
        assert front.swapper is not None
        await front.swapper.swap()
        return await begun, await page(front)

    before, after = asyncio.run(swap_during_a_page())
    assert (first(before), first(after)) == ("0059", "0000")
    assert before.releases != after.releases


def spoil_file(store: ReleaseStore) -> str:
    digest = publish(store, "down")
    (store.root / digest / "model.txt").write_text("other")
    return digest


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (spoil_file, "does not match its card"),
        (lambda store: publish(store, "down", inputs=("shoe_size",)), "does not provide"),
        (lambda store: publish(store, "down", task="next_play"), "expected one of that task"),
        (lambda store: publish(store, "down", method="retrieve"), "was loaded cannot"),
        (lambda store: "0" * 64, "no release at"),
    ],
)
def test_a_release_that_fails_its_checks_never_serves(
    front: Front, store: ReleaseStore, make: Any, why: str
) -> None:
    store.pin("trending_now", make(store))
    outcome = swap_now(front)
    assert outcome.outcome == "refused"
    assert why in outcome.error
    answer = asyncio.run(page(front))
    assert (first(answer), answer.degraded) == ("0059", {})


def test_releases_that_stay_are_not_loaded_again(
    front: Front, store: ReleaseStore, loaded: list[str]
) -> None:
    store.pin("trending_now", store.pins()["trending_now"])
    assert swap_now(front).outcome == "unchanged"
    assert loaded == ["up"]


def try_out(store: ReleaseStore, digest: str, percent: float = 50.0) -> None:
    canary = Canary(digest=digest, percent=percent, salt="trial")
    Rollout(store.root).set_canary("trending_now", canary)


def test_two_releases_serve_side_by_side_and_a_user_stays_on_one(
    front: Front, store: ReleaseStore
) -> None:
    try_out(store, publish(store, "down"))
    swap_now(front)
    sides = [first(asyncio.run(page(front, user))) for user in USERS]
    assert 10 < sides.count("0000") < 30
    assert sides == [first(asyncio.run(page(front, user))) for user in USERS]


def test_a_canary_that_cannot_be_loaded_leaves_the_champion_and_says_so(
    front: Front, store: ReleaseStore
) -> None:
    try_out(store, spoil_file(store), 100.0)
    swap_now(front)
    answer = asyncio.run(page(front))
    assert first(answer) == "0059"
    assert answer.degraded["trending_now"].startswith("no-canary: ")


def test_changed_pins_are_noticed_and_served(
    front: Front, store: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "WATCH_SECONDS", 0.01)

    async def promote_while_serving() -> PageAnswer:
        await front.open()
        store.pin("trending_now", publish(store, "down"))
        for _ in range(200):
            await asyncio.sleep(0.01)
            if front.swapper and front.swapper.last.outcome == "swapped":
                break
        answer = await page(front)
        await front.close()
        return answer

    assert first(asyncio.run(promote_while_serving())) == "0000"


def test_what_serves_can_be_told(front: Front, store: ReleaseStore) -> None:
    try_out(store, publish(store, "down"), 5.0)
    swap_now(front)
    assert front.swapper is not None
    told = json.loads(json.dumps(front.swapper.describe()))
    assert told["releases"]["trending_now"]["model"] == "up"
    assert told["canaries"]["trending_now"]["percent"] == 5.0
    assert told["last_swap"]["outcome"] == "swapped"


def test_a_card_of_the_version_before_is_read(store: ReleaseStore, loaded: list[str]) -> None:
    """The version before wrote no `seed` and no `continued_from`, nor a golden request."""
    release = store.open(publish(store, "up"))
    values = release.card.content
    del values["seed"], values["continued_from"]
    older = digest_of(values)
    release.path.rename(store.root / older)
    (store.root / older / "card.json").write_text(json.dumps(values))
    assert load_champion(store.open(older), all_tasks()["trending_now"]).digest == older
    with pytest.raises(ReleaseError, match="unknown"):
        Card.from_json(json.dumps({**values, "of_a_later_version": 1}))
