"""Item-based collaborative filtering."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions, chronological, has_baskets
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.graph import (
    CoCount,
    Similarity,
    interaction_matrix,
    nearby_counts,
    neighbours,
    neighbours_by_counts,
)
from tfrec_recall.graph.similarity import OVERLAP, Totals, column_sizes
from tfrec_recall.models.collaborative_filtering.neighbour_ratings import (
    NeighbourRatings,
    RatedPairs,
    rating_column,
)
from tfrec_recall.models.collaborative_filtering.raters import ByItems
from tfrec_recall.models.one_pass_model import OnePassModel
from tfrec_recall.retrieval import NeighbourRetriever

Auto = Literal["auto"]


class Best(NamedTuple):
    """Settings by the kind of data."""

    neighbours: int
    normalize: bool
    half_life: float


OF_EVENTS = Best(neighbours=200, normalize=True, half_life=4.0)
OF_BASKETS = Best(neighbours=25, normalize=False, half_life=30.0)


@saved_by_config
class ItemCF(OnePassModel):
    """Users get the items like those of their history; items are alike that share users.

    Source: "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001, section 3;
    "Item-Based Top-N Recommendation Algorithms", TOIS 2004, section 4 (normalised rows).
    Departs: the events of the history may count by recency.

    Args:
        features: adapted; only ids and the history are used, whatever its length.
        neighbours: kept of each item.
        alpha: of the popularity penalty, see `CoCount`; 0.5 is the cosine of sets.
        active_penalty: users with many events say less of each.
        shrinkage: towards 0 for items with few users in common.
        similarity: another one instead, such as `Cosine()`, `Jaccard()` or `Pearson()`.
        normalize: each item's best neighbour has the weight 1, so that all of the history's items
            have the same say.
        half_life: in events, of what an event of the history counts; None counts all alike.
        last: only the latest events of the history count; None takes all.
        nearby: in events, the half-life of the distance at which two events of a user still make
            their items alike; None lets all of a user's events do so. So do baskets, events without
            time, and similarities of values, which have no distance. All pairs that are near are
            held while it learns; with None, only some rows at a time.
        ratings: take the events' column `rating` as values, for `Cosine`, `Pearson` and
            `predict_ratings`; events without a rating are then left out. Without, every event is
            a 1.

    It learns in one pass, with `adapt` or with `fit` on the training interactions.

    What is "auto" is by validation: `OF_BASKETS` on Online Retail (recall@50 .196, and .172 with
    100 neighbours, normalised, and a half-life of 8), `OF_EVENTS` on MovieLens-100k, for all data
    without baskets. More neighbours help there (.505 with 600, .493 with 200), for as much more
    memory.
    """

    needs: ClassVar[tuple[str, ...]] = ("user_id", "item_id", "history")

    def __init__(
        self,
        features: Features,
        neighbours: int | Auto = "auto",
        alpha: float = 0.5,
        active_penalty: bool = True,
        shrinkage: float = 0.0,
        similarity: Similarity | None = None,
        normalize: bool | Auto = "auto",
        half_life: float | Auto | None = "auto",
        last: int | None = None,
        nearby: float | None = 10.0,
        ratings: bool = False,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        best = OF_BASKETS if features.has_baskets else OF_EVENTS
        count = best.neighbours if neighbours == "auto" else neighbours
        half_life = best.half_life if half_life == "auto" else half_life
        self.similarity = similarity or CoCount(alpha, active_penalty, shrinkage)
        self.normalize = best.normalize if normalize == "auto" else normalize
        self.last, self.half_life = features.recency(last, half_life)
        counts = not ratings and self.similarity.moments == (OVERLAP,)
        self.nearby = nearby if counts else None
        size = len(features.item_vocabulary)
        self.neighbour_ids = tf.Variable(
            tf.fill([size, count], -1), trainable=False, name="neighbour_ids"
        )
        self.neighbour_weights = tf.Variable(
            tf.zeros([size, count]), trainable=False, name="neighbour_weights"
        )
        self.popularity = tf.Variable(tf.zeros([size]), trainable=False, name="popularity")
        self.ratings = RatedPairs() if ratings else None

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        return Features(user=[Categorical("user_id"), History()], item=[Categorical("item_id")])

    def adapt(self, train: Interactions) -> None:
        """Finds the neighbours of every item among the training events."""
        events = train.events
        nearby = self.nearby if train.has_time and not has_baskets(train) else None
        if nearby is not None:
            events = events.iloc[chronological(events)]
        user = self.features.ids("user_id").encode(events["user_id"])
        item = self.features.ids("item_id").encode(events["item_id"])
        known = (item > 1) & (user > 1)
        rating = None
        if self.ratings is not None:
            rating = rating_column(train, "ItemCF")
            known &= np.isfinite(rating)
        user, item = user[known], item[known]
        value = rating[known] if rating is not None else None
        users = self.features.ids("user_id").size
        shape = (len(self.features.item_vocabulary), users)
        matrix = interaction_matrix(item, user, shape, value)
        count = self.neighbour_ids.shape[1]
        if nearby is None:
            del user, item  # the matrix has it all
            table = neighbours(matrix, self.similarity, count)
        else:
            of_user = self.similarity.column_weight(column_sizes(matrix))
            weight = None if of_user is None else of_user[user]
            counts = nearby_counts(user, item, shape[0], nearby, weight)
            table = neighbours_by_counts(counts, Totals.of(matrix), self.similarity, count)
        self.neighbour_ids.assign(table.ids)
        self.neighbour_weights.assign(table.weights)
        self.popularity.assign(np.diff(matrix.indptr))
        if self.ratings is not None:
            self.ratings.assign(matrix.T.tocsr())

    def predict_ratings(self, pairs: pd.DataFrame, centred: bool = True) -> np.ndarray:
        """The ratings that users would give to items, by the user's ratings of its neighbours.

        Source: WWW 2001, section 3.2.1, "weighted sum"; centred: around the items' means.

        Args:
            pairs: user_id, item_id.
            centred: R̄_i + Σ w (R_j - R̄_j) / Σ w instead of Σ w R_j / Σ w.

        Returns: float32 [pairs], within the range of the training ratings; where no neighbour is
            rated, the item's mean, or that of all.
        """
        rated_pairs = self.ratings
        if rated_pairs is None:
            raise ValueError("ItemCF predicts ratings when it is made with ratings=True.")
        user = self.features.ids("user_id").encode(pairs["user_id"])
        item = self.features.ids("item_id").encode(pairs["item_id"])
        ratings = NeighbourRatings(
            self.neighbour_ids, self.neighbour_weights, rated_pairs.means(1), rated_pairs.range
        )
        return ratings(
            tf.constant(item),
            lambda neighbour: rated_pairs.rated(tf.constant(user)[:, tf.newaxis], neighbour),
            centred,
        ).numpy()

    def retriever(self, items: pd.DataFrame, index=None, k: int = 100, seed: int = 0):
        """Lists from neighbour tables; `index` means nothing here, as no vectors are searched."""
        encoded = self.features.ids("item_id").encode(items["item_id"])
        position = np.full(len(self.features.item_vocabulary), -1, "int32")
        position[encoded] = np.arange(len(encoded))
        position[:2] = -1  # padding, and the items that train does not know
        ids = self.neighbour_ids.numpy()[encoded]
        weights = self.neighbour_weights.numpy()[encoded]
        if self.normalize:
            weights = weights / np.maximum(weights.max(axis=1, initial=0, keepdims=True), 1e-30)
        ids = np.where(ids >= 0, position[ids], -1)
        retriever = NeighbourRetriever(
            items["item_id"].to_numpy(),
            ids,
            weights,
            popularity=self.popularity.numpy()[encoded],
            last=self.last,
            half_life=self.half_life,
            k=k,
            seed=seed,
        )
        return retriever if self.ratings is None else retriever.with_ratings(ByItems(self))
