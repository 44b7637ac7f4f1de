"""Ratings foretold from those of neighbours, for both directions of collaborative filtering."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall.data.examples import NoExample
from tfrec_recall.features import Origin
from tfrec_recall.graph import Similarity
from tfrec_recall.graph.neighbour_table import PAIRS_AT_A_TIME, similar_rows

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
        self.shape.assign(matrix.shape)
        self._set(_keys(matrix), matrix.data)

    def _set(self, keys: np.ndarray, values: np.ndarray) -> None:
        self.keys.assign(keys)
        self.values.assign(values)
        if len(values):
            self.range.assign([values.min(), values.max()])

    def matrix(self) -> sp.csr_array:
        """The ratings as users by items, as they were assigned."""
        users, items = self.shape.numpy()
        keys = self.keys.numpy()
        start = np.searchsorted(keys, np.arange(users + 1) * items)
        return sp.csr_array((self.values.numpy(), keys % items, start), shape=(users, items))

    def add(self, ratings: sp.csr_array) -> None:
        """Takes ratings, users by items in order; pairs that have one keep it."""
        keys, values, new = self.keys.numpy(), self.values.numpy(), _keys(ratings)
        place = np.searchsorted(keys, new)
        lacking = np.append(keys, -1)[place] != new
        place = place[lacking]  # the others stay in order: nothing is sorted anew
        self._set(
            np.insert(keys, place, new[lacking]), np.insert(values, place, ratings.data[lacking])
        )

    def replace(self, ratings: sp.csr_array) -> None:
        """Takes ratings of some users, users by items in order, in place of what these had.

        Args:
            ratings: all of each of these users, as a mean is over all of them.
        """
        keys, values = self.keys.numpy(), self.values.numpy()
        stay = np.diff(ratings.indptr)[keys // ratings.shape[1]] == 0
        self._set(keys[stay], values[stay])
        self.add(ratings)

    def take_over(self, before: RatedPairs, users: Origin, items: Origin) -> None:
        """Takes what another one has of users and items that are still the same."""
        user, item = np.divmod(before.keys.numpy(), before.shape.numpy()[1])
        same = users.same[user] & items.same[item]  # whose numbers are as they were: in order
        self.shape.assign([len(users.same), len(items.same)])
        self._set(user[same] * len(items.same) + item[same], before.values.numpy()[same])
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
        of_neighbours: float32 [rows, n], what neighbours' ratings are centred around; None takes
            their means.
    """

    def __init__(
        self,
        ids: tf.Tensor,
        weights: tf.Tensor,
        means: tf.Tensor,
        range: tf.Tensor,
        of_neighbours: tf.Tensor | None = None,
    ):
        self.ids = ids
        self.weights = weights
        self.means = means
        self.range = range
        self.of_neighbours = of_neighbours

    def __call__(self, row: tf.Tensor, rated: Rated, centred: bool) -> tf.Tensor:
        """Ratings [batch]; a row's mean where no neighbour has one.

        Args:
            rated: maps neighbours [batch, n] to their ratings and whether there are, [batch, n].
        """
        neighbour = tf.gather(self.ids, row)  # [batch, n]
        rating, found = rated(neighbour)
        weight = tf.where(found, tf.gather(self.weights, row), 0.0)
        of_neighbour = None
        if centred and self.of_neighbours is not None:
            of_neighbour = tf.gather(self.of_neighbours, row)
        elif centred:
            of_neighbour = tf.gather(self.means, tf.maximum(neighbour, 0))
        mean = tf.gather(self.means, row)
        return weighted_mean(rating, weight, mean, of_neighbour, self.range)


def weighted_mean(
    rating: tf.Tensor,
    weight: tf.Tensor,
    mean: tf.Tensor,
    of_neighbour: tf.Tensor | None,
    range: tf.Tensor,
) -> tf.Tensor:
    """Σ w R / Σ |w| within the range [...], or the mean + Σ w (R - R̄) / Σ |w|; else the mean.

    Args:
        rating, weight: of the neighbours [..., n]; a weight of 0 stands for no rating.
        mean: of the one whose rating it is, [...].
        of_neighbour: the neighbours' means R̄, [..., n], to centre the ratings around.
    """
    total = tf.reduce_sum(tf.abs(weight), axis=-1)
    own = 0.0 if of_neighbour is None else mean
    value = rating if of_neighbour is None else rating - of_neighbour
    weighted = tf.math.divide_no_nan(tf.reduce_sum(weight * value, axis=-1), total)
    return tf.clip_by_value(tf.where(total > 0, own + weighted, mean), range[0], range[1])


