"""Lets Keras find the classes of a saved model after `import tfrec_recall` alone.

A saved model names its classes. Keras 2 looks them up among those that are registered, and a class
registers itself when its module is imported, which takes TensorFlow with it: seconds that a command
line cannot spend. So names are registered as soon as Keras 2 is there, and what they stand for is
imported when a saved model asks for it.
"""

from __future__ import annotations

import importlib
from typing import Any

import wrapt

PACKAGE = "tfrec_recall"

# What towers and models are made of, by the names under which Keras has them.
_SPACED = """
    CapsuleRouting CosineLogits FMInteraction FusedLSTM GatedFusion GCNAggregator
    L2Normalization LabelAwareAttention LSTMAggregator MaskedMean MaxPoolAggregator
    MeanAggregator PinSAGEConvolution RunningMean SelfAttentiveInterests SENet SessionSimilarity
    SideInfoPooling StreamingFrequencyEstimator Tower UserAttention
    InBatchSoftmax MaxMargin SampledSoftmax SkipGramNegativeSampling
    FusedAdam LazyAdam RowWiseAdagrad
    BucketEncoding Categorical FeatureEncoder Features FieldSum HashEncoding History ItemEmbedding
    ItemTable KnownFirst KnownItems ListEncoding MultiValued NormalisedEncoding Numeric Objective
    OfKnown SecondsEncoding SessionEncoding SessionSplit SplitEncoding TimeEncoding TimeOf Vector
    VectorEncoding VocabularyEncoding Words WordsEncoding
    CoCount Cosine Jaccard NoiseRemoval Pearson
    LogUniformNegatives PopularityNegatives UniformNegatives
    Hard InBatch LogUniform Popularity Shown Uniform Unmet WithoutOwn
    FMTerms HistoryTerms MachineVector
    AirbnbListing AirbnbType BGE Centring Directed EGES EventsReached FactorsAndBias FMRecall
    FunkSVD GES GraphSAGE ImportantNeighbours Item2Vec ItemCF MIND
    MultiObjectiveTwoTower NearestWarm NeuralCF NodeEncoder Normalised PinSAGE Popular
    PopularityOf Present RecentMean SampledNeighbours SamplingBiasCorrectedTwoTower SDM
    SeededDropout SeenTypes SENetTwoTower ServedDraw SessionEvents Shrunk SideInfoVectors TwoTower
    TypeRule UserCF
    VectorsOfFeatures VectorTables WarmOrMean Weighted YouTubeDNN
"""
NAMES = tuple(_SPACED.split())


class Absent:
    """A class that no one has imported yet, for Keras, which makes objects by `from_config`."""

    def __init__(self, name: str):
        self.name = name

    def from_config(self, config: dict[str, Any]) -> Any:
        import tensorflow as tf

        importlib.import_module(f"{PACKAGE}.models")  # all classes that a saved model may name
        found = tf.keras.utils.get_custom_objects()[self.name]
        if isinstance(found, Absent):
            raise ValueError(f"There is no class {self.name} in this version of {PACKAGE}.")
        return found.from_config(config)


def announce() -> None:
    """Register the names with Keras 2, now or when it is imported."""
    wrapt.register_post_import_hook(_register, "tf_keras")


def _register(tf_keras: Any) -> None:
    registered = tf_keras.utils.get_custom_objects()
    for name in NAMES:
        registered.setdefault(f"{PACKAGE}>{name}", Absent(f"{PACKAGE}>{name}"))
