"""What to stop training by where no validation came with the data: some of the training events."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd  # noqa: F401  the example

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import chronological
from tfrec_recall.data.splits import Split, given, has_baskets


@of_kinds
def hold_back(train: Interactions, users: int = 5000, seed: int = 0) -> Split | None:
    """Keeps an event each of some users from training, to see after which epoch a model is best.

    It is the user's last event, with all of its basket where sessions are baskets, and any event
    where there is no time. A user has other events as well, or is not asked.

    Args:
        users: at most as many are asked.
        seed: of their choice, and of the event where there is no time.

    Returns: a split of `train` whose validation and test are both what is held back; None where
        there is no user to ask.

    >>> events = {"user_id": [7, 7, 8], "item_id": ["a", "b", "c"], "timestamp": [2, 1, 3]}
    >>> hold_back(Interactions(pd.DataFrame(events))).validation.targets["item_id"].tolist()
    ['a']
    """
    events = train.events
    random = np.random.default_rng(seed)
    order = chronological(events) if train.has_time else random.permutation(len(events))
    unit = ["user_id", "session_id"] if has_baskets(train) else ["user_id", "item_id"]
    unit_of = events.groupby(unit, observed=True, sort=False).ngroup().to_numpy()
    user = events["user_id"].iloc[order]
    last = order[~user.duplicated(keep="last").to_numpy()]  # an event of each user
    last = random.permutation(last)
    held = np.isin(unit_of, unit_of[last])
    others = ~events["user_id"].isin(events["user_id"][~held]).to_numpy()  # has nothing else
    last = last[~others[last]][:users]
    held = np.isin(unit_of, unit_of[last])
    if not held.any():
        return None
    parts = np.where(held, "test", "train")
    split = given(train.with_events(events.assign(split=parts)))
    return dataclasses.replace(split, name="hold_back", validation=split.test, published=False)
