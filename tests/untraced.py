"""Whether TensorFlow makes graphs of functions.

A graph that is asked a few times takes far longer to make than its operations do one by one. But
training in many steps is quicker in graphs, and so is exporting, which needs them.
"""

import contextlib

import pytest
import tensorflow as tf


@contextlib.contextmanager
def without_graphs(whether=True):
    """Within it `tf.function` traces nothing, and runs the function's operations."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(whether)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def with_graphs():
    """Within it functions are graphs again."""
    return without_graphs(False)


@contextlib.contextmanager
def validation_without_graphs():
    """Within it training measures validation an operation at a time: an epoch is a graph less."""
    from tfrec_recall.evaluation import RecallOnValidation

    measured = RecallOnValidation._measured

    def measured_without_graphs(self):
        with without_graphs():
            return measured(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecallOnValidation, "_measured", measured_without_graphs)
        yield


@contextlib.contextmanager
def training_without_graphs(model_class):
    """Within it models of the class, of few steps, learn an operation at a time as well."""
    with validation_without_graphs(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_class, "run_eagerly", True)
        patch.setattr(model_class, "compiles", False)
        yield
