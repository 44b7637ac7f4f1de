"""Recall models for recommenders on TensorFlow: layers, losses, models, indexes, SavedModels.

Import this package before TensorFlow's Keras is first used: it selects Keras 2 unless you chose.
"""

from tfrec_recall import _keras, _registry, _tracing

__version__ = "0.1.0"

_keras.quiet_start()
_keras.prefer_keras_2()
_registry.announce()
_tracing.trace_as_written()
