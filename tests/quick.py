"""For processes that run small steps: what makes graphs fast takes longer than the steps.

Imported before TensorFlow is used. (Programs that the tests start as a user does are a user's.)
"""

import gc
import os

# XLA reads it when it compiles first.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("XLA_FLAGS", QUICK)
# What oneDNN prepares for an operation pays for itself in large ones.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")

import tensorflow as tf  # noqa: E402
from tensorflow.python.util import tf_stack  # noqa: E402

import tfrec_recall  # noqa: E402, F401  so that it chooses the Keras, as in a user's program

tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
# Devices are divided before the first is used; only replicas ever name the second.
TWO = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], TWO)
# Operations remember where they were made, for messages that no test reads.
here = tf_stack.extract_stack()
len(here)  # looks its lines up, which two threads at once would end the process by
tf_stack.extract_stack = lambda stacklevel=1: here
# One thread computes: tests run side by side, and none has work for more.
tf.config.threading.set_intra_op_parallelism_threads(1)
gc.freeze()  # what was imported is not searched for garbage again and again
gc.set_threshold(200_000, 20, 50)
