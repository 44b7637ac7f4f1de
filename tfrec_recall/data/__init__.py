"""From raw events to training examples and test targets: tables, ids, sessions, splits."""

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.order import chronological
from tfrec_recall.data.vocabulary import PADDING, UNKNOWN, Vocabulary

__all__ = [
    "PADDING",
    "UNKNOWN",
    "Interactions",
    "Vocabulary",
    "chronological",
]
