"""Exports, and what the command line shows of their data."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.console import waiting

if TYPE_CHECKING:
    from tfrec_recall.export import LoadedRetriever


def load_export(path: pathlib.Path) -> LoadedRetriever:
    """The retriever in an export."""
    if not path.exists():
        raise FileNotFoundError(f"There is no export at {path}: `train --export` writes one.")
    with waiting(f"Loading {path}"):
        from tfrec_recall.export import load

        return load(path)


def trained_on(retriever: LoadedRetriever) -> dict[str, Any]:
    """What `train` wrote into the export's card; empty for an export made in Python."""
    from tfrec_recall.export.version_files import training_in

    return training_in(retriever.card)
