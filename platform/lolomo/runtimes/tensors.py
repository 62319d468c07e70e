"""TensorFlow without Keras, and the way between its tensors and arrays.

Who needs TensorFlow and not Keras imports `tf` from here or from `tensorflow`. TensorFlow imports
Keras if it is there, and through it scikit-learn, pandas and matplotlib: half of its import time,
and nothing that a SavedModel needs. `import keras` works afterwards.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lolomo.core.errors import RequestError
from lolomo.core.imports import without
from lolomo.core.recommender import Scores
from lolomo.runtimes import quiet_tensorflow

quiet_tensorflow()

with without("keras"):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        disable_lower_using_switch_merge,
    )
    from tensorflow.python.grappler.tf_optimizer import OptimizeGraph

__all__ = [
    "OptimizeGraph",
    "direct",
    "disable_lower_using_switch_merge",
    "numbers",
    "tensor_of",
    "tf",
]


def numbers(tensor: Any) -> Scores:
    """Return a tensor's values as an array of its own."""
    values: Scores = np.asarray(tensor.numpy(), np.float32)
    return values


def tensor_of(name: str, array: NDArray[Any], spec: Any) -> Any:
    """Return an input as a tensor of the dtype and number of axes of a spec.

    Raises:
        RequestError: If it has another number of axes.
    """
    if np.ndim(array) != len(spec.shape):
        raise RequestError(
            f"{name!r} has shape {list(np.shape(array))}; expected {len(spec.shape)} axes"
        )
    if spec.dtype == tf.string:
        return tf.constant(np.asarray(array, dtype=object), tf.string)
    return tf.constant(np.asarray(array, dtype=spec.dtype.as_numpy_dtype))


def direct(function: Any) -> Callable[..., Sequence[Any]]:
    """Return what calls a concrete function with tensors in the order of its inputs.

    Whoever calls has seen to their dtypes and axes. TensorFlow would bind and check each of them
    again, by name, which takes a third of a millisecond a call: as long as a small model.
    """
    run, captured = function.inference_fn.call_flat, tuple(function.captured_inputs)

    def call(*tensors: Any) -> Sequence[Any]:
        found: Sequence[Any] = run(*tensors, *captured)
        return found

    return call
