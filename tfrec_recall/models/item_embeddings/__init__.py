"""Vectors of items from what occurs together, as words have them from sentences.

Take `Item2Vec` first: sets or sequences of items and nothing else; similar items and, by the
latest items of a history, lists for users.
`AirbnbListing` where sessions end in a booking and items belong to markets; `AirbnbType` where
users and items are too many or too rare, so that types of both get the vectors.
"""

from tfrec_recall.models.item_embeddings.item2vec import Item2Vec  # isort: skip
from tfrec_recall.models.item_embeddings.airbnb_listing import AirbnbListing  # isort: skip
from tfrec_recall.models.item_embeddings.airbnb_type import AirbnbType  # isort: skip

__all__ = ["AirbnbListing", "AirbnbType", "Item2Vec"]
