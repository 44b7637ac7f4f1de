"""BGE: EGES without side information."""

from __future__ import annotations

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.features import Features, History, Wanted, ids_alone
from tfrec_recall.models.graphs.eges import EGES


@saved_by_config
class BGE(EGES):
    """Skip-gram over random walks on the graph of items, by their ids alone.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018,
    section 3.2: Eq. 2 to 4. Arguments as `EGES` has them. New items have no vector.
    """

    own_side_info = "none"
    reads_columns = False

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        return ids_alone([History(length=50)], columns)
