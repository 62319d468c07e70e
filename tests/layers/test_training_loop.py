import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.config import (
    disable_op_determinism,
    is_op_determinism_enabled,
)

from lolomo.core.errors import ModelError
from lolomo.training.loop import Examples, LoopConfig, SummedAdam, train
from lolomo.training.streaming import StoredRows
from lolomo.training.workers import choose_strategy, join


class Line(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.dense.build((None, 3))
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.dense(inputs)

    def compute_loss(self, x: Any, y: Any, y_pred: Any, *_: Any, **__: Any) -> Any:
        return keras.ops.mean((keras.ops.cast(y_pred, "float32") - y) ** 2)


def _examples(num: int = 64, value: float = 1.0) -> Examples:
    x = np.random.default_rng(0).normal(size=(num, 3)).astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices((x, value * x[:, :1]))
    return Examples(training=dataset, num_training=num, batch_size=8, validation=dataset)


def _weights(model: keras.Model) -> np.ndarray:
    return np.concatenate([weight.numpy().ravel() for weight in model.weights])


def _stop_after(fraction: float) -> Callable[[float, str], None]:
    def progress(done: float, message: str) -> None:
        if done > fraction:
            raise KeyboardInterrupt

    return progress


def test_equal_seeds_give_equal_models_and_others_do_not() -> None:
    first, again, other = (
        _weights(train(Line, _examples(), LoopConfig(epochs=2), seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_killed_run_goes_on_from_its_last_epoch_and_leaves_nothing(tmp_path: Path) -> None:
    loop, seen = LoopConfig(epochs=4), list[str]()
    whole = train(Line, _examples(), loop, 1)
    with pytest.raises(KeyboardInterrupt):
        train(Line, _examples(), loop, 1, tmp_path, _stop_after(0.6))
    assert any(tmp_path.rglob("*.h5"))
    resumed = train(Line, _examples(), loop, 1, tmp_path, lambda done, note: seen.append(note))
    assert seen[0].startswith("epoch 3/4")
    np.testing.assert_allclose(_weights(resumed), _weights(whole), atol=0.01)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_patience_stops_a_run_that_no_longer_gets_better() -> None:
    seen: list[float] = []
    loop = LoopConfig(epochs=50, learning_rate=1.0, patience=1)
    train(Line, _examples(), loop, 0, progress=lambda done, note: seen.append(done))
    assert seen[-1] < 0.9


def test_progress_reaches_the_end() -> None:
    seen: list[float] = []
    train(Line, _examples(), LoopConfig(epochs=3), 0, progress=lambda done, _: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_loss_that_is_no_number_is_an_error() -> None:
    with pytest.raises(ModelError, match="not a number"):
        train(Line, _examples(value=float("nan")), LoopConfig(), 0)


def test_no_examples_are_an_error() -> None:
    with pytest.raises(ModelError, match="0 examples"):
        train(Line, _examples(num=0), LoopConfig(), 0)


def test_mixed_precision_computes_in_bfloat16_and_is_put_back() -> None:
    model = train(Line, _examples(), LoopConfig(epochs=1, mixed_precision=True), 0)
    assert model.dense.compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_xla_is_switched_by_config_and_learns_the_same() -> None:
    plain, compiled = (
        train(Line, _examples(), LoopConfig(epochs=1, xla=xla), 0) for xla in (False, True)
    )
    assert (plain.jit_compile, compiled.jit_compile) == (False, True)
    np.testing.assert_allclose(_weights(compiled), _weights(plain), atol=1e-5)


@pytest.mark.usefixtures("determinism_ends")
def test_deterministic_runs_give_equal_models() -> None:
    loop = LoopConfig(epochs=2, deterministic=True)
    first, again = (_weights(train(Line, _examples(), loop, 1)) for _ in range(2))
    assert is_op_determinism_enabled()
    np.testing.assert_array_equal(first, again)


@pytest.fixture
def determinism_ends() -> Iterator[None]:
    """TensorFlow has no public way back."""
    yield
    disable_op_determinism()


@pytest.mark.parametrize("steps", [3, 100])
def test_steps_taken_at_once_change_nothing(steps: int) -> None:
    seen: list[float] = []
    one, some = (
        train(Line, _examples(), LoopConfig(epochs=2, steps_per_execution=num), 1)
        for num in (1, steps)
    )
    np.testing.assert_allclose(_weights(some), _weights(one), atol=1e-6)
    loop = LoopConfig(epochs=2, steps_per_execution=steps)
    train(Line, _examples(), loop, 1, progress=lambda done, _: seen.append(done))
    assert seen[-1] == 1.0


def test_rows_on_disk_are_learned_from_as_rows_in_memory_are(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    rows = StoredRows.write([{"x": x[:40], "y": x[:40, :1]}, {"x": x[40:], "y": x[40:, :1]}])
    examples = replace(
        _examples(), training=rows, to_example=lambda batch: (batch["x"], batch["y"])
    )
    loop = LoopConfig(epochs=30, learning_rate=0.1)
    stored, held = (_weights(train(Line, some, loop, 1)) for some in (examples, _examples()))
    np.testing.assert_allclose(stored, held, atol=0.01)


def test_workers_named_by_tensorflows_own_configuration_train_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:1"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: "both")
    join.cache_clear()
    try:
        assert choose_strategy() == "both"
    finally:
        join.cache_clear()


@pytest.mark.parametrize(
    ("gpus", "expected"), [(0, tf.distribute.get_strategy), (2, tf.distribute.MirroredStrategy)]
)
def test_the_strategy_follows_from_what_the_node_has(
    gpus: int, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"] * gpus)
    kind = expected if isinstance(expected, type) else type(expected())
    assert isinstance(choose_strategy(), kind)


def test_a_row_that_is_looked_up_twice_is_moved_by_the_sum_of_what_both_say() -> None:
    steps = tf.constant([[3.0], [4.0], [0.5]])
    dense = tf.constant([[0.5], [7.0]])
    moved = []
    for gradient in (tf.IndexedSlices(steps, [1, 1, 0], (2, 1)), dense):
        rows = keras.Variable(np.zeros((2, 1), np.float32))
        optimizer = SummedAdam(0.1, clipnorm=1.0)
        for _ in range(3):
            optimizer.apply([gradient], [rows])
            gradient = tf.convert_to_tensor(gradient) * [[1.0], [0.3]]
        moved.append(rows.numpy())
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-6)
