"""Recall models by family; each is a `tfrs.Model`, so they need Keras 2.

A family's folder begins with its models, one a file, and says which to take when; what they are
made of follows.
"""

from tfrec_recall._keras import require_keras_2

require_keras_2("tfrec_recall.models")

from tfrec_recall.models.collaborative_filtering import (  # noqa: E402
    FunkSVD,
    ItemCF,
    NeuralCF,
    UserCF,
)
from tfrec_recall.models.graphs import BGE, EGES, GES, GraphSAGE, PinSAGE  # noqa: E402
from tfrec_recall.models.item_embeddings import (  # noqa: E402
    AirbnbListing,
    AirbnbType,
    Item2Vec,
)
from tfrec_recall.models.popular import Popular  # noqa: E402
from tfrec_recall.models.recall_model import RecallModel  # noqa: E402
from tfrec_recall.models.sequences import MIND, SDM  # noqa: E402
from tfrec_recall.models.towers import (  # noqa: E402
    FMRecall,
    MultiObjectiveTwoTower,
    SamplingBiasCorrectedTwoTower,
    SENetTwoTower,
    TwoTower,
    YouTubeDNN,
)

__all__ = [  # noqa: RUF022 by family, not by letter
    "RecallModel",
    "Popular",
    # collaborative_filtering
    "UserCF",
    "ItemCF",
    "FunkSVD",
    "NeuralCF",
    # towers
    "TwoTower",
    "SENetTwoTower",
    "MultiObjectiveTwoTower",
    "SamplingBiasCorrectedTwoTower",
    "YouTubeDNN",
    "FMRecall",
    # sequences
    "MIND",
    "SDM",
    # item_embeddings
    "Item2Vec",
    "AirbnbListing",
    "AirbnbType",
    # graphs
    "BGE",
    "GES",
    "EGES",
    "GraphSAGE",
    "PinSAGE",
]
