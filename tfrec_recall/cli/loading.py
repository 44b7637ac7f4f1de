"""Data and exports as the command line names them."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.console import waiting

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.data import Interactions
    from tfrec_recall.export import LoadedRetriever

DEFAULT = "online-retail"  # travels inside the package
TITLES = ("title", "name", "description")


def load_data(name_or_folder: str | None, rename: Sequence[str] | None) -> Interactions:
    """A built-in data set, or the tables of a folder with their columns renamed."""
    renamed = parse_rename(rename or ())
    from tfrec_recall.data import datasets

    what = name_or_folder or DEFAULT
    if renamed and what in datasets.names():
        raise ValueError(f"--rename is for folders; the columns of {what} have their names.")
    with waiting(f"Reading {what}"):
        return datasets.load(what, **({"rename": renamed} if renamed else {}))


def parse_rename(pairs: Sequence[str]) -> dict[str, str]:
    """`theirs=ours` of each --rename.

    >>> parse_rename(["visitorid=user_id", "itemid=item_id"])
    {'visitorid': 'user_id', 'itemid': 'item_id'}
    """
    renamed = {}
    for pair in pairs:
        theirs, equals, ours = pair.partition("=")
        if not (theirs and equals and ours):
            raise ValueError(f"--rename takes theirs=ours, one column each. Received: {pair!r}.")
        renamed[theirs] = ours
    return renamed


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


def source_of(name_or_folder: str | None) -> str:
    """What to write down, so that the data is found again from anywhere."""
    if name_or_folder is None:
        return DEFAULT
    path = pathlib.Path(name_or_folder)
    return str(path.resolve()) if path.exists() else name_or_folder
