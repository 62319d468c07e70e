import numpy as np

from lolomo.training.layers.causal_attention import (
    NUM_KNOTS,
    CausalAttentionBlock,
    RelativeTimeBias,
)

LENGTH, DIM = 6, 8


def _visible(rows: int = 1) -> np.ndarray:
    return np.repeat(np.tril(np.ones((LENGTH, LENGTH), bool))[None], rows, axis=0)


def test_a_later_state_never_changes_an_earlier_one() -> None:
    block = CausalAttentionBlock(DIM, num_heads=2, length=LENGTH, timed=True, dropout=0.5)
    rng = np.random.default_rng(0)
    states = rng.normal(size=(1, LENGTH, DIM)).astype(np.float32)
    gaps = rng.random((1, LENGTH, LENGTH)).astype(np.float32)
    before = np.asarray(block(states, gaps, _visible()))
    states[0, -1] += 1.0
    after = np.asarray(block(states, gaps, _visible()))
    np.testing.assert_allclose(before[0, :-1], after[0, :-1], atol=1e-6)
    assert not np.allclose(before[0, -1], after[0, -1])


def test_the_gap_bias_is_linear_between_knots() -> None:
    bias = RelativeTimeBias(num_heads=1, length=LENGTH)
    bias.build((None, LENGTH, LENGTH))
    bias.by_gap.assign(np.arange(NUM_KNOTS, dtype=np.float32)[:, None] ** 2)
    gaps = np.zeros((1, LENGTH, LENGTH), np.float32)
    gaps[0, 0, :5] = np.array([0.0, 0.5, 1.0, 1.5, 2.0]) / (NUM_KNOTS - 1)
    values = np.asarray(bias(gaps))[0, 0, 0, :5]
    np.testing.assert_allclose(values, [0.0, 0.5, 1.0, 2.5, 4.0], atol=1e-5)
