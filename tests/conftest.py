"""The package comes before TensorFlow, so that it chooses the Keras, as in a user's program.

What makes graphs fast takes longer than the few small steps of a test: graphs run as they were
traced, XLA hardly optimises, and what was imported is not searched for garbage again and again.
(Programs that the tests start in processes of their own run as a user's do.)
"""

import gc
import os
import re

import pytest
from xdist.scheduler import LoadScopeScheduling

QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("XLA_FLAGS", QUICK)

import tfrec_recall  # noqa: E402, F401, I001
import tensorflow as tf  # noqa: E402

tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
gc.freeze()
gc.set_threshold(100_000, 20, 20)

A_CLASS = re.compile(r"(?<=[[-])(?!True|False|None)[A-Z]\w+(?=[]-])")  # among a test's parameters
# A fixture of theirs trains all models.
WHOLE = ("tests/contract/test_saving.py", "tests/contract/test_replicas.py")


class ByModel(LoadScopeScheduling):
    """A process runs a file whole, or all contracts of a model, which share its training."""

    def _split_scope(self, nodeid):
        file, _, test = nodeid.partition("::")
        found = A_CLASS.search(test)
        by_model = file.startswith("tests/contract/") and file not in WHOLE
        return found[0] if found and by_model else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByModel(config, log)
