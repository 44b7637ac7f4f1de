"""Retrievers as versioned SavedModels: written whole or not at all, and read back."""

from typing import TYPE_CHECKING

from tfrec_recall._on_demand import on_demand

if TYPE_CHECKING:
    from tfrec_recall.export.loading import LoadedRetriever, load
    from tfrec_recall.export.projector import write_projector
    from tfrec_recall.export.saving import export
else:
    on_demand(__name__)

__all__ = ["LoadedRetriever", "export", "load", "write_projector"]
