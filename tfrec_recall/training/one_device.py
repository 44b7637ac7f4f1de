"""A model that a cluster has trained, on the machine that serves it."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Protocol, Self, TypeVar

import tensorflow as tf


class HasTwin(Protocol):
    """What can be made again from the arguments that it was made with."""

    def twin(self) -> Self: ...


Model = TypeVar("Model", bound=HasTwin)


def on_one_device(model: Model) -> Model:
    """The model outside of its strategy, with all that it has learnt; not compiled.

    What is made of it, retrievers, figures and exports, needs no other machine. Tables that
    parameter servers held in parts are whole again, so that memory has to hold them.

    Where several workers step together (`MultiWorkerMirroredStrategy`), all of them call it.

    Raises: ValueError within the scope of a strategy, which the new model would belong to.
    """
    if tf.distribute.has_strategy():
        raise ValueError(
            "on_one_device makes a model outside of strategies: call it outside of the scope. "
            f"Received: a scope of {type(tf.distribute.get_strategy()).__name__}."
        )
    alone = model.twin()
    here = tf.train.CheckpointOptions(experimental_io_device="CPU:0")
    with tempfile.TemporaryDirectory() as folder:  # parts of tables are put together by name
        path = tf.train.Checkpoint(model=model).write(str(pathlib.Path(folder) / "model"), here)
        read = tf.train.Checkpoint(model=alone).read(path)
        read.assert_existing_objects_matched().expect_partial()
    return alone
