"""NeuralCF as a retriever asks it."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features.serving import latest


class PairScorer(tf.Module):
    """Raw queries and encoded items, for a `ScoringRetriever`."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        names = ["user_id", "history"] if model.pool else ["user_id"]
        encodings = {"user_id": model.features.ids("user_id")}
        encodings["history"] = model.features.ids("item_id")
        self.lookup = {name: encodings[name].graph() for name in names}
        shapes = {"user_id": [None], "history": [None, None]}
        self.inputs = {n: tf.TensorSpec(shapes[n], encodings[n].raw_dtype, n) for n in names}

    def knows(self, raw):
        """Of which queries anything is known, bool [batch]."""
        known = self.lookup["user_id"](raw["user_id"]) >= FIRST_KNOWN
        if not self.model.pool:
            return known
        return known | tf.reduce_any(self.lookup["history"](raw["history"]) >= FIRST_KNOWN, axis=1)

    def query(self, raw):
        user = {name: lookup(raw[name]) for name, lookup in self.lookup.items()}
        if self.model.pool:
            user["history"] = latest(user["history"], self.model.history_length)
        return self.model.user_vectors(user)

    def score(self, query, items):
        return self.model.logits(query, self.model.item_vectors(items))

    def query_vectors(self, query):
        dim = query[0].shape[-1]
        return tf.cast(query[0], tf.float32) * self.model.output_layer.kernel[:dim, 0]

    def item_vectors(self, items):
        vectors = self.model.product[1](tf.constant(items))
        return tf.cast(vectors, tf.float32).numpy()
