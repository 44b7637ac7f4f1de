"""Which items and which users belong together: similarities, neighbours, graphs, walks."""

from tfrec_recall.graph.bipartite import ItemUserItemWalks, bipartite_graph
from tfrec_recall.graph.importance import importance_neighbours, visit_counts
from tfrec_recall.graph.item_graph import basket_graph, item_graph
from tfrec_recall.graph.link_prediction import HiddenLinks, area_under_curve, hide_links
from tfrec_recall.graph.nearby import nearby_counts, nearby_neighbours
from tfrec_recall.graph.neighbour_table import Neighbours, interaction_matrix, neighbours
from tfrec_recall.graph.noise import NoiseRemoval, Removed
from tfrec_recall.graph.pagerank import (
    ItemPageRank,
    pagerank_by_walks,
    personalised_pagerank,
)
from tfrec_recall.graph.random_walks import RandomWalks
from tfrec_recall.graph.similarity import CoCount, Cosine, Jaccard, Pearson, Similarity
from tfrec_recall.graph.walk_batches import walk_batches

__all__ = [
    "CoCount",
    "Cosine",
    "HiddenLinks",
    "ItemPageRank",
    "ItemUserItemWalks",
    "Jaccard",
    "Neighbours",
    "NoiseRemoval",
    "Pearson",
    "RandomWalks",
    "Removed",
    "Similarity",
    "area_under_curve",
    "basket_graph",
    "bipartite_graph",
    "hide_links",
    "importance_neighbours",
    "interaction_matrix",
    "item_graph",
    "nearby_counts",
    "nearby_neighbours",
    "neighbours",
    "pagerank_by_walks",
    "personalised_pagerank",
    "visit_counts",
    "walk_batches",
]
