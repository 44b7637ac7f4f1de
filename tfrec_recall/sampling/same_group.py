"""Negatives from the same group as the positive: listings of one market, products of one shop."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class SameGroupNegatives(tf.Module):
    """Every item of a group is as likely as the others of it.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 3.1: negatives from the market of the central listing.

    Args:
        groups: the group of each encoded id, from 0; a negative number is no group, and such ids
            are never drawn.

    >>> negatives = SameGroupNegatives([-1, -1, 0, 1, 0])
    >>> negatives.sample(tf.constant([1, 1, -1]), seed=[1, 2]).numpy()  # 0 is padding: no group
    array([3, 3, 0], dtype=int32)
    """

    def __init__(self, groups: np.ndarray):
        super().__init__()
        given = np.asarray(groups)
        if given.size and not np.issubdtype(given.dtype, np.integer):
            raise ValueError(
                f"SameGroupNegatives takes groups as integers. Received: {given.dtype.name}."
            )
        groups = given.astype("int64")
        members = np.flatnonzero(groups >= 0)
        if groups.ndim != 1 or not len(members):
            raise ValueError(
                "SameGroupNegatives takes the group of each encoded id, at least one of them from "
                f"0 up. Received: an array of shape {groups.shape}, with {len(members)} members."
            )
        order = members[np.argsort(groups[members], kind="stable")]
        size = np.bincount(groups[members])
        self._members = tf.constant(order, tf.int32)  # group after group
        self._start = tf.constant(np.concatenate([[0], np.cumsum(size)[:-1]]), tf.int32)
        self._size = tf.constant(size, tf.int32)
        self._groups = tf.constant(groups, tf.int32)

    def group_of(self, ids: tf.Tensor) -> tf.Tensor:
        """The groups of encoded ids, int32 of the same shape."""
        return tf.gather(self._groups, ids)

    def sample(self, groups: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """An encoded id for each group, int32 of the same shape; 0 where there is no group."""
        known = tf.maximum(groups, 0)
        size = tf.gather(self._size, known)
        uniform = tf.random.stateless_uniform(tf.shape(groups), seed)
        place = tf.minimum(tf.cast(uniform * tf.cast(size, tf.float32), tf.int32), size - 1)
        found = tf.gather(self._members, tf.gather(self._start, known) + tf.maximum(place, 0))
        return tf.where((groups >= 0) & (size > 0), found, 0)
