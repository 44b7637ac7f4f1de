"""A small retriever whose answers are known: queries are the mean of their history's vectors."""

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval import Catalogue, EmbeddingRetriever

DIM = 6


def item_ids(count, kind=str):
    return [f"item {i}" for i in range(count)] if kind is str else list(range(100, 100 + count))


def item_vectors(count):
    return np.random.default_rng(7).normal(size=(count, DIM)).astype("float32")


class MeanOfHistory(tf.Module):
    """Vectors of the items in `history`, averaged; zeros for an empty or unknown history."""

    def __init__(self, ids, vectors):
        super().__init__()
        self.catalogue = Catalogue(ids, seed=3)
        self.vectors = tf.Variable(vectors[self.catalogue.order])
        self.inputs = {"history": tf.TensorSpec([None, None], self.catalogue.dtype)}

    def __call__(self, raw):
        rows = self.catalogue.rows(raw["history"])
        known = tf.cast(rows >= 0, tf.float32)[:, :, tf.newaxis]
        total = tf.reduce_sum(tf.gather(self.vectors, tf.maximum(rows, 0)) * known, axis=1)
        return total / tf.maximum(tf.reduce_sum(known, axis=1), 1.0)


def retriever(count=40, kind=str, **arguments):
    ids, vectors = item_ids(count, kind), item_vectors(count)
    arguments = {"k": 5, **arguments}
    return EmbeddingRetriever(MeanOfHistory(ids, vectors), ids, vectors, **arguments)


def texts(tensor):
    """A tensor of strings as lists of str."""
    return [[value.decode() for value in row] for row in tensor.numpy()]
