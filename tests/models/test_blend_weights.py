"""Lists whose answers follow known weights give them back."""

import numpy as np
import pytest

from lolomo.training.models.blend_weights import NEVER, AnsweredLists, blend_weights


def _lists(truth: list[float], num_lists: int = 2000, length: int = 80) -> AnsweredLists:
    """Return lists whose answers were drawn by the softmax of the true weighted sums."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(num_lists, length, len(truth))).astype(np.float32)
    answers = (values @ truth + rng.gumbel(size=(num_lists, length))).argmax(axis=1)
    rows = np.arange(num_lists)
    first = values[:, 0].copy()
    values[:, 0] = values[rows, answers]
    values[rows, answers] = np.where(answers[:, None] == 0, values[:, 0], first)
    return AnsweredLists(values, np.zeros((num_lists, length), np.float32))


def test_the_true_weights_are_found() -> None:
    truth = [2.0, 1.0, -0.5]
    np.testing.assert_allclose(blend_weights(_lists(truth)), truth, rtol=0.15)


def test_padding_changes_nothing() -> None:
    lists = _lists([1.0, 2.0], num_lists=300)
    never = np.full((len(lists), 5), NEVER, np.float32)
    padded = AnsweredLists(
        np.concatenate([lists.values, lists.values[:, :5]], axis=1),
        np.concatenate([lists.offsets, never], axis=1),
    )
    assert blend_weights(padded) == pytest.approx(blend_weights(lists), rel=0.05)


def test_without_lists_the_network_counts_as_it_is() -> None:
    nothing = AnsweredLists(np.zeros((0, 4, 3), np.float32), np.zeros((0, 4), np.float32))
    assert blend_weights(nothing)[0] == 1.0
