"""A tower of the user's features and one of the item's; the inner product is the score.

Take `TwoTower` first: any features on both sides, one softmax over items.
`SENetTwoTower` where features are many and some say nothing; `MultiObjectiveTwoTower` for several
kinds of events; `SamplingBiasCorrectedTwoTower` where items come and go in a stream.
`YouTubeDNN` where the history matters most; `FMRecall` where pairs of sparse features do.
"""

from tfrec_recall.models.towers.two_tower import TwoTower  # isort: skip
from tfrec_recall.models.towers.senet_two_tower import SENetTwoTower  # isort: skip
from tfrec_recall.models.towers.multi_objective_two_tower import (  # isort: skip
    MultiObjectiveTwoTower,
)
from tfrec_recall.models.towers.sampling_bias_corrected_two_tower import (  # isort: skip
    SamplingBiasCorrectedTwoTower,
)
from tfrec_recall.models.towers.youtube_dnn import YouTubeDNN  # isort: skip
from tfrec_recall.models.towers.fm_recall import FMRecall  # isort: skip

__all__ = [
    "FMRecall",
    "MultiObjectiveTwoTower",
    "SENetTwoTower",
    "SamplingBiasCorrectedTwoTower",
    "TwoTower",
    "YouTubeDNN",
]
