"""Neighbours and factors of users and items, from who chose or rated what.

Take `ItemCF` first: no training to speak of, hard to beat where users' latest items say much.
`UserCF` where items are newer than users, or users are few and well known.
`FunkSVD` where there are ratings and the rating itself is to be foretold.
`NeuralCF` where a learnt score of a user-item pair may cost a pass over the catalogue a request.
"""

from tfrec_recall.models.collaborative_filtering.user_cf import UserCF  # isort: skip
from tfrec_recall.models.collaborative_filtering.item_cf import ItemCF  # isort: skip
from tfrec_recall.models.collaborative_filtering.funk_svd import FunkSVD  # isort: skip
from tfrec_recall.models.collaborative_filtering.neural_cf import NeuralCF  # isort: skip

__all__ = ["FunkSVD", "ItemCF", "NeuralCF", "UserCF"]
