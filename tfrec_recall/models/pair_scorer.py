"""NeuralCF as a retriever asks it."""

from __future__ import annotations

import tensorflow as tf


class PairScorer(tf.Module):
    """Raw user ids and encoded items, for a `ScoringRetriever`."""

    def __init__(self, model):
        super().__init__()
        encoding = model.features.ids("user_id")
        self.model = model
        self.lookup = encoding.graph()
        self.inputs = {"user_id": tf.TensorSpec([None], encoding.raw_dtype, "user_id")}

    def query(self, raw):
        return self.model.vectors(self.lookup(raw["user_id"]), 0)

    def score(self, query, items):
        return self.model.logits(query, self.model.vectors(items, 1))

    def query_vectors(self, query):
        factors = query[0].shape[-1]
        return query[0] * self.model.output_layer.kernel[:factors, 0]

    def item_vectors(self, items):
        return self.model.product[1](tf.constant(items)).numpy()
