"""One worker of a fit, started by `test_workers.py` with its own TF_CONFIG.

Prints its progress, then the loss on all examples of what it has fitted.
"""

import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from lolomo.training.loop import Examples, LoopConfig, train

EPOCHS = 6


class Line(keras.Model):  # type: ignore[misc]
    """A small regression that computes its own loss, as all models of Lolomo do."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="relu")
        self.out = keras.layers.Dense(1)

    @override
    def call(self, inputs: dict[str, Any]) -> Any:
        return self.out(self.hidden(inputs["x"]))

    @override
    def compute_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return keras.ops.mean((y - y_pred) ** 2)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path, pause_seconds: float) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(64, 4)).astype(np.float32)
    targets = inputs.sum(1, keepdims=True)

    def build() -> Line:
        model = Line()
        model({"x": inputs[:1]})
        return model

    def progress(fraction: float, message: str) -> None:
        say(f"at {fraction:.2f} {message}")
        time.sleep(pause_seconds)

    data = tf.data.Dataset.from_tensor_slices(({"x": inputs}, targets))
    examples = Examples(training=data, num_training=64, batch_size=64)
    model = train(build, examples, LoopConfig(epochs=EPOCHS), 7, folder, progress)
    loss = float(np.mean((model({"x": inputs}).numpy() - targets) ** 2))
    say(f"loss {loss:.6f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
