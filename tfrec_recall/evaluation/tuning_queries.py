"""Requests of users who do not choose the model's weights, to tune an approximate index with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Split, chronological, hold_back
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.splits.parts import Part
from tfrec_recall.evaluation.queries import TIMESTAMP, Queries, first_of_each

MOST = 1_024


@of_kinds
def tuning_queries(
    split: Split, users: int = MOST, seed: int = 0
) -> Callable[[Mapping[str, tf.TensorSpec]], dict[str, Any]]:
    """What users of validation ask, for `retriever(..., tuning_queries=…)`; test is not looked at.

    Where the split has no validation, they are training users without their last event, as if it
    were held back; where nobody has two events, training users with all they have.

    Args:
        users: at most as many, drawn by the seed.

    Returns: a function of a retriever's inputs, which gives raw queries.

    >>> import pandas as pd
    >>> from tfrec_recall.data import Interactions, splits
    >>> events = pd.DataFrame({"user_id": 1, "item_id": list("abcd"), "timestamp": range(4)})
    >>> split = splits.last_events_out(Interactions(events), test=1, validation=1)
    >>> asked = tuning_queries(split)({"history": tf.TensorSpec([None, None], tf.string)})
    >>> asked["history"].numpy()
    array([[b'a', b'b']], dtype=object)
    """

    def queries_for(inputs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
        part = split.validation
        if not len(part.targets):
            held = hold_back(split.train, users, seed)
            part = _all_they_have(split) if held is None else held.validation
        everyone = np.sort(part.targets["user_id"].unique())
        drawn = np.sort(np.random.default_rng(seed).permutation(everyone)[:users])
        first = first_of_each(part.targets, drawn)
        asked = Queries(
            inputs,
            drawn,
            part.history[part.history["user_id"].isin(drawn)],
            table=split.interactions.users,
            timestamps=first[TIMESTAMP].to_numpy() if TIMESTAMP in first else None,
            context=first,
        )
        return asked.batch(np.arange(len(drawn)))

    return queries_for


def _all_they_have(split: Split) -> Part:
    events: pd.DataFrame = split.train.events
    if split.train.has_time:
        events = events.iloc[chronological(events)]
    return Part(history=events, targets=events)
