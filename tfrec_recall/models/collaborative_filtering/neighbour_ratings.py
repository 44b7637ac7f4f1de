"""Ratings foretold from those of neighbours, for both directions of collaborative filtering."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall.features import Origin

Rated = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class RatedPairs(tf.keras.layers.Layer):
    """Who rated what how: users by items, found by bisection, kept as weights of the model."""

    def __init__(self):
        super().__init__()
        self.keys = _of_any_length(tf.int64, "keys")  # user * items + item, sorted
        self.values = _of_any_length(tf.float32, "values")
        self.shape = tf.Variable([0, 0], dtype=tf.int64, trainable=False, name="shape")
        self.built = True  # it is never called
        self.range = tf.Variable([-math.inf, math.inf], trainable=False, name="range")

    def assign(self, matrix: sp.csr_array) -> None:
        """The ratings as users by items."""
        matrix.sort_indices()
        users, items = matrix.shape
        user = np.repeat(np.arange(users, dtype="int64"), np.diff(matrix.indptr))
        self.keys.assign(user * items + matrix.indices)
        self.values.assign(matrix.data)
        self.shape.assign([users, items])
        if len(matrix.data):
            self.range.assign([matrix.data.min(), matrix.data.max()])

    def matrix(self) -> sp.csr_array:
        """The ratings as users by items, as they were assigned."""
        users, items = self.shape.numpy()
        keys = self.keys.numpy()
        entries = (self.values.numpy(), (keys // items, keys % items))
        return sp.csr_array(entries, shape=(users, items))

    def with_users(self, ratings: sp.csr_array) -> sp.csr_array:
        """The ratings with those of some users, users by items, in place of what they had.

        Args:
            ratings: all of each of these users, as a mean is over all of them.
        """
        before = self.matrix().tocoo()
        user, item = before.coords
        stay = np.diff(ratings.indptr)[user] == 0
        new = ratings.tocoo()
        entries = np.concatenate([before.data[stay], new.data])
        rows, columns = np.hstack([np.stack([user, item])[:, stay], np.stack(new.coords)])
        return sp.csr_array((entries, (rows, columns)), shape=ratings.shape)

    def take_over(self, before: RatedPairs, users: Origin, items: Origin) -> None:
        """Takes what another one has of users and items that are still the same."""
        pairs = before.matrix().tocoo()
        user, item = pairs.coords
        same = users.same[user] & items.same[item]
        entries = (pairs.data[same], (user[same], item[same]))
        self.assign(sp.csr_array(entries, shape=(len(users.same), len(items.same))))
        self.range.assign(before.range)

    def rated(self, user: tf.Tensor, item: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ratings of pairs, and whether there is one; ids broadcast, and below 0 are nobody's."""
        user, item = tf.cast(user, tf.int64), tf.cast(item, tf.int64)
        key = tf.where((user >= 0) & (item >= 0), user * self.shape[1] + item, -1)
        place = tf.searchsorted(self.keys, tf.reshape(key, [-1]))
        place = tf.minimum(tf.reshape(place, tf.shape(key)), tf.size(self.keys) - 1)
        found = tf.gather(self.keys, place) == key
        return tf.where(found, tf.gather(self.values, place), 0.0), found

    def means(self, axis: int) -> tf.Tensor:
        """The mean rating of each user (axis 0) or item (axis 1); that of all where none is."""
        items = self.shape[1]
        row = self.keys % items if axis else self.keys // items
        size = self.shape[axis]
        sums = tf.math.unsorted_segment_sum(self.values, row, size)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(self.values), row, size)
        overall = tf.reduce_mean(self.values)
        return tf.where(counts > 0, tf.math.divide_no_nan(sums, counts), overall)


class NeighbourRatings:
    """The similarity-weighted mean of what neighbours have, plain or around the rows' means.

    Args:
        ids: neighbours of each row, [rows, n], -1 for none.
        weights: float32 [rows, n].
        means: of the ratings of each row, [rows].
        range: the lowest and the highest rating, which no answer leaves.
    """

    def __init__(self, ids: tf.Tensor, weights: tf.Tensor, means: tf.Tensor, range: tf.Tensor):
        self.ids = ids
        self.weights = weights
        self.means = means
        self.range = range

    def __call__(self, row: tf.Tensor, rated: Rated, centred: bool) -> tf.Tensor:
        """Ratings [batch]; a row's mean where no neighbour has one.

        Args:
            rated: maps neighbours [batch, n] to their ratings and whether there are, [batch, n].
        """
        neighbour = tf.gather(self.ids, row)  # [batch, n]
        rating, found = rated(neighbour)
        weight = tf.where(found, tf.gather(self.weights, row), 0.0)
        of_neighbour = tf.gather(self.means, tf.maximum(neighbour, 0)) if centred else None
        mean = tf.gather(self.means, row)
        return weighted_mean(rating, weight, mean, of_neighbour, self.range)


def weighted_mean(
    rating: tf.Tensor,
    weight: tf.Tensor,
    mean: tf.Tensor,
    of_neighbour: tf.Tensor | None,
    range: tf.Tensor,
) -> tf.Tensor:
    """Σ w R / Σ w within the range [...], or the mean + Σ w (R - R̄) / Σ w; the mean without any.

    Args:
        rating, weight: of the neighbours [..., n]; a weight of 0 stands for no rating.
        mean: of the one whose rating it is, [...].
        of_neighbour: the neighbours' means R̄, [..., n], to centre the ratings around.
    """
    total = tf.reduce_sum(weight, axis=-1)
    deviation = rating - (mean[..., tf.newaxis] if of_neighbour is None else of_neighbour)
    weighted = tf.math.divide_no_nan(tf.reduce_sum(weight * deviation, axis=-1), total)
    return tf.clip_by_value(mean + weighted, range[0], range[1])


def rating_column(events: pd.DataFrame, model: str) -> np.ndarray:
    """The events' ratings, float64, NaN where there is none; ValueError if no event has one."""
    if "rating" not in events:
        raise ValueError(
            f"{model} with ratings needs the event column 'rating'. "
            f"Received columns: {list(events.columns)}."
        )
    rating = events["rating"].to_numpy("float64", na_value=np.nan)
    if not np.isfinite(rating).any():
        raise ValueError(
            f"{model} learns from events with a rating. "
            f"Received: missing values in all {len(rating):,} events."
        )
    return rating


def _of_any_length(dtype: tf.DType, name: str) -> tf.Variable:
    return tf.Variable(
        tf.zeros([0], dtype), shape=tf.TensorShape([None]), trainable=False, name=name
    )
