"""The package comes before TensorFlow, so that it chooses the Keras, as in a user's program."""

import os

# XLA optimises for longer than the few small steps of a test take.
QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
os.environ.setdefault("XLA_FLAGS", QUICK)

import tfrec_recall  # noqa: E402, F401
