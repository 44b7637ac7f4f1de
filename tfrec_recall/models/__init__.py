"""Recall models, one a file; each is a `tfrs.Model`, so they need Keras 2."""

from tfrec_recall._keras import require_keras_2

require_keras_2("tfrec_recall.models")

from tfrec_recall.models.airbnb_listing import AirbnbListing  # noqa: E402
from tfrec_recall.models.airbnb_type import AirbnbType  # noqa: E402
from tfrec_recall.models.bge import BGE  # noqa: E402
from tfrec_recall.models.eges import EGES  # noqa: E402
from tfrec_recall.models.fm_recall import FMRecall  # noqa: E402
from tfrec_recall.models.funk_svd import FunkSVD  # noqa: E402
from tfrec_recall.models.ges import GES  # noqa: E402
from tfrec_recall.models.graph_sage import GraphSAGE  # noqa: E402
from tfrec_recall.models.item2vec import Item2Vec  # noqa: E402
from tfrec_recall.models.item_cf import ItemCF  # noqa: E402
from tfrec_recall.models.mind import MIND  # noqa: E402
from tfrec_recall.models.multi_objective_two_tower import (  # noqa: E402
    MultiObjectiveTwoTower,
)
from tfrec_recall.models.neural_cf import NeuralCF  # noqa: E402
from tfrec_recall.models.pin_sage import PinSAGE  # noqa: E402
from tfrec_recall.models.popular import Popular  # noqa: E402
from tfrec_recall.models.recall_model import RecallModel  # noqa: E402
from tfrec_recall.models.sampling_bias_corrected_two_tower import (  # noqa: E402
    SamplingBiasCorrectedTwoTower,
)
from tfrec_recall.models.sdm import SDM  # noqa: E402
from tfrec_recall.models.senet_two_tower import SENetTwoTower  # noqa: E402
from tfrec_recall.models.two_tower import TwoTower  # noqa: E402
from tfrec_recall.models.user_cf import UserCF  # noqa: E402
from tfrec_recall.models.youtube_dnn import YouTubeDNN  # noqa: E402

__all__ = [
    "BGE",
    "EGES",
    "GES",
    "MIND",
    "SDM",
    "AirbnbListing",
    "AirbnbType",
    "FMRecall",
    "FunkSVD",
    "GraphSAGE",
    "Item2Vec",
    "ItemCF",
    "MultiObjectiveTwoTower",
    "NeuralCF",
    "PinSAGE",
    "Popular",
    "RecallModel",
    "SENetTwoTower",
    "SamplingBiasCorrectedTwoTower",
    "TwoTower",
    "UserCF",
    "YouTubeDNN",
]
