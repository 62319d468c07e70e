"""The workers of one fit: which machines and GPUs train together.

Several machines take part if TensorFlow's own configuration names them (`TF_CONFIG`, which
Kubeflow's training operator writes into each worker). They must meet before TensorFlow runs its
first operation, so `lolomo.training.loop` calls `join` when it is imported; a process that is no
worker joins nobody.
"""

from functools import cache
from typing import Any

import tensorflow as tf


@cache
def join() -> tf.distribute.Strategy | None:
    """Meet the other workers of `TF_CONFIG`, waiting for all of them; None if there are none."""
    jobs = tf.distribute.cluster_resolver.TFConfigClusterResolver().cluster_spec().as_dict()
    if len(jobs.get("worker", ())) + len(jobs.get("chief", ())) < 2:
        return None
    return tf.distribute.MultiWorkerMirroredStrategy()


def choose_strategy() -> tf.distribute.Strategy:
    """Return the distribution strategy: several workers, all GPUs of this one, or the default."""
    workers = join()
    if workers is not None:
        return workers
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def is_chief() -> bool:
    """Return whether this process writes what all workers share: the first worker, or the only."""
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if join() is None:
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return resolver.task_type == "chief" or (not has_chief and resolver.task_id == 0)


def adapt(model: Any) -> None:
    """Make a built and compiled Keras model fit for several workers; nothing to do without them.

    Keras 3.15 leaves three things undone. A model's own `compute_loss` is a mean over one worker's
    share of a batch, while gradients are summed over workers, so it is divided by their number.
    Figures of a step are averaged along an axis that a scalar has not, so they are given one. And
    Keras averages a batch over workers to learn its shapes, which inputs in a dict do not survive;
    a model that is built needs no such batch.
    """
    workers = join()
    if workers is None:
        return
    num_replicas = workers.num_replicas_in_sync
    loss, train_step, test_step = model.compute_loss, model.train_step, model.test_step
    model.compute_loss = lambda *arguments, **named: loss(*arguments, **named) / num_replicas
    model.train_step = lambda data: _with_axis(train_step(data))
    model.test_step = lambda data: _with_axis(test_step(data))
    model._maybe_symbolic_build = lambda **_: model.optimizer.build(model.trainable_variables)


def _with_axis(logs: dict[str, Any]) -> dict[str, Any]:
    return {name: tf.reshape(value, [1]) for name, value in logs.items()}
