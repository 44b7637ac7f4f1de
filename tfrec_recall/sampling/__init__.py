"""Where negatives come from, and with which probability."""

from tfrec_recall.sampling.hard import HardNegatives, MineHardNegatives
from tfrec_recall.sampling.log_uniform import LogUniformNegatives
from tfrec_recall.sampling.mixed import MixedNegatives
from tfrec_recall.sampling.popularity import PopularityNegatives
from tfrec_recall.sampling.same_group import SameGroupNegatives
from tfrec_recall.sampling.shown import ShownNegatives
from tfrec_recall.sampling.uniform import UniformNegatives
from tfrec_recall.sampling.unmet import UnmetNegatives

__all__ = [
    "HardNegatives",
    "LogUniformNegatives",
    "MineHardNegatives",
    "MixedNegatives",
    "PopularityNegatives",
    "SameGroupNegatives",
    "ShownNegatives",
    "UniformNegatives",
    "UnmetNegatives",
]
