"""GES: EGES with the plain mean of the side information."""

from __future__ import annotations

from tfrec_recall._keras import saved_by_config
from tfrec_recall.models.graphs.eges import EGES


@saved_by_config
class GES(EGES):
    """Skip-gram over random walks; an item is the mean of its id and its side information.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018,
    section 3.3: Eq. 5. Arguments as `EGES` has them.
    """

    own_side_info = "mean"
