"""BGE: EGES without side information."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.features import Features, History, Wanted, ids_alone
from tfrec_recall.models.graphs.eges import EGES
from tfrec_recall.models.published import Published


@saved_by_config
class BGE(EGES):
    """Skip-gram over random walks on the graph of items, by their ids alone.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018,
    section 3.2: Eq. 2 to 4. Arguments as `EGES` has them. New items have no vector.
    """

    # There is nothing but the id that a step could show.
    PUBLISHED: ClassVar[Published] = dataclasses.replace(
        EGES.plain_form(),
        arguments={n: v for n, v in EGES.plain_form().arguments.items() if n != "cold_rate"},
    )
    own_side_info = "none"
    reads_columns = False

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        return ids_alone([History(length=50)], columns)
