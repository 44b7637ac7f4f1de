"""Exports, and what the command line shows of their data."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.console import waiting

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.export import LoadedRetriever

TITLES = ("title", "name", "description")


def load_export(path: pathlib.Path) -> LoadedRetriever:
    """The retriever in an export."""
    if not path.exists():
        raise FileNotFoundError(f"There is no export at {path}: `train --export` writes one.")
    with waiting(f"Loading {path}"):
        from tfrec_recall.export import load

        return load(path)


def trained_on(retriever: LoadedRetriever) -> dict[str, Any]:
    """What `train` wrote into the export's card; empty for an export made in Python."""
    record = retriever.card.get("data")
    return dict(record) if isinstance(record, dict) else {}


def titles(items: pd.DataFrame | None) -> pd.Series | None:
    """What a reader calls the items, by item_id; None where the table has no such column."""
    column = next((name for name in TITLES if items is not None and name in items), None)
    if items is None or column is None:
        return None
    return items.set_index("item_id")[column]
