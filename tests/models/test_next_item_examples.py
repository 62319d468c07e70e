import numpy as np
import pytest

from lolomo.training.models import next_item_examples
from lolomo.training.models.next_item_config import NextItemConfig
from lolomo.training.models.next_item_examples import NextItemEvents, packed_parts

NUM_EVENTS = 120


@pytest.fixture(scope="module")
def events() -> NextItemEvents:
    rng = np.random.default_rng(0)
    return NextItemEvents(
        users=rng.integers(15, size=NUM_EVENTS),
        items=rng.integers(9, size=NUM_EVENTS).astype(np.int32),
        timestamps=np.arange(NUM_EVENTS, dtype=np.int64),
        kinds=np.zeros(NUM_EVENTS, np.int32),
        kind_names=(),
        first_timestamps=np.zeros(9, np.int64),
    )


@pytest.mark.parametrize(("events_a_part", "num_parts"), [(NUM_EVENTS, 1), (50, 3)])
def test_every_event_is_a_target_once_in_however_many_parts(
    events: NextItemEvents, events_a_part: int, num_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_item_examples, "EVENTS_A_PART", events_a_part)
    config, rng = NextItemConfig(history_length=6), np.random.default_rng(0)
    parts = list(packed_parts(config, events, rng))
    targets = np.concatenate([packed.events[packed.is_target] for packed in parts])
    users = [set(events.users[packed.events[packed.events >= 0]].tolist()) for packed in parts]
    assert len(parts) == num_parts
    assert sorted(targets.tolist()) == list(range(NUM_EVENTS))
    assert sum(map(len, users)) == len(set().union(*users))


def test_only_users_with_new_events_and_as_many_others_are_packed(events: NextItemEvents) -> None:
    config, rng = NextItemConfig(history_length=6, replay=1.0), np.random.default_rng(0)
    (packed,) = packed_parts(config, events, rng, since=NUM_EVENTS - 3)
    found = set(events.users[packed.events[packed.events >= 0]].tolist())
    active = set(events.users[-3:].tolist())
    assert active <= found
    assert len(found) == 2 * len(active)
