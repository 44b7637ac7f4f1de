"""Vectors made searchable, and retrievers: raw query features in, item ids and scores out."""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.retrieval.auto import Auto
    from tfrec_recall.retrieval.blend import Blend
    from tfrec_recall.retrieval.catalogue import Catalogue
    from tfrec_recall.retrieval.diversity import Diversity
    from tfrec_recall.retrieval.embedding_retriever import EmbeddingRetriever
    from tfrec_recall.retrieval.exact import Exact
    from tfrec_recall.retrieval.history_mean import HistoryMean
    from tfrec_recall.retrieval.index import Index, IndexNotice, IndexSettings
    from tfrec_recall.retrieval.inverted_file import InvertedFile
    from tfrec_recall.retrieval.merging import Quotas, ReciprocalRank, WeightedScores
    from tfrec_recall.retrieval.neighbour_retriever import NeighbourRetriever
    from tfrec_recall.retrieval.popularity import Popularity
    from tfrec_recall.retrieval.rating_retriever import RatingRetriever
    from tfrec_recall.retrieval.retriever import Retriever
    from tfrec_recall.retrieval.scann_index import ScaNN
    from tfrec_recall.retrieval.scoring_retriever import Scorer, ScoringRetriever
    from tfrec_recall.retrieval.selection import merge_by_maximum
    from tfrec_recall.retrieval.trigger_retriever import TriggerRetriever, merge_by_sum
    from tfrec_recall.retrieval.tuning_vectors import TuningVectors
    from tfrec_recall.retrieval.user_neighbour_retriever import UserNeighbourRetriever
    from tfrec_recall.retrieval.with_new_items import WithNewItems
else:
    on_demand(__name__)

__all__ = [
    "Auto",
    "Blend",
    "Catalogue",
    "Diversity",
    "EmbeddingRetriever",
    "Exact",
    "HistoryMean",
    "Index",
    "IndexNotice",
    "IndexSettings",
    "InvertedFile",
    "NeighbourRetriever",
    "Popularity",
    "Quotas",
    "RatingRetriever",
    "ReciprocalRank",
    "Retriever",
    "ScaNN",
    "Scorer",
    "ScoringRetriever",
    "TriggerRetriever",
    "TuningVectors",
    "UserNeighbourRetriever",
    "WeightedScores",
    "WithNewItems",
    "merge_by_maximum",
    "merge_by_sum",
]
