"""What users have events with, beside the examples of a batch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.data.ids import places
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features.specification import Features

OWN_ITEMS = "own_items"
MOST_USERS = 0.99  # whose items all have room


class OwnItems:
    """Rows of the users' table [batch] to encoded ids of known items that these users have.

    Of a user with more than `width` items, so many next to each other are taken from a place that
    is drawn anew for each batch, as if the last one were followed by the first.

    Args:
        offset: [users], where in `item` those of a user begin.
        length: [users], how many they are.
        item: encoded ids of all users, one after the other; at least one.
        width: of what is given.
    """

    def __init__(self, offset: np.ndarray, length: np.ndarray, item: np.ndarray, width: int):
        self.offset, self.length = tf.constant(offset, tf.int32), tf.constant(length, tf.int32)
        self.item, self.width = tf.constant(item, tf.int32), width

    @classmethod
    def of(
        cls, features: Features, interactions: Interactions, most: int, width: int | None = None
    ) -> OwnItems:
        """Of all events, whether targets are made of them or not.

        Args:
            most: of the width, which is the power of two that has room for all items of 99 in 100
                users, so that XLA meets few of them.
            width: another one, such as that of all parts.
        """
        events, users = interactions.events, interactions.users
        item = features.encodings["item_id"].encode(events["item_id"]).astype("int64")
        row = places(pd.Index(users["user_id"]), events["user_id"]).astype("int64")
        known, size = item >= FIRST_KNOWN, len(features.item_vocabulary)
        keys = np.unique(row[known] * size + item[known])
        length = np.bincount(keys // size, minlength=len(users))
        found = np.append(keys % size, 0)  # where a user without items, and last, would look
        room = np.quantile(length[length > 0], MOST_USERS, method="higher") if len(keys) else 1
        width = width or min(most, 2 ** int(np.ceil(np.log2(room))))
        return cls(np.cumsum(length) - length, length, found, width)

    def __call__(self, user: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """int32 [batch, width], padded with 0 on the right.

        Args:
            seed: two integers, which alone decide what is drawn.
        """
        length = tf.gather(self.length, user)[:, tf.newaxis]
        begin = tf.random.stateless_uniform(
            tf.shape(length), tf.cast(seed, tf.int64), maxval=2**30, dtype=tf.int32
        )
        place = (begin + tf.range(self.width)) % tf.maximum(length, 1)
        item = tf.gather(self.item, tf.gather(self.offset, user)[:, tf.newaxis] + place)
        return tf.where(tf.range(self.width) < length, item, 0)
