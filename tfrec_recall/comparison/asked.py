"""What the users who are measured ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tfrec_recall.evaluation import Queries
from tfrec_recall.evaluation.queries import TIMESTAMP, first_of_each

if TYPE_CHECKING:
    from tfrec_recall.data import Split
    from tfrec_recall.retrieval import Retriever


def queries_of(retriever: Retriever, split: Split, users: np.ndarray) -> Queries:
    """The queries of these users at their first test target, as `evaluate` asks them."""
    asked = first_of_each(split.test.targets, users)
    return Queries(
        retriever.inputs,
        users,
        split.test.history,
        table=split.interactions.users,
        timestamps=asked[TIMESTAMP].to_numpy() if TIMESTAMP in asked else None,
        context=asked,
    )
