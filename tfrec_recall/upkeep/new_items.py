"""The items of the last day, which an update may give places of each list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall.data.notices import tell
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.models import RecallModel
from tfrec_recall.retrieval import Retriever, WithNewItems
from tfrec_recall.retrieval.with_new_items import NEW_ITEMS

DAY = 24 * 3600
ARRIVED = "arrived"  # in what is told of a state

Arrived = list[list[Any]]  # [id, time of its first event or None]


def places_of(serving: LoadedRetriever, asked: int | None) -> int:
    """How many places of a list new items get: as asked, else as in the version that serves.

    Raises: ValueError for none that a list has.
    """
    if asked is None:
        return int((serving.report.get(NEW_ITEMS) or {}).get("places", 0))
    if not isinstance(asked, int) or isinstance(asked, bool) or not 0 <= asked <= serving.k // 2:
        raise ValueError(
            "new_places is a whole number, at most half of the length of the lists, "
            f"{serving.k // 2}. Received: {asked!r}."
        )
    return asked


def arrived(
    before: Sequence[Sequence[Any]],
    events: pd.DataFrame,
    new: pd.Series,
    in_seconds: bool,
) -> Arrived:
    """The items of the last day before the newest event, with the time of their first event.

    Where times are not seconds, they are the items of this update.

    Args:
        before: as the update before returned it.
        events: that came.
        new: ids that were not known; one without an event arrives with the newest.
        in_seconds: whether the events have such times.

    >>> events = pd.DataFrame({"item_id": ["a", "b", "b"], "timestamp": [0, 90_000, 90_100]})
    >>> arrived([["z", 5_000]], events, pd.Series(["b", "c"]), in_seconds=True)
    [['z', 5000], ['b', 90000], ['c', 90100]]
    """
    if not in_seconds:
        return [[one, None] for one in new.tolist()]
    newest = events["timestamp"].max()
    first = events.groupby("item_id", observed=True)["timestamp"].min()
    times = first.reindex(new).fillna(newest).tolist()
    came = [[one, int(time)] for one, time in zip(new.tolist(), times, strict=True)]
    known = {one for one, _ in came}
    every = [*(list(pair) for pair in before if pair[0] not in known), *came]
    return [pair for pair in every if pair[1] is not None and pair[1] >= newest - DAY]


def with_places(
    made: Retriever,
    model: RecallModel,
    told: Mapping[str, Any],
    places: int,
    known: pd.Series | None = None,
) -> Retriever:
    """The retriever, whose lists give so many places to the items of the last day that it has.

    The most taken of these come first, then the latest.

    Args:
        told: of the state, with `arrived`.
        known: the items that are known by the events that were learnt so far, where others are held
            back to measure with; None: all, and then it is told how many there are.
    """
    if not places:
        return made
    pairs = pd.DataFrame(told.get(ARRIVED, []), columns=["item_id", "time"])
    pairs = pairs[pairs["item_id"].isin(made.item_ids)]
    if known is not None:
        pairs = pairs[pairs["item_id"].isin(known)]
    elif len(pairs):
        tell(f"Of each list, {places} places are for the {len(pairs):,} items of the last day.")
    else:
        tell(f"There is no item of the last day, for which {places} places of each list are.")
    if not len(pairs):
        return made
    vocabulary = model.features.item_vocabulary
    code = vocabulary.encode(pairs["item_id"])
    counts = np.where(code >= FIRST_KNOWN, vocabulary.counts[code], 0)
    times = pairs["time"].fillna(0).to_numpy("float64")
    order = np.lexsort((-times, -counts))
    return WithNewItems(made, pairs["item_id"].to_numpy()[order], places)
