"""Which events of a data set count: copies left out, ratings of a least height alone."""

from __future__ import annotations

import numpy as np
import pandas as pd  # noqa: F401  the examples

from tfrec_recall.data.checking.copies import repeats
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds


@of_kinds
def without_duplicates(interactions: Interactions) -> Interactions:
    """Without events that repeat an earlier one in every column; users and items stay.

    >>> events = pd.DataFrame({"user_id": 1, "item_id": ["a", "a", "b"], "timestamp": [5, 5, 6]})
    >>> len(without_duplicates(Interactions(events)).events)
    2
    """
    return interactions.take(~repeats(interactions.events).to_numpy())


@of_kinds
def rated(
    interactions: Interactions, minimum: float | None = None, unrated: bool = False
) -> Interactions:
    """The events with a rating of at least `minimum`; users and items stay.

    To most models every event is a liking, whatever its rating, also one of 0, a negative one or
    none at all: with `minimum` they learn and are asked for what was liked. Models of ratings
    (`FunkSVD`, and `UserCF` and `ItemCF` with `ratings=True`) take every rating for what it is, 0
    and below included, and leave events without one out. Where 0 stands for "not rated",
    `minimum` drops it.

    Args:
        minimum: None keeps every event with a rating.
        unrated: also keep the events without a rating.

    Raises: ValueError without ratings, or if no event is left.

    >>> events = pd.DataFrame({"user_id": 1, "item_id": list("abc"), "rating": [5.0, 2.0, None]})
    >>> rated(Interactions(events), minimum=4).events["item_id"].tolist()
    ['a']
    """
    if "rating" not in interactions.events:
        raise ValueError(
            "rated needs the event column 'rating'; if it has another name, rename it. "
            f"Received columns: {list(interactions.events.columns)}."
        )
    rating = interactions.events["rating"].to_numpy("float64", na_value=np.nan)
    known = np.isfinite(rating)
    kept = known if minimum is None else known & (rating >= minimum)
    if unrated:
        kept = kept | ~known
    if not kept.any():
        found = "no rating in any row"
        if known.any():
            found = f"ratings from {rating[known].min():g} to {rating[known].max():g}"
        least = "" if minimum is None else f" of {minimum:g} or more"
        raise ValueError(f"No event has a rating{least}. Received: {found}.")
    return interactions.take(kept)
