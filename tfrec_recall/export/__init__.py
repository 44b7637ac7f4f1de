"""Retrievers as versioned SavedModels: written whole or not at all, and read back."""

from tfrec_recall.export.loading import LoadedRetriever, load
from tfrec_recall.export.saving import export

__all__ = ["LoadedRetriever", "export", "load"]
