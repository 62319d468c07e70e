import numpy as np

from lolomo.training.sequences import PackedSequences, pack_sequences


def _pack(events: list[tuple[int, int, int]], history_length: int = 4) -> PackedSequences:
    users, items, timestamps = (np.array(column) for column in zip(*events, strict=True))
    return pack_sequences(users, items.astype(np.int32), timestamps, history_length)


def _events(num_users: int = 40, num_events: int = 600) -> list[tuple[int, int, int]]:
    rng = np.random.default_rng(0)
    users = rng.integers(num_users, size=num_events) ** 2 // num_users
    return [(int(user), index + 1, 10 * (index // 2)) for index, user in enumerate(users)]


def test_every_event_is_predicted_exactly_once() -> None:
    packed = _pack(_events())
    assert sorted(packed.items[packed.is_target].tolist()) == list(range(1, 601))


def test_every_prediction_comes_from_strictly_earlier_in_the_same_window() -> None:
    packed = _pack(_events())
    rows, columns = np.nonzero(packed.is_target)
    sources = packed.sources[rows, columns]
    starts = packed.items[rows, sources] == 0
    earlier = packed.timestamps[rows, sources] < packed.timestamps[rows, columns]
    assert np.all(starts | earlier)
    assert np.all(packed.segments[rows, sources] == packed.segments[rows, columns])
    np.testing.assert_array_equal(packed.clocks[rows, sources], packed.timestamps[rows, columns])


def test_events_of_one_instant_are_predicted_from_the_same_token() -> None:
    packed = _pack([(0, 1, 10), (0, 2, 20), (0, 3, 20)])
    assert packed.sources[packed.is_target].tolist() == [0, 1, 1]


def test_long_sequences_are_predicted_with_at_least_a_quarter_of_a_history() -> None:
    packed = _pack([(0, index + 1, index) for index in range(23)])
    sources, columns = packed.sources[packed.is_target], np.nonzero(packed.is_target)[1]
    assert np.all(sources == columns - 1)
    assert sorted(columns.tolist()) == sorted([1, 2, 3, 4] + [2, 3, 4] * 6 + [2])


def test_short_sequences_share_rows() -> None:
    packed = _pack([(user, 1, user) for user in range(100)], history_length=9)
    assert packed.items.shape == (20, 10)
    assert (packed.segments > 0).all()
