"""A step of a batch that comes alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tf_keras.src.engine.training import flatten_metrics_in_order
from tf_keras.src.engine.training_utils import RespectCompiledTrainableState
from tf_keras.src.utils.tf_utils import sync_to_numpy_or_python_type

from tfrec_recall.layers.tables import is_far
from tfrec_recall.models.fitting.keras_arguments import batch_of, batches


def on_batch(
    model: tf.keras.Model,
    make_function: Callable[[], Callable],
    asked: dict[str, Any],
) -> Any:
    """What Keras' `train_on_batch` and `test_on_batch` return, of a batch as `fit` takes it.

    Keras' own refuse columns of several lengths, as sequences beside all of their targets are.

    Args:
        make_function: the model's method that makes what is called with an iterator of batches.
        asked: the arguments of Keras' method, by name.

    Raises: ValueError for what is no batch, and under parameter servers, whose workers each take
        batches from a stream.
    """
    columns, strategy = batches(batch_of(asked["x"])), model.distribute_strategy
    if is_far(strategy):
        raise ValueError(
            "With parameter servers batches go to the worker that asks for one: learn by fit, and "
            "measure what `on_one_device` makes. Received: a batch alone under "
            f"{type(model).__name__}'s {type(strategy).__name__}."
        )
    if not tf.executing_eagerly():
        raise RuntimeError(
            "A step of one batch is no part of a tf.function: call model.train_step or "
            "model.test_step there. Received: a call while a graph is traced."
        )
    model._assert_compile_was_called()
    if asked.get("reset_metrics", True):
        model.reset_metrics()
    with strategy.scope(), RespectCompiledTrainableState(model):
        step = make_function()
        logs = step(iter(strategy.experimental_distribute_dataset(columns)))
    logs = sync_to_numpy_or_python_type(logs)
    if asked.get("return_dict"):
        return logs
    return flatten_metrics_in_order(logs, model.metrics_names)
