"""Losses, one a file, for Keras 2 and Keras 3 alike."""

from tfrec_recall._keras import adapt_layers
from tfrec_recall.losses.in_batch_softmax import InBatchSoftmax

__all__ = ["InBatchSoftmax"]

adapt_layers(*(globals()[name] for name in __all__))
