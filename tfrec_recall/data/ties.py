"""Other orders of events at one time than the hash: that of the rows, or a draw."""

from __future__ import annotations

import numpy as np
import pandas as pd  # noqa: F401  the example

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import TIE_ORDER


@of_kinds
def ties_in_file_order(interactions: Interactions) -> Interactions:
    """Events at one time follow each other as their rows do.

    Many published leave-one-out figures were measured so. It is right where rows were written as
    things happened; where files are sorted by item, the order says what comes next, and figures
    flatter.

    The order is kept with the events, in the column `tie_order`, so that splits, histories and
    training examples all follow it.

    >>> events = pd.DataFrame({"user_id": 1, "item_id": ["z", "a", "b"], "timestamp": 0})
    >>> ties_in_file_order(Interactions(events)).events["tie_order"].tolist()
    [0, 1, 2]
    """
    interactions.require_time("ties_in_file_order")
    return _ordered(interactions, np.arange(len(interactions.events)))


@of_kinds
def ties_shuffled(interactions: Interactions, seed: int = 0) -> Interactions:
    """Events at one time follow each other as they are drawn, otherwise as `ties_in_file_order`.

    Args:
        seed: another one shows what of a figure hangs on the order of ties.
    """
    interactions.require_time("ties_shuffled")
    drawn = np.random.default_rng(seed).permutation(len(interactions.events))
    return _ordered(interactions, drawn)


def _ordered(interactions: Interactions, order: np.ndarray) -> Interactions:
    return interactions.with_events(interactions.events.assign(**{TIE_ORDER: order}))
