"""Data known again by its values."""

from __future__ import annotations

import hashlib

import pandas as pd

from tfrec_recall.data.columns.exact_text import exact_text
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.parted import PartedInteractions


def fingerprint(interactions: Interactions) -> str:
    """A text that is the same for the same tables, and another one when any value, column or row
    is: 16 hexadecimal digits.

    The order of rows counts, as it may be that of ties; where the data came from does not.

    >>> events = pd.DataFrame({"user_id": [1, 1], "item_id": [7, 3]})
    >>> first = fingerprint(Interactions(events))
    >>> [fingerprint(Interactions(one)) == first for one in (events.copy(), events[::-1])]
    [True, False]
    """
    digest = hashlib.sha256()
    for table in (interactions.events, interactions.users, interactions.items):
        digest.update(f"{len(table)} rows".encode())
        for name in table:
            column = table[name]
            digest.update(f"{name}: {column.dtype}".encode())
            if column.dtype == object:  # lists have no hash
                column = exact_text(column)
            digest.update(pd.util.hash_pandas_object(column, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]


def fingerprint_of_parts(parted: PartedInteractions) -> str:
    """As `fingerprint`, of what is in the files, however it is changed when it is read.

    The same events in other parts, or compressed otherwise, are others.
    """
    digest = hashlib.sha256()
    users = [parted.folder / "users" / path.name for path in parted.paths]
    for path in (*parted.paths, *users, parted.folder / "items.parquet"):
        if path.is_file():
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
