"""The package comes before TensorFlow, so that it chooses the Keras, as in a user's program.

What makes graphs fast takes longer than the few small steps of a test: graphs run as they were
traced, XLA hardly optimises, and what was imported is not searched for garbage again and again.
(Programs that the tests start in processes of their own run as a user's do.)
"""

import gc
import os

import pytest

QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("XLA_FLAGS", QUICK)

import tfrec_recall  # noqa: E402, F401, I001
import tensorflow as tf  # noqa: E402

tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
gc.freeze()
gc.set_threshold(100_000, 20, 20)


def pytest_collection_modifyitems(items):
    """What one process runs whole: a file, or the contracts of a model, which share its training.

    A file whose fixture trains all models says so, by a group of its own.
    """
    for item in items:
        if item.get_closest_marker("xdist_group"):
            continue
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        model_class = parameters.get("model_class")
        by_model = item.path.parent.name == "contract" and isinstance(model_class, type)
        group = model_class.__name__ if by_model else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
