"""Losses, one a file, for Keras 2 and Keras 3 alike."""

from tfrec_recall._keras import adapt_layers
from tfrec_recall.losses.in_batch_softmax import InBatchSoftmax
from tfrec_recall.losses.max_margin import MaxMargin
from tfrec_recall.losses.sampled_softmax import SampledSoftmax
from tfrec_recall.losses.skip_gram import SkipGramNegativeSampling

__all__ = [
    "InBatchSoftmax",
    "MaxMargin",
    "SampledSoftmax",
    "SkipGramNegativeSampling",
]

adapt_layers(*(globals()[name] for name in __all__))
