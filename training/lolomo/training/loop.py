"""The one training loop of the Keras models.

Every deep model here trains by `keras.Model.fit` through `train`, so that what a run needs
beside mathematics is written once: seeds, early stopping on later data, resuming a killed run,
mixed precision, XLA, several GPUs or machines, and progress. On a laptop's CPU nothing of it costs
anything.
"""

import contextlib
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from lolomo.core.errors import ModelError
from lolomo.core.progress import Progress, silent
from lolomo.training.streaming import StoredRows
from lolomo.training.workers import adapt, choose_strategy, is_chief, join

# The workers of one fit must meet before TensorFlow's first operation; one process meets nobody.
join()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """How to train, whatever is trained."""

    epochs: int = 10
    """Most passes over the training data."""
    learning_rate: float = 2e-3
    """The highest; it rises over the first steps and falls as half a cosine to the last epoch."""
    weight_decay: float = 0.0
    """Decoupled, as in AdamW (Loshchilov & Hutter 2019)."""
    patience: int = 0
    """Epochs without a better validation loss before stopping; 0 trains all epochs. The best
    epoch's weights are kept. Without validation data it has no effect."""
    mixed_precision: bool = False
    """Whether to compute in bfloat16; for GPUs and TPUs that have it."""
    xla: bool = False
    """Whether to compile by XLA; pays on GPUs, costs seconds a shape on a CPU."""
    deterministic: bool = False
    """Whether to forbid operations that differ from run to run, at some cost in speed. Holds for
    the rest of the process."""
    steps_per_execution: int = 1
    """Batches that the compiled loop takes before it comes back to Python; more pays where a step
    takes a millisecond or less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What to learn from."""

    training: tf.data.Dataset | StoredRows
    """Single examples of inputs, or of (inputs, targets, weights), in any order; stored rows where
    memory shall not hold them."""
    num_training: int
    """How many there are."""
    batch_size: int
    """Examples a step."""
    validation: tf.data.Dataset | StoredRows | None = None
    """Single examples later than all of `training`; watched to stop early."""
    to_example: Callable[[dict[str, Any]], Any] = dict
    """From a batch of stored rows to inputs, or to (inputs, targets, weights)."""

    @property
    def num_steps(self) -> int:
        """How many batches make an epoch."""
        return -(-self.num_training // self.batch_size)

    def shuffled(self, seed: int) -> tf.data.Dataset:
        """Return the training batches, in another order each epoch."""
        if isinstance(self.training, StoredRows):
            return self.training.batches(self.batch_size, seed).map(self.to_example).prefetch(2)
        shuffled = self.training.shuffle(max(self.num_training, 1), seed=seed)
        return shuffled.batch(self.batch_size).prefetch(2)

    def watched(self) -> tf.data.Dataset | None:
        """Return the validation batches, if any, in their order."""
        if isinstance(self.validation, StoredRows):
            return self.validation.batches(self.batch_size).map(self.to_example)
        return self.validation and self.validation.batch(self.batch_size)


def train(
    build: Callable[[], keras.Model],
    examples: Examples,
    loop: LoopConfig,
    seed: int,
    folder: Path | None = None,
    progress: Progress = silent,
) -> keras.Model:
    """Build a model on what this node has and fit it.

    Args:
        build: Makes the model, which computes its own loss (`compute_loss`). Called once, inside
            the distribution strategy and under the precision policy.
        examples: What to learn from.
        loop: How.
        seed: Of weights, dropout and sampling. On one CPU equal seeds give equal models.
        folder: Where to save after each epoch. A run killed before its end, started again with the
            same folder, goes on from its last whole epoch; a finished run leaves nothing there.
            None saves nothing.
        progress: Told the fraction of all steps done.

    Raises:
        ModelError: If there are no examples, or the loss stops being a number.
    """
    if examples.num_training < 1 or loop.epochs < 1:
        raise ModelError(
            f"received {examples.num_training} examples, {loop.epochs} epochs: expected at least "
            "one of each; give the model more data or more epochs"
        )
    keras.utils.set_random_seed(seed)
    if loop.deterministic:
        tf.config.experimental.enable_op_determinism()
    with warnings.catch_warnings(), _precision(loop.mixed_precision), choose_strategy().scope():
        # Keras 3.15 reads saved weights by a NumPy 1 protocol.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        model = build()
        model.compile(
            optimizer=_optimizer(loop, examples.num_steps),
            jit_compile=loop.xla,
            steps_per_execution=loop.steps_per_execution,
        )
        adapt(model)
        model.fit(
            examples.shuffled(seed),
            epochs=loop.epochs,
            validation_data=examples.watched(),
            shuffle=False,
            callbacks=_callbacks(examples, loop, folder, progress),
            verbose=0,
        )
    return model


@contextlib.contextmanager
def _precision(mixed: bool) -> Iterator[None]:
    """Build under bfloat16 compute if `mixed`, and put the former policy back."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _optimizer(loop: LoopConfig, num_steps: int) -> keras.optimizers.Optimizer:
    """Return AdamW with a short warm-up and a half cosine."""
    total = num_steps * loop.epochs
    warmup = min(total // 20, 100)
    schedule = keras.optimizers.schedules.CosineDecay(
        loop.learning_rate / 10 if warmup else loop.learning_rate,
        decay_steps=max(total - warmup, 1),
        alpha=0.05,
        warmup_target=loop.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    decay = loop.weight_decay or None  # a decay of 0 would still be computed
    return SummedAdam(schedule, weight_decay=decay, clipnorm=1.0)


class SummedAdam(keras.optimizers.Adam):  # type: ignore[misc]
    """Adam that first adds up what the look-ups of a row say.

    Keras keeps the gradient of each look-up apart: it would square each by itself where Adam
    squares their sum, and add them up anew for each moment, in a third of a step's time.
    """

    @override
    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        super().apply([tf.convert_to_tensor(each) for each in grads], trainable_variables)


def _callbacks(
    examples: Examples, loop: LoopConfig, folder: Path | None, progress: Progress
) -> list[keras.callbacks.Callback]:
    """Return what watches the fit; the backup comes last, so that it saves what the others did."""
    callbacks: list[keras.callbacks.Callback] = [_Watch(examples.num_steps, loop.epochs, progress)]
    if loop.patience and examples.validation is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                "val_loss", mode="min", patience=loop.patience, restore_best_weights=True
            )
        )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        backup = keras.callbacks.BackupAndRestore if is_chief() else _Restore
        callbacks.append(backup(str(folder)))
    return callbacks


class _Restore(keras.callbacks.BackupAndRestore):  # type: ignore[misc]
    """Goes on from what the first of several workers saved, whose file alone counts."""

    @override
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # To read what workers sum up together, each must take part in the reading.
        with tempfile.TemporaryDirectory() as folder:
            self.model.save_weights(f"{folder}/unused.weights.h5")

    @override
    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        pass


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports progress about a hundred times a run, and stops a run whose loss is no number."""

    def __init__(self, num_steps: int, epochs: int, progress: Progress) -> None:
        super().__init__()
        self.num_steps, self.epochs, self.progress = num_steps, epochs, progress
        self.every = max(1, num_steps * epochs // 100)
        self.epoch = self.told = 0
        self.note = ""

    @override
    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epoch = epoch

    @override
    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        done = self.epoch * self.num_steps + batch + 1
        if done >= self.told + self.every:
            self.told = done - done % self.every
            fraction = min(done / (self.num_steps * self.epochs), 1.0)
            self.progress(fraction, f"epoch {self.epoch + 1}/{self.epochs}{self.note}")

    @override
    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        losses = {name: value for name, value in (logs or {}).items() if name.endswith("loss")}
        if any(value != value for value in losses.values()):
            raise ModelError(
                f"the loss of epoch {epoch + 1} is not a number ({losses}): lower `learning_rate`, "
                "or look for values that are not finite in the data"
            )
        self.note = "".join(f", {name} {value:.3f}" for name, value in losses.items())
