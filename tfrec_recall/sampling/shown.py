"""Negatives that were shown and not chosen."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.sampling.checks import encoded


class ShownNegatives(tf.Module):
    """Every item that was shown to a user and never chosen is as likely as the others of the user.

    An item shown twice counts twice. The user's own positives are left out, also where they were
    passed over at first.

    Args:
        user, item: of the impressions, user rows and encoded item ids, [impressions].
        chosen_user, chosen_item: of the positives, [positives].
        users: how many there are.

    Attributes:
        left: how many impressions may be drawn.

    >>> shown = ShownNegatives([0, 0, 1], [2, 3, 4], chosen_user=[0], chosen_item=[2], users=3)
    >>> shown.sample(tf.constant([0, 1, 2]), 2, seed=[1, 2]).numpy()
    array([[3, 3],
           [4, 4],
           [0, 0]], dtype=int32)
    """

    def __init__(
        self,
        user: np.ndarray,
        item: np.ndarray,
        chosen_user: np.ndarray,
        chosen_item: np.ndarray,
        users: int,
    ):
        super().__init__()
        owner = "ShownNegatives"
        whole(owner, users, "users")
        user, item = encoded(owner, user=user, item=item)
        chosen = encoded(owner, chosen_user=chosen_user, chosen_item=chosen_item)
        for name, rows in (("user", user), ("chosen_user", chosen[0])):
            if rows.size and rows.max() >= users:
                raise ValueError(
                    f"{owner} takes {name} below users={users}. Received: {rows.max()}."
                )
        size = 1 + max(item.max(initial=0), chosen[1].max(initial=0))
        passed = ~np.isin(user * size + item, chosen[0] * size + chosen[1])
        passed &= item >= FIRST_KNOWN
        order = np.flatnonzero(passed)[np.argsort(user[passed], kind="stable")]
        self.left = len(order)
        count = np.bincount(user[order], minlength=users + 1)  # a stranger's, who is measured: 0
        self._items = tf.constant(np.append(item[order], 0), tf.int32)  # user after user
        self._count = tf.constant(count, tf.int32)
        self._start = tf.constant(np.cumsum(count) - count, tf.int32)

    def sample(self, user: tf.Tensor, number: int, seed: tf.Tensor) -> tf.Tensor:
        """Encoded ids [batch, number], int32, with replacement; 0 for a user without any.

        Args:
            seed: two integers.
        """
        count = tf.gather(self._count, user)[:, tf.newaxis]
        shape = tf.stack([tf.shape(user)[0], number])
        lot = tf.random.stateless_uniform(shape, seed, dtype=tf.float64)
        place = tf.cast(lot * tf.cast(count, tf.float64), tf.int32)
        found = tf.gather(self._items, tf.gather(self._start, user)[:, tf.newaxis] + place)
        return tf.where(count > 0, found, 0)
