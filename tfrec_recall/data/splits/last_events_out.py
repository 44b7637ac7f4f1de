"""The last events of each user as targets."""

from __future__ import annotations

import numpy as np
import pandas as pd  # noqa: F401  the example

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import changes
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
def last_events_out(
    interactions: Interactions, test: int = 5, validation: int = 5, minimum: int | None = None
) -> Split:
    """The last events of each user are test targets, those before them validation targets.

    Ties in time are ordered by a hash; `ties_in_file_order` and `ties_shuffled` order them
    otherwise.

    Args:
        test, validation: events of each user; validation may be 0.
        minimum: a user with fewer events is training data whole. By default, and at least for the
            full number of targets, one more than `test + validation`: a past to be asked with. With
            a smaller minimum, users who have too few events for all targets keep one event at
            least; the others are shared between test and validation in their proportion.

    Raises: ValueError without timestamps, or if no user has enough events.

    >>> events = pd.DataFrame({"user_id": 1, "item_id": list("abcd"), "timestamp": [3, 1, 4, 2]})
    >>> split = last_events_out(Interactions(events), test=1, validation=1)
    >>> split.test.history["item_id"].tolist(), split.test.targets["item_id"].tolist()
    (['b', 'd', 'a'], ['c'])
    """
    interactions.require_time("last_events_out", "random_events_out (--split random)")
    check_counts(
        "last_events_out",
        {"test": (test, 1), "validation": (validation, 0), "minimum": (minimum, 2)},
    )
    data = ordered(interactions)
    from_end, size = places_from_end(changes(data.events["user_id"]))
    least = test + validation + 1 if minimum is None else minimum
    asked = size >= least
    if not asked.any():
        most = size.max(initial=0)
        raise NobodyAsked(
            f"last_events_out(test={test}, validation={validation}) needs users with {least} "
            f"events or more. {way_on(int(most))} Received: {most} events at most.",
            data,
        )
    tests, targets = _shared_out(size, test, validation)
    part = np.zeros(len(from_end), dtype=np.int8)
    part[asked & (from_end < targets)] = 1
    part[asked & (from_end < tests)] = 2
    name = label("last_events_out", minimum, test=test, validation=validation)
    return split_by(name, interactions, data, part)


def way_on(most: int) -> str:
    """What asks users who have so many events at most, though these are too few for a split.

    >>> way_on(2)[:72]
    'Fewer targets, such as test=1, validation=0 (--split last:1,0), or a sma'
    """
    if most < 2:
        return (
            "No user has an event before another one, to be asked with: temporal (--split "
            "temporal:MOMENT,MOMENT) asks all at a moment."
        )
    fewer = "test=1, validation=1 (--split last:1)"
    if most == 2:
        fewer = "test=1, validation=0 (--split last:1,0)"
    return (
        f"Fewer targets, such as {fewer}, or a smaller minimum, {most} at most (--minimum {most}), "
        "ask users with fewer events."
    )


def _shared_out(size: np.ndarray, test: int, validation: int) -> tuple[np.ndarray, np.ndarray]:
    """How many test targets, and targets in all, a user with so many events has.

    >>> [part.tolist() for part in _shared_out(np.array([2, 3, 4, 10, 11, 50]), 5, 5)]
    [[1, 1, 2, 5, 5, 5], [1, 2, 3, 9, 10, 10]]
    """
    targets = np.minimum(size - 1, test + validation)
    return -(-targets * test // (test + validation)), targets
