"""Negatives that the user has not met, drawn in the graph for a whole batch at once."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features
from tfrec_recall.sampling.checks import encoded, user_rows, vocabulary_size


class UnmetNegatives(tf.Module):
    """Every known item that a user has no event with is as likely as the others.

    The place r of a draw is one among the unmet items. Before the i-th met item m (from 0) lie
    m - i unmet ones, so a bisection by these numbers finds how many met items r has to pass.

    Args:
        user, item: encoded ids of the events, [events].
        size: of the item vocabulary, padding and unknown included.

    >>> negatives = UnmetNegatives([2, 2, 3], [2, 3, 4], size=5)
    >>> negatives.sample(tf.constant([2, 2, 2]), seed=[1, 2]).numpy()
    array([4, 4, 4], dtype=int32)
    """

    def __init__(self, user: np.ndarray, item: np.ndarray, size: int):
        super().__init__()
        vocabulary_size("UnmetNegatives", size)
        user, item = encoded("UnmetNegatives", user=user, item=item)
        if item.size and item.max() >= size:
            raise ValueError(
                f"UnmetNegatives takes items below size={size}. Received: {item.max()}."
            )
        self.size = size
        known = item >= FIRST_KNOWN
        keys = np.unique(user[known] * size + item[known])
        owner = keys // size
        first = np.flatnonzero(np.diff(owner, prepend=-1))  # of each user's items
        place = np.arange(len(keys)) - np.repeat(first, np.diff(np.append(first, len(keys))))
        self._keys = tf.constant(keys, tf.int64)
        self._passed = tf.constant(keys - place - FIRST_KNOWN, tf.int64)  # user * size + m - i

    @classmethod
    def of(cls, features: Features, train: Interactions) -> UnmetNegatives:
        """Of the training events; a user is the row of the users' table, as batches say it."""
        item = features.ids("item_id").encode(train.events["item_id"])
        return cls(user_rows(train), item, len(features.item_vocabulary))

    def met(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """Which of the pairs have an event: bool, of the shape that both broadcast to."""
        key = tf.cast(user, tf.int64) * self.size + tf.cast(item, tf.int64)
        if not self._keys.shape[0]:
            return tf.zeros(tf.shape(key), tf.bool)
        place = _bisect(self._keys, key, "left")
        return tf.gather(self._keys, tf.minimum(place, self._keys.shape[0] - 1)) == key

    def items_of(self, user: tf.Tensor) -> tf.Tensor:
        """What users [batch] have met, encoded ids [batch, most], padded with 0."""
        begin, end = self._run(tf.cast(user, tf.int64))
        keys = tf.gather(self._keys, tf.ragged.range(begin, end).values)
        lengths = tf.RaggedTensor.from_row_lengths(keys % self.size, end - begin)
        return tf.cast(lengths.to_tensor(), tf.int32)

    def sample(self, user: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """An item for each user, int32 of their shape; 0 for one who has met every item.

        Args:
            seed: two integers, which alone decide what is drawn.
        """
        user = tf.cast(user, tf.int64)
        begin, end = self._run(user)
        left = self.size - FIRST_KNOWN - (end - begin)
        lot = tf.random.stateless_uniform(tf.shape(user), tf.cast(seed, tf.int64), dtype=tf.float64)
        place = tf.minimum(tf.cast(lot * tf.cast(left, tf.float64), tf.int64), left - 1)
        passed = _bisect(self._passed, user * self.size + place, "right") - begin
        found = tf.cast(FIRST_KNOWN + place + tf.clip_by_value(passed, 0, end - begin), tf.int32)
        return tf.where(left > 0, found, 0)

    def _run(self, user: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where the keys of users begin and end."""
        begin = _bisect(self._keys, user * self.size, "left")
        return begin, _bisect(self._keys, (user + 1) * self.size, "left")


def _bisect(values: tf.Tensor, asked: tf.Tensor, side: str) -> tf.Tensor:
    place = tf.searchsorted(values, tf.reshape(asked, [-1]), side, out_type=tf.int64)
    return tf.reshape(place, tf.shape(asked))
