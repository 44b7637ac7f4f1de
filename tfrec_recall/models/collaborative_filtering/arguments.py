"""What the models of neighbours and factors refuse, and what "auto" means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall.data.arguments import Auto, number, refuse, whole
from tfrec_recall.data.kinds import require_kind
from tfrec_recall.data.notices import tell
from tfrec_recall.features import Features
from tfrec_recall.graph import CoCount, Similarity


def half_life_of(
    owner: str, features: Features, value: float | Auto | None, auto: float, name: str = "half_life"
) -> float | None:
    """A half-life in events; "auto" is `auto` where the events have an order, and None elsewhere.

    Raises: ValueError for another value, and for a number where there is no order to count by.
    """
    if value == "auto":
        return auto if features.has_order else None
    number(owner, value, name, above=0, optional=True)
    _need_order(owner, features, value, name)
    return value


def half_life_of_history(
    owner: str, features: Features, value: float | Auto | None
) -> float | None:
    """The half-life of a history's mean; "auto" is 8 where there is one and events have an order.

    Tells (`ReadingNotice`) of a history that is passed over, as its events have no order.

    Raises: ValueError as `half_life_of`, and for a number where there is no history.
    """
    features.require_adapted()
    history = features.history
    if value == "auto" and history is None:
        return None
    if value == "auto" and not features.has_order:
        tell(
            f"{owner} learns from what comes after a history, and these events have no times: it "
            "passes the history over, and a user is the id alone. TwoTower, YouTubeDNN, FMRecall "
            "and MIND learn each item of a set beside its others."
        )
    half_life = half_life_of(owner, features, value, auto=8.0)
    if half_life is not None and history is None:
        raise ValueError(
            f"{owner} pools a history by half_life: History() among the user's features, or "
            f"half_life=None. Received: half_life={half_life!r}, no history."
        )
    return half_life


def last_of(owner: str, features: Features, last: int | None) -> int | None:
    """How many of the latest events count; None for all."""
    whole(owner, last, "last", optional=True)
    _need_order(owner, features, last, "last")
    return last


def nearby_of(
    owner: str,
    features: Features,
    nearby: float | Auto | None,
    best: float | None,
    similarity: Similarity,
    ratings: bool,
) -> float | None:
    """The half-life, in events, of how far two events of a user are apart; None: no matter.

    Raises: ValueError for a number where nothing is counted in time.
    """
    counts = isinstance(similarity, CoCount)
    in_time = features.has_order and not features.has_baskets
    if nearby == "auto":
        return best if counts and in_time and not ratings else None
    number(owner, nearby, "nearby", above=0, optional=True)
    if nearby is not None and not (counts and in_time and not ratings):
        raise ValueError(
            f"{owner} counts events that are near each other in time for a co-count: nearby=None "
            "with another similarity, beside ratings, with baskets, and without timestamps. "
            f"Received: nearby={nearby!r}, similarity={similarity!r}, {ratings=}, "
            f"{'baskets' if features.has_baskets else 'events'} "
            f"{'with' if features.has_order else 'without'} timestamps."
        )
    return nearby


def similarity_of(owner: str, similarity: Similarity | None, is_set: bool, **own: Any):
    """The similarity that is given, or the co-count of these arguments.

    Args:
        is_set: whether any of the co-count's arguments is given.
        own: the arguments of the co-count.

    Raises: ValueError for arguments of a co-count beside another similarity.
    """
    counted = CoCount(**own)
    if similarity is None:
        return counted
    if isinstance(similarity, type) or not hasattr(similarity, "moments"):
        refuse(owner, similarity, "similarity", "Cosine(), Jaccard(), Pearson() or the like", True)
    if is_set:
        said = ", ".join(f"{name}={value!r}" for name, value in own.items())
        raise ValueError(
            f"{owner} has {', '.join(own)} for its co-count alone: give them to the similarity, or "
            f"leave similarity out. Received: similarity={similarity!r}, {said}."
        )
    return similarity


def _need_order(owner: str, features: Features, value: Any, name: str) -> None:
    features.require_adapted()
    if value is not None and not features.has_order:
        raise ValueError(
            f"{owner} counts {name} in events of a history in time, and these events have no "
            f"timestamps: {name}=None. Received: {name}={value!r}."
        )


def encoded_pairs(
    owner: str, features: Features, pairs: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Encoded users and items of pairs whose ratings are asked for, [pairs] each.

    Raises: ValueError for what is no table of user_id and item_id.
    """
    asked = f"{owner}.predict_ratings"
    require_kind(asked, "pairs", pairs, ("DataFrame",))
    absent = [name for name in ("user_id", "item_id") if name not in pairs]
    if absent:
        raise ValueError(
            f"{asked} takes pairs of the columns user_id and item_id. "
            f"Received: {', '.join(map(str, pairs.columns)) or 'no column'}."
        )
    user = features.ids("user_id").encode(pairs["user_id"])
    return user, features.ids("item_id").encode(pairs["item_id"])


def check_foretelling(owner: str, ratings: bool, by_rating: bool, centred: bool) -> None:
    """Raises ValueError for settings of foretold ratings without ratings."""
    if (by_rating or not centred) and not ratings:
        raise ValueError(
            f"{owner} foretells ratings from ratings: ratings=True. "
            f"Received: ratings=False, {by_rating=}, {centred=}."
        )
