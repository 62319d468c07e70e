import keras
import numpy as np

from lolomo.training.layers.candidate_attention import CandidateAttention

DIM = 4


def _attend(present: list[bool], seed: int = 0) -> np.ndarray:
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(0)
    candidates = rng.normal(size=(1, 3, DIM)).astype(np.float32)
    history = rng.normal(size=(1, 5, DIM)).astype(np.float32)[:, -len(present) :]
    gaps = np.linspace(1, 0, 5, dtype=np.float32)[None, -len(present) :]
    return np.asarray(CandidateAttention(DIM)(candidates, history, gaps, np.array([present])))


def test_an_empty_history_tells_a_candidate_nothing() -> None:
    np.testing.assert_array_equal(_attend([False] * 5), np.zeros((1, 3, 2 * DIM + 1)))


def test_padding_changes_nothing() -> None:
    padded, bare = _attend([False, False, True, True, True]), _attend([True] * 3)
    np.testing.assert_allclose(padded[..., :-1], bare[..., :-1], atol=1e-5)
    np.testing.assert_allclose(padded, bare, atol=0.1)


def test_each_candidate_finds_something_else_in_the_history() -> None:
    found = _attend([True] * 5)[0, :, :DIM]
    assert not np.allclose(found[0], found[1])
