"""What models of ratings foretell in a retriever: raw queries and items in, ratings out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.models.collaborative_filtering.neighbour_ratings import (
    NeighbourRatings,
    weighted_mean,
)

if TYPE_CHECKING:
    from tfrec_recall.models.collaborative_filtering.funk_svd import FoldIn, FunkSVD
    from tfrec_recall.models.collaborative_filtering.item_cf import ItemCF
    from tfrec_recall.models.collaborative_filtering.user_cf import UserCF
    from tfrec_recall.retrieval import UserNeighbourRetriever


class ByFactors(tf.Module):
    """Ratings of users whom FunkSVD has learnt; a stranger's are the means of the items."""

    def __init__(self, model: FunkSVD):
        super().__init__()
        user = model.features.ids("user_id")
        self.model = model
        self.user, self.item = user.graph(), model.features.ids("item_id").graph()
        self.inputs = {"user_id": tf.TensorSpec([None], user.raw_dtype, "user_id")}

    def __call__(self, raw, item_id):
        user = self.user(raw["user_id"])[:, tf.newaxis]
        return self.model.within_range(self.model.rating(user, self.item(item_id)))


class ByFoldIn(tf.Module):
    """Ratings of users by the ratings that they send."""

    def __init__(self, fold_in: FoldIn):
        super().__init__()
        self.fold_in, self.inputs = fold_in, fold_in.inputs

    def __call__(self, raw, item_id):
        model = self.fold_in.model
        p, of_user = self.fold_in.factors(raw)
        q, of_item = model.items(self.fold_in.lookup(item_id))  # [batch, any, dim], [batch, any]
        match = tf.einsum("bd,bnd->bn", p, q)
        return model.within_range(model.mean + of_user[:, tf.newaxis] + of_item + match)


class ByItems(tf.Module):
    """Ratings by those that the user gave to the item's neighbours, `centred` as the model is."""

    def __init__(self, model: ItemCF):
        super().__init__()
        encoding, pairs = model.features.ids("item_id"), model.ratings
        assert pairs is not None  # the model was made with ratings
        self.lookup = encoding.graph()
        self.ids, self.weights = model.neighbour_ids, model.neighbour_weights
        self.means = tf.Variable(pairs.means(1), trainable=False, name="means")
        self.range, self.centred = pairs.range, model.centred
        self.inputs = _history_inputs(encoding.raw_dtype)

    def __call__(self, raw, item_id):
        given = Given(self.lookup(raw["history"]), raw["history_rating"], tf.size(self.means))
        row = tf.ones_like(item_id, tf.int64) * given.rows[:, tf.newaxis]
        row = tf.reshape(row, [-1, 1])
        rating = NeighbourRatings(self.ids, self.weights, self.means, self.range)(
            tf.reshape(self.lookup(item_id), [-1]),
            lambda neighbour: given.rated(row, neighbour),
            self.centred,
        )
        return tf.reshape(rating, tf.shape(item_id))


class ByUsers(tf.Module):
    """Ratings by those of the users who rate like the history, `centred` as the model is."""

    def __init__(self, model: UserCF, retriever: UserNeighbourRetriever):
        super().__init__()
        encoding = model.features.ids("item_id")
        self.lookup = encoding.graph()
        self.retriever, self.pairs = retriever, model.pairs
        self.centred, self.common_means = model.centred, model.common_means
        known = tf.constant(retriever.users.order + FIRST_KNOWN, tf.int32)
        self.user_of_row = tf.Variable(known, trainable=False, name="user_of_row")
        self.means = tf.Variable(model.pairs.means(0), trainable=False, name="means")
        overall = tf.reduce_mean(model.pairs.values)
        self.overall = tf.Variable(overall, trainable=False, name="overall")
        self.inputs = dict(retriever.inputs)

    def __call__(self, raw, item_id):
        near, similarity = self.retriever.nearest(raw)  # [batch, neighbours]
        user = tf.gather(self.user_of_row, near)[:, tf.newaxis]
        item = self.lookup(item_id)[..., tf.newaxis]  # [batch, any, 1]
        rating, found = self.pairs.rated(user, item)  # [batch, any, neighbours]
        similarity = tf.where(self.retriever.asked(similarity), similarity, 0.0)
        weight = tf.where(found, similarity[:, tf.newaxis], 0.0)
        given = Given(self.lookup(raw["history"]), raw["history_rating"], self.pairs.shape[1])
        mean = given.means(self.overall)[:, tf.newaxis] * tf.ones_like(rating[..., 0])
        of_neighbour = None
        if self.common_means:
            of_neighbour = self.retriever.common_means(raw, near)[:, tf.newaxis]
        elif self.centred:
            of_neighbour = tf.gather(self.means, user)
        return weighted_mean(rating, weight, mean, of_neighbour, self.pairs.range)


class Given:
    """The ratings that requests send, found again by item.

    Args:
        item: encoded ids [batch, history].
        rating: float32 [batch, history]; an item of several has their mean, and NaN is none.
        items: how many there are.
    """

    def __init__(self, item: tf.Tensor, rating: tf.Tensor, items: tf.Tensor):
        self.rows = tf.range(tf.shape(item, tf.int64)[0])
        self.items = tf.cast(items, tf.int64)
        counted = (item >= FIRST_KNOWN) & tf.math.is_finite(rating)
        cell = self.rows[:, tf.newaxis] * self.items + tf.cast(item, tf.int64)
        cell, value = tf.boolean_mask(cell, counted), tf.boolean_mask(rating, counted)
        order = tf.argsort(cell)
        self.keys, place = tf.unique(tf.gather(cell, order))
        self.values = tf.math.segment_mean(tf.gather(value, order), place)

    def rated(self, row: tf.Tensor, item: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ratings of pairs, and whether there is one; ids broadcast, and below 0 are none."""
        key = tf.where(item >= 0, row * self.items + tf.cast(item, tf.int64), -1)
        # One key beyond all others, so that there is one to look at.
        keys = tf.concat([self.keys, [key.dtype.max]], axis=0)
        place = tf.searchsorted(keys, tf.reshape(key, [-1]))
        place = tf.reshape(place, tf.shape(key))
        found = tf.gather(keys, place) == key
        return tf.gather(tf.concat([self.values, [0.0]], axis=0), place), found

    def means(self, otherwise: tf.Tensor) -> tf.Tensor:
        """The mean of each row's ratings, [batch]."""
        row, batch = self.keys // self.items, tf.size(self.rows)
        sums = tf.math.unsorted_segment_sum(self.values, row, batch)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(self.values), row, batch)
        return tf.where(counts > 0, tf.math.divide_no_nan(sums, counts), otherwise)


def _history_inputs(raw_dtype: tf.DType) -> dict[str, tf.TensorSpec]:
    return {
        "history": tf.TensorSpec([None, None], raw_dtype, "history"),
        "history_rating": tf.TensorSpec([None, None], tf.float32, "history_rating"),
    }
