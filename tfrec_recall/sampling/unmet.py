"""Negatives that the user has not met, drawn in the graph for a whole batch at once."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.sampling.uniform import FIRST_KNOWN

ROUNDS = 20


class UnmetNegatives(tf.Module):
    """Every known item that a user has no event with is as likely as the others.

    Membership is a bisection in the sorted keys user * size + item; what was met is drawn again, up
    to `ROUNDS` times: a user who met 9 of 10 items then keeps one of them in 1 of 8 draws, and
    one who met half of them in one of a million.

    Args:
        user, item: encoded ids of the events, [events].
        size: of the item vocabulary, padding and unknown included.

    >>> negatives = UnmetNegatives([2, 2, 3], [2, 3, 4], size=5)
    >>> negatives.sample(tf.constant([2, 2, 2]), seed=[1, 2]).numpy()
    array([4, 4, 4], dtype=int32)
    """

    def __init__(self, user: np.ndarray, item: np.ndarray, size: int):
        super().__init__()
        if size <= FIRST_KNOWN:
            raise ValueError(f"There is no known item to draw. Received: a vocabulary of {size}.")
        self.size = size
        keys = np.unique(np.asarray(user, "int64") * size + np.asarray(item, "int64"))
        self._keys = tf.constant(keys, tf.int64)

    def met(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """Which of the pairs have an event: bool, of their shape."""
        if not self._keys.shape[0]:
            return tf.zeros(tf.shape(user), tf.bool)
        key = tf.cast(user, tf.int64) * self.size + tf.cast(item, tf.int64)
        place = tf.searchsorted(self._keys, tf.reshape(key, [-1]))
        place = tf.minimum(tf.reshape(place, tf.shape(key)), self._keys.shape[0] - 1)
        return tf.gather(self._keys, place) == key

    def sample(self, user: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """An item for each user, int32 of their shape; the same seed draws the same items.

        Args:
            seed: two integers.
        """
        seed = tf.cast(seed, tf.int64)

        def draw(number):
            own = seed + tf.stack([tf.cast(number, tf.int64), tf.zeros([], tf.int64)])
            return tf.random.stateless_uniform(
                tf.shape(user), own, FIRST_KNOWN, self.size, dtype=tf.int32
            )

        def again(number, item, met):
            item = tf.where(met, draw(number), item)
            return number + 1, item, self.met(user, item)

        first = draw(0)
        _, item, _ = tf.while_loop(
            lambda number, _, met: tf.reduce_any(met) & (number < ROUNDS),
            again,
            (tf.constant(1), first, self.met(user, first)),
        )
        return item
