"""Vectors made searchable, and retrievers: raw query features in, item ids and scores out."""

from tfrec_recall.retrieval.auto import Auto
from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.embedding_retriever import EmbeddingRetriever
from tfrec_recall.retrieval.exact import Exact
from tfrec_recall.retrieval.index import Index, IndexSettings
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.scann_index import ScaNN

__all__ = [
    "Auto",
    "Catalogue",
    "EmbeddingRetriever",
    "Exact",
    "Index",
    "IndexSettings",
    "Retriever",
    "ScaNN",
]