def ratings_by_all(
    pairs: RatedPairs,
    similarity: Similarity,
    user: np.ndarray,
    item: np.ndarray,
    centred: bool,
    unlike: bool = False,
    common_means: bool = False,
) -> np.ndarray:
    """As `NeighbourRatings` of a user's neighbours, all others who are alike: users are compared
    block by block, and no table of users by users is made.

    Args:
        user, item: encoded ids [pairs].
        centred: take the ratings around the means of the users.
        unlike: similarities below 0 count as well.
        common_means: beside `centred`: around the means of what others gave to the items that the
            user rated too.

    Returns: float32 [pairs].
    """
    rated, means = pairs.matrix(), pairs.means(0).numpy().astype("float64")
    there, over_all = _ones(rated), centred and not common_means
    value = rated.data - (np.repeat(means, np.diff(rated.indptr)) if over_all else 0.0)
    values = sp.csr_array((value, rated.indices, rated.indptr), shape=rated.shape)
    result = means[user]
    asked, which = np.unique(user, return_inverse=True)
    order = np.argsort(which, kind="stable")
    begin = np.append(np.searchsorted(which[order], np.arange(len(asked))), len(order))
    for run, weights in similar_rows(rated, similarity, asked):
        if not unlike:
            weights.data = np.maximum(weights.data, 0.0)
        some = order[begin[run.start] : begin[run.stop]]
        cells = which[some] - run.start, item[some]
        weighted = values_at(weights @ values, *cells)
        if common_means:
            around = weights.multiply(_means_in_common(rated, there, asked[run]))
            weighted -= values_at(around @ there, *cells)
        total = values_at(abs(weights) @ there, *cells)
        own = result[some] if centred else 0.0
        foretold = own + weighted / np.where(total > 0, total, 1.0)
        result[some] = np.where(total > 0, foretold, result[some])
    low, high = pairs.range.numpy()
    return np.clip(result, low, high).astype("float32")


def means_of_neighbours(pairs: RatedPairs, ids: np.ndarray, users: np.ndarray) -> np.ndarray:
    """What neighbours gave on average to the items that a user rated too.

    Args:
        ids: neighbours of each user, [all users, n], -1 for none.
        users: whose neighbours are asked; those of others have zeros.

    Returns: float32 [all users, n].
    """
    rated, result = pairs.matrix(), np.zeros(ids.shape, "float32")
    there, asked = _ones(rated), np.unique(users)
    at_a_time = max(1, PAIRS_AT_A_TIME // rated.shape[0])
    for first in range(0, len(asked), at_a_time):
        some = asked[first : first + at_a_time]
        row, place = np.nonzero(ids[some] >= 0)
        found = _means_in_common(rated, there, some)
        result[some[row], place] = values_at(found, row, ids[some[row], place])
    return result


def _means_in_common(rated: sp.csr_array, there: sp.csr_array, users: np.ndarray) -> sp.csr_array:
    """The means of what all users gave to the items that each of these has, [these, users]."""
    own = there[users]
    sums, counts = sp.csr_array(own @ rated.T), sp.csr_array(own @ there.T)
    counts.data = 1 / counts.data  # no cell of it is 0: a cell is there for a common item
    return sp.csr_array(sums.multiply(counts))


def _keys(matrix: sp.csr_array) -> np.ndarray:
    """What `RatedPairs` finds each of its entries by, in their order."""
    users, items = matrix.shape
    user = np.repeat(np.arange(users, dtype="int64"), np.diff(matrix.indptr))
    return user * items + matrix.indices


def _ones(matrix: sp.csr_array) -> sp.csr_array:
    """Where there are entries, also of 0."""
    entries = (np.ones(matrix.nnz), matrix.indices, matrix.indptr)
    return sp.csr_array(entries, shape=matrix.shape)


def values_at(matrix: sp.csr_array, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The values of cells, float64; 0 where there is none."""
    found = sp.csr_array(matrix)[rows, columns]
    return np.asarray(found.toarray() if sp.issparse(found) else found).ravel()


def rating_column(events: pd.DataFrame, model: str) -> np.ndarray:
    """The events' ratings, float64, NaN where there is none.

    Raises: ValueError without the column, and NoExample, which is one, if no event has a rating.
    """
    if "rating" not in events:
        raise ValueError(
            f"{model} with ratings needs the event column 'rating'. "
            f"Received columns: {list(events.columns)}."
        )
    rating = events["rating"].to_numpy("float64", na_value=np.nan)
    if not np.isfinite(rating).any():
        raise NoExample(
            f"{model} learns from events with a rating. "
            f"Received: missing values in all {len(rating):,} events."
        )
    return rating


def _of_any_length(dtype: tf.DType, name: str) -> tf.Variable:
    return tf.Variable(
        tf.zeros([0], dtype), shape=tf.TensorShape([None]), trainable=False, name=name
    )
