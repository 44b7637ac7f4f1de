"""Neighbours that were found elsewhere, as on a cluster, in the form that lists are made of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data import Vocabulary
from tfrec_recall.data.notices import tell
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.graph.neighbour_table import NONE, Neighbours

COLUMNS = ("id", "neighbour", "weight")


def given_neighbours(
    table: pd.DataFrame, theirs: Vocabulary, ours: Vocabulary, count: int
) -> Neighbours:
    """The `count` neighbours of the largest weights of each item, best first.

    Args:
        table: id, neighbour, weight: a pair a row; equal weights stay in its order.
        theirs: whose numbers the table has.
        ours: whose numbers are returned; pairs with an item that it does not know are left out.

    Raises: ValueError for columns that lack, numbers that are none of `theirs`, and weights that
        are not positive.
    """
    lacking = [name for name in COLUMNS if name not in table]
    if lacking:
        raise ValueError(
            "Neighbours have the columns id, neighbour and weight, as spark.neighbours gives them. "
            f"Received: a table with {', '.join(map(str, table.columns))}."
        )
    weight = table["weight"].to_numpy("float32", na_value=np.nan)
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError(
            "The weights of neighbours are finite and above 0: leave out others. "
            f"Received: weights from {np.nanmin(weight)} to {np.nanmax(weight)}, "
            f"{int(np.isnan(weight).sum())} missing."
        )
    item, neighbour = (_ours(table[name], theirs, ours) for name in COLUMNS[:2])
    known = (item >= FIRST_KNOWN) & (neighbour >= FIRST_KNOWN)
    if not known.all():
        tell(
            f"{int((~known).sum()):,} of {len(table):,} neighbours are left out: they are of items "
            "that the features do not know."
        )
    rows = np.flatnonzero(known)
    rows = rows[np.lexsort((-weight[rows], item[rows]))]
    item, neighbour, weight = item[rows], neighbour[rows], weight[rows]
    first = np.searchsorted(item, item)
    place = np.arange(len(item)) - first
    kept = place < count
    ids = np.full((len(ours), count), NONE, "int32")
    weights = np.zeros((len(ours), count), "float32")
    ids[item[kept], place[kept]] = neighbour[kept]
    weights[item[kept], place[kept]] = weight[kept]
    return Neighbours(ids, weights)


def _ours(numbers: pd.Series, theirs: Vocabulary, ours: Vocabulary) -> np.ndarray:
    """Numbers of one vocabulary as those of another."""
    code = numbers.to_numpy()
    whole = np.issubdtype(code.dtype, np.integer)
    if not whole or (len(code) and not (code.min() >= FIRST_KNOWN and code.max() < len(theirs))):
        raise ValueError(
            f"{numbers.name!r} has numbers of a vocabulary, {FIRST_KNOWN} to {len(theirs) - 1}: "
            "give the one that encoded the events, Vocabulary.load(…). Received: "
            f"{code.dtype} from {code.min()} to {code.max()}."
        )
    if theirs is ours:
        return code
    table = np.concatenate([np.zeros(FIRST_KNOWN, "int64"), ours.encode(pd.Series(theirs.ids))])
    return table[code]
