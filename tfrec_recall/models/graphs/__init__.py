"""Vectors of items from the graph of what follows, or stands beside, what.

Take `EGES` first: walks over the item graph with weighted side information, so that new items
have vectors; `GES` weighs the side information equally, `BGE` has none.
`GraphSAGE` and `PinSAGE` compute a vector from an item's features and neighbours: for items that
are new every day, and for graphs whose table of vectors would be too large to learn.
"""

from tfrec_recall.models.graphs.bge import BGE  # isort: skip
from tfrec_recall.models.graphs.ges import GES  # isort: skip
from tfrec_recall.models.graphs.eges import EGES  # isort: skip
from tfrec_recall.models.graphs.graph_sage import GraphSAGE  # isort: skip
from tfrec_recall.models.graphs.pin_sage import PinSAGE  # isort: skip

__all__ = ["BGE", "EGES", "GES", "GraphSAGE", "PinSAGE"]
