"""The last basket of each user as targets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import changes
from tfrec_recall.data.splits.parts import (
    NobodyAsked,
    Split,
    check_counts,
    ordered,
    places_from_end,
    split_by,
)


@of_kinds
def last_basket_out(
    interactions: Interactions, minimum_baskets: int = 3, new_items_only: bool = True
) -> Split:
    """The last basket (session) of each user is the test, the one before it the validation.

    A basket is placed by its time, baskets of one time by their id, and its events are never torn
    apart. A user with fewer than `minimum_baskets` is training data whole.

    Args:
        minimum_baskets: three leave one to learn from.
        new_items_only: only items that the user had in no earlier basket are targets; a user
            without any is not counted. All other events of the basket are history later on.

    Raises: ValueError without session_id or timestamps, if the sessions of a user overlap, or if
        nobody has a target.
    """
    interactions.require_time("last_basket_out", "random_events_out (--split random)")
    check_counts("last_basket_out", {"minimum_baskets": (minimum_baskets, 3)})
    if "session_id" not in interactions.events:
        raise ValueError(
            "last_basket_out needs to know the baskets: give events a column 'session_id', for "
            "instance of tfrec_recall.data.sessions. Received columns: "
            f"{list(interactions.events.columns)}."
        )
    data = ordered(interactions)
    events = data.events
    starts = changes(events["user_id"], events["session_id"])
    _check_contiguous(events, starts)
    first = np.flatnonzero(starts)
    basket = np.cumsum(starts) - 1
    from_end, size = places_from_end(changes(events["user_id"])[first])
    long = size >= minimum_baskets
    if not long.any():
        raise NobodyAsked(
            f"last_basket_out needs users with {minimum_baskets} baskets, one each for test, "
            "validation and training. With fewer, leave out single events: last_events_out "
            f"(--split last:1). Received: {size.max(initial=0)} at most.",
            data,
        )
    part = np.zeros(len(first), dtype=np.int8)
    part[long & (from_end == 1)] = 1
    part[long & (from_end == 0)] = 2
    wanted = _is_new(events, basket) if new_items_only else None
    if wanted is not None and not (wanted & (part[basket] == 2)).any():
        raise NobodyAsked(
            "last_basket_out takes what is new to a user as a target, and the last baskets hold "
            "only what their users had before. new_items_only=False asks for these too "
            f"(--repeats). Received: {int((part == 2).sum()):,} last baskets.",
            data,
        )
    name = f"last_basket_out(minimum_baskets={minimum_baskets}, new_items_only={new_items_only})"
    return split_by(name, interactions, data, part[basket], wanted)


def _is_new(events: pd.DataFrame, basket: np.ndarray) -> np.ndarray:
    """Whether the user had the item in no earlier basket, for ordered events."""
    user = np.cumsum(changes(events["user_id"])) - 1
    item, items = pd.factorize(events["item_id"])
    pair, pairs = pd.factorize(user * len(items) + item)
    first = np.empty(len(pairs), dtype=np.int64)
    first[pair[::-1]] = basket[::-1]  # the earliest basket of the pair is written last
    return first[pair] == basket


def _check_contiguous(events: pd.DataFrame, starts: np.ndarray) -> None:
    """Refuses sessions of one user that overlap: the later events of one would leak the other."""
    opened = events.loc[starts, ["user_id", "session_id"]]
    again = opened.duplicated()
    if again.any():
        raise ValueError(
            "last_basket_out needs baskets that do not overlap in time: give the events of a "
            "basket one time, events.groupby(['user_id', 'session_id'])['timestamp']"
            ".transform('min'), or cut the sessions anew with tfrec_recall.data.sessions. "
            f"Received: {opened[again]['user_id'].nunique():,} users with overlaps, the first "
            f"{opened[again].head(3).to_dict('records')}."
        )
