"""Keras layers, one a file, for Keras 2 and Keras 3 alike."""

from tfrec_recall._keras import adapt_layers
from tfrec_recall.layers.capsule_routing import CapsuleRouting
from tfrec_recall.layers.cosine_logits import CosineLogits
from tfrec_recall.layers.fm_interaction import FMInteraction
from tfrec_recall.layers.fused_lstm import FusedLSTM
from tfrec_recall.layers.gated_fusion import GatedFusion
from tfrec_recall.layers.gcn_aggregator import GCNAggregator
from tfrec_recall.layers.l2_normalization import L2Normalization
from tfrec_recall.layers.label_aware_attention import LabelAwareAttention
from tfrec_recall.layers.lstm_aggregator import LSTMAggregator
from tfrec_recall.layers.masked_mean import MaskedMean
from tfrec_recall.layers.max_pool_aggregator import MaxPoolAggregator
from tfrec_recall.layers.mean_aggregator import MeanAggregator
from tfrec_recall.layers.pinsage_convolution import PinSAGEConvolution
from tfrec_recall.layers.running_mean import RunningMean
from tfrec_recall.layers.self_attentive_interests import SelfAttentiveInterests
from tfrec_recall.layers.senet import SENet
from tfrec_recall.layers.session_similarity import SessionSimilarity
from tfrec_recall.layers.side_info_pooling import SideInfoPooling
from tfrec_recall.layers.streaming_frequency_estimator import StreamingFrequencyEstimator
from tfrec_recall.layers.tower import Tower
from tfrec_recall.layers.user_attention import UserAttention

__all__ = [
    "CapsuleRouting",
    "CosineLogits",
    "FMInteraction",
    "FusedLSTM",
    "GCNAggregator",
    "GatedFusion",
    "L2Normalization",
    "LSTMAggregator",
    "LabelAwareAttention",
    "MaskedMean",
    "MaxPoolAggregator",
    "MeanAggregator",
    "PinSAGEConvolution",
    "RunningMean",
    "SENet",
    "SelfAttentiveInterests",
    "SessionSimilarity",
    "SideInfoPooling",
    "StreamingFrequencyEstimator",
    "Tower",
    "UserAttention",
]

adapt_layers(*(globals()[name] for name in __all__))
