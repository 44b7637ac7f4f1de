"""The split that came with the data."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfrec_recall.data.interactions import PARTS, Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.splits.parts import NobodyAsked, Split, ordered, split_by


@of_kinds
def given(interactions: Interactions) -> Split:
    """The split that came with the data, in the events' column `split`, followed as it is.

    It works without timestamps, and may let a history hold events later than its targets, if that
    is how it was published. Validation may be empty.

    Raises: ValueError without the column, or without train or test events.
    """
    if "split" not in interactions.events:
        raise ValueError(
            f"given needs a column 'split' of {', '.join(PARTS)} in the events; without one, use "
            "last_events_out, last_basket_out, temporal, hold_out_users or random_events_out "
            "(--split). Received columns: "
            f"{list(interactions.events.columns)}."
        )
    data = ordered(interactions)
    named = data.events["split"]
    part = np.select([(named == name).to_numpy(dtype=bool) for name in PARTS], range(3))
    sizes = dict(zip(PARTS, np.bincount(part, minlength=3).tolist(), strict=True))
    if not (sizes["train"] and sizes["test"]):
        raise NobodyAsked(
            f"given needs events in train and in test. Received: {sizes}.", data.take(part == 0)
        )
    split = split_by("given", interactions, data, part)
    return dataclasses.replace(split, published=True)
