"""Which items and which users belong together: similarities, neighbour tables."""

from tfrec_recall.graph.nearby import nearby_counts, neighbours_by_counts
from tfrec_recall.graph.neighbour_table import Neighbours, interaction_matrix, neighbours
from tfrec_recall.graph.similarity import CoCount, Cosine, Jaccard, Pearson, Similarity

__all__ = [
    "CoCount",
    "Cosine",
    "Jaccard",
    "Neighbours",
    "Pearson",
    "Similarity",
    "interaction_matrix",
    "nearby_counts",
    "neighbours",
    "neighbours_by_counts",
]
