"""A supervised head: one of the items' features, foretold from their vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features, ItemTable, Rows, Start
from tfrec_recall.features.encodings import VocabularyEncoding
from tfrec_recall.layers.sublayers import build_within

SELDOM = -10.0  # the logit of a value that no item of training had


class LabelHead(tf.keras.layers.Layer):
    """A dense layer with a softmax over the values of a feature, or a sigmoid for each.

    Args:
        features: adapted.
        label: a Categorical item feature, of which an item has one value (softmax), or a
            MultiValued one (sigmoids).
        dim: of the vectors.

    Input: vectors [items, dim].  Output: logits [items, values].
    Raises: ValueError if there is no such feature.
    """

    def __init__(self, features: Features, label: str, dim: int, **kwargs):
        super().__init__(**kwargs)
        encoding = features.encodings.get(label)
        names = {f.name for f in features.item} - {"item_id"}
        kinds = {n for n in names if isinstance(features.encodings[n], VocabularyEncoding)}
        if label not in kinds or not isinstance(encoding, VocabularyEncoding):
            raise ValueError(
                "label names a Categorical or MultiValued feature of the items. "
                f"Received: {label!r}; there are {', '.join(sorted(kinds)) or 'none'}."
            )
        self.several = encoding.rank == 2
        self.values = encoding.vocabulary.ids
        self.table = ItemTable.of({label: features.item_table[label]})
        self.label = label
        self.dense = tf.keras.layers.Dense(len(self.values), dtype="float32")
        build_within(self, self.dense, (None, dim))

    def feature_rows(self) -> list[Rows]:
        """The logits, which have a column a value."""
        return [Rows(weight, start=Start.given) for weight in self.dense.weights]

    def take_over(self, before: LabelHead) -> None:
        """Takes the logits of known values; new ones begin as what hardly any item has, so that
        what is foretold of the others stays.
        """
        kernel, bias = before.dense.get_weights()
        new = len(self.values) - len(bias)
        bias = np.pad(bias, (0, new), constant_values=SELDOM)
        self.dense.set_weights([np.pad(kernel, [(0, 0), (0, new)]), bias])

    def call(self, vectors):
        return self.dense(vectors)

    def loss(self, vectors, nodes):
        """The mean cross-entropy over items with a known value, or 0.

        Args:
            vectors: [items, dim]
            nodes: encoded ids [items].
        """
        logits = self(vectors)
        truth = self.table(nodes)[self.label] - FIRST_KNOWN  # -2 is none, -1 unknown
        if self.several:
            hot = tf.reduce_max(tf.one_hot(truth, len(self.values)), axis=1)
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=hot, logits=logits)
            loss, known = tf.reduce_mean(each, axis=1), tf.reduce_any(truth >= 0, axis=1)
        else:
            known = truth >= 0
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=tf.maximum(truth, 0), logits=logits
            )
        known = tf.cast(known, tf.float32)
        return tf.math.divide_no_nan(tf.reduce_sum(known * loss), tf.reduce_sum(known))

    def probability(self, vectors: np.ndarray, item_ids: pd.Series) -> pd.DataFrame:
        logits = self(tf.constant(vectors))
        share = tf.nn.sigmoid(logits) if self.several else tf.nn.softmax(logits)
        return pd.DataFrame(share.numpy(), index=item_ids.to_numpy(), columns=self.values)
