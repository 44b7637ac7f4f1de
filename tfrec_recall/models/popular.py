"""The most popular items: the yardstick of every other model, and the fallback."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import number
from tfrec_recall.features import Categorical, Features, Rows, Start, Wanted, ids_alone
from tfrec_recall.models.one_pass_model import OnePassModel
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.retrieval import Popularity
from tfrec_recall.retrieval.embedders import QueryEmbedder
from tfrec_recall.retrieval.embedding_retriever import EVERYBODY
from tfrec_recall.retrieval.popularity import SECONDS_A_DAY, event_weights


@saved_by_config
class Popular(OnePassModel):
    """Every user gets the items with the most training events, or with the most recent ones.

    Source: none; the score of an item is the sum over its events of 2^(-age / half-life), where the
    age runs to the newest training event.

    Args:
        features: adapted; only `item_id` is used, and `user_id` gives the request its batch axis.
        half_life_days: None counts events of every age alike.

    It learns in one pass, with `adapt` or with `fit` on the training interactions.
    """

    needs: ClassVar[tuple[str, ...]] = ("user_id", "item_id")
    reads_columns: ClassVar[bool] = False
    lists_are_filled: ClassVar[bool] = False

    def __init__(self, features: Features, half_life_days: float | None = None, **kwargs):
        super().__init__(features, **kwargs)
        number("Popular", half_life_days, "half_life_days", above=0, optional=True)
        self.half_life_days = half_life_days
        self.popularity = PopularityOf(len(features.item_vocabulary))
        self.newest = tf.Variable(0.0, dtype=tf.float64, trainable=False, name="newest")  # seconds
        # One coordinate: the user's is 1, the item's its popularity.
        user = features.inputs(features.user)
        one = tf.ones_like(user["user_id"], tf.float32)[:, tf.newaxis]  # [batch, 1]
        self.query_model = tf.keras.Model(user, one)
        item = features.inputs(features.item)
        self.candidate_model = tf.keras.Model(item, self.popularity(item["item_id"]))

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        return ids_alone([Categorical("user_id")], columns)

    def adapt(self, train: Interactions) -> None:
        """Counts the events of each item, weighted by `events.weight` where there is one."""
        ids = self.features.ids("item_id").encode(train.events["item_id"])
        weight = event_weights(train, self.half_life_days)
        counts = np.bincount(ids, weight, minlength=len(self.features.item_vocabulary))
        counts[:2] = 0.0  # padding, and the items that train does not know
        self.popularity.scores.assign(counts)
        if self.half_life_days is not None and len(ids):
            self.newest.assign(train.events["timestamp"].max())
        self.note(tf.constant(len(ids)))

    def update(self, recent, epochs=1, batch_size=BATCH_SIZE, seed=0):
        """Adds the new events to what there is, which has grown older until the newest of all.

        Events that came while their item was unknown stay uncounted.
        """
        before, newest = self.popularity.scores.numpy().astype("float64"), self.newest.numpy()
        self.adapt(recent.new)
        scores = self.popularity.scores.numpy().astype("float64")
        if self.half_life_days is not None:
            days = (self.newest.numpy() - newest) / SECONDS_A_DAY
            before *= 0.5 ** (max(days, 0.0) / self.half_life_days)
            scores *= 0.5 ** (max(-days, 0.0) / self.half_life_days)
            self.newest.assign(max(newest, self.newest.numpy()))
        self.popularity.scores.assign(before + scores)

    @property
    def history_needed(self):
        return 0

    def query_embedder(self) -> QueryEmbedder:
        return Everybody(self.features, self.query_model)

    def popularity_of(self, items: pd.DataFrame) -> Popularity:
        """What the lists are ranked by, so that everybody has the same one."""
        encoded = self.features.ids("item_id").encode(items["item_id"])
        return Popularity(items["item_id"].to_numpy(), self.popularity.scores.numpy()[encoded])


class Everybody(QueryEmbedder):
    """Raw user features to query vectors, whether anything is known of the user or not."""

    report: ClassVar[dict[str, str]] = {"kind": EVERYBODY}

    def knows(self, raw):
        return None


@saved_by_config
class PopularityOf(tf.keras.layers.Layer):
    """Encoded item ids [items] to their popularity [items, 1].

    Args:
        size: of the vocabulary, padding and unknown included.
    """

    def __init__(self, size: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # counts
        self.size = size
        self.scores = self.add_weight("scores", (size,), trainable=False, initializer="zeros")

    def feature_rows(self) -> list[Rows]:
        """Its counts, of which new items have none."""
        return [Rows(self.scores, "item_id", Start.zero)]

    def call(self, ids):
        return tf.gather(self.scores, ids)[:, tf.newaxis]

    def get_config(self):
        return {**super().get_config(), "size": self.size}
