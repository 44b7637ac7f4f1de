"""Where negatives come from, and with which probability.

A model takes kinds, `negatives=[InBatch(), Uniform(1000), Hard(10)]`; the samplers themselves serve
models of one's own.
"""

from tfrec_recall.sampling.hard import HardNegatives, MineHardNegatives
from tfrec_recall.sampling.kinds import (
    Hard,
    InBatch,
    LogUniform,
    Negatives,
    Popularity,
    Shown,
    Uniform,
    Unmet,
    WithoutOwn,
    kinds_of,
)
from tfrec_recall.sampling.log_uniform import LogUniformNegatives
from tfrec_recall.sampling.mixed import MixedNegatives
from tfrec_recall.sampling.popularity import PopularityNegatives
from tfrec_recall.sampling.same_group import SameGroupNegatives
from tfrec_recall.sampling.shown import ShownNegatives
from tfrec_recall.sampling.uniform import UniformNegatives
from tfrec_recall.sampling.unmet import UnmetNegatives

__all__ = [
    "Hard",
    "HardNegatives",
    "InBatch",
    "LogUniform",
    "LogUniformNegatives",
    "MineHardNegatives",
    "MixedNegatives",
    "Negatives",
    "Popularity",
    "PopularityNegatives",
    "SameGroupNegatives",
    "Shown",
    "ShownNegatives",
    "Uniform",
    "UniformNegatives",
    "Unmet",
    "UnmetNegatives",
    "WithoutOwn",
    "kinds_of",
]
