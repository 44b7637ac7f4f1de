"""A share of each user's events, drawn at random, as targets."""

from __future__ import annotations

import numpy as np
import pandas as pd  # noqa: F401  the example

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import changes, rank
from tfrec_recall.data.splits.parts import (
    NobodyAsked,
    Split,
    check_counts,
    label,
    ordered,
    places_from_end,
    split_by,
)


@of_kinds
def random_events_out(
    interactions: Interactions,
    test: float = 0.1,
    validation: float = 0.1,
    seed: int = 0,
    minimum: int | None = None,
) -> Split:
    """A share of each user's events are targets, whichever they are: for ratings, or without time.

    Ratings are usually foretold so, and so are likings that nobody knows the order of. Where there
    are times, a history may hold events later than its targets, so that figures flatter a model
    that is to say what comes next; `last_events_out` and `temporal` do not.

    Args:
        test, validation: shares of each user's events, rounded down, one event at least; validation
            may be 0.
        seed: draws the events.
        minimum: a user with fewer events is training data whole; by default one event for each
            part, which is also the least.

    Raises: ValueError if no user has enough events.

    >>> events = pd.DataFrame({"user_id": 1, "item_id": range(10)})
    >>> split = random_events_out(Interactions(events), test=0.2)
    >>> len(split.train.events), len(split.validation.targets), len(split.test.targets)
    (7, 1, 2)
    """
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise ValueError(
            "random_events_out takes shares of each user's events that leave some for training. "
            f"Received: test={test}, validation={validation}."
        )
    parts = 3 if validation else 2
    check_counts("random_events_out", {"minimum": (minimum, parts)})
    least = parts if minimum is None else minimum
    data = ordered(interactions)
    starts = changes(data.events["user_id"])
    user = np.cumsum(starts) - 1
    lots = np.random.default_rng(seed).permutation(len(user))
    if not data.has_time:  # the order of rows decides nothing: lots go by the items
        lots[np.lexsort((rank(data.events["item_id"]), user))] = lots.copy()
    drawn = np.lexsort((lots, user))
    place, size = places_from_end(starts)  # of the drawn order: it has the same users
    asked = size >= least
    if not asked.any():
        most = size.max(initial=0)
        way_on = ""
        if validation and most == 2:
            way_on = f" Without validation (--split random:{test:g},0) two are enough."
        elif most >= parts:
            way_on = f" A smaller minimum (--minimum {most}) asks users with fewer events."
        raise NobodyAsked(
            f"random_events_out needs users with {least} events or more.{way_on} "
            f"Received: {most} events at most.",
            data,
        )
    of_test, of_validation = _counts(size, test), _counts(size, validation)
    # One event each for the other parts, where a large share and few events would take them.
    of_validation = np.minimum(of_validation, size - 2)
    of_test = np.minimum(of_test, size - 1 - of_validation)
    part = np.zeros(len(user), dtype=np.int8)
    part[drawn] = np.where(place < of_test, 2, np.where(place < of_test + of_validation, 1, 0))
    part[~asked] = 0
    name = label("random_events_out", minimum, test=test, validation=validation, seed=seed)
    return split_by(name, interactions, data, part)


def _counts(size: np.ndarray, share: float) -> np.ndarray:
    """How many events are so large a share, 1 at least unless it is 0."""
    if share == 0:
        return np.zeros_like(size)
    return np.maximum(
        np.floor(share * size + 1e-9).astype(size.dtype), 1
    )  # .1 * 30 is 3, less an ulp
