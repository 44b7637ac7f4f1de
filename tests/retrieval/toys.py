"""A small retriever whose answers are known: queries are the mean of their history's vectors."""

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval import Catalogue, EmbeddingRetriever, ScoringRetriever

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


class Products(tf.Module):
    """Scores items, whose encoded ids begin at 2, by a product with [x, x², 1], where x is the
    length of the country's name."""

    inputs = {"country": tf.TensorSpec([None], tf.string)}  # noqa: RUF012

    def __init__(self, vectors):
        super().__init__()
        self.vectors = tf.Variable(np.concatenate([np.zeros((2, 3), "float32"), vectors]))

    def knows(self, raw):
        return None

    def query(self, raw):
        x = tf.cast(tf.strings.length(raw["country"]), tf.float32)
        return tf.stack([x, x**2, tf.ones_like(x)], axis=1)

    def score(self, query, items):
        return tf.reduce_sum(query[:, tf.newaxis] * tf.gather(self.vectors, items), axis=2)

    def query_vectors(self, query):
        return query

    def item_vectors(self, items):
        return self.vectors.numpy()[items]


def scoring(count=40, shortlist=None, index=None, **arguments):
    """All items scored, or a shortlist of them."""
    scorer, encoded = Products(item_vectors(count)[:, :3]), np.arange(2, count + 2)
    arguments = {"k": 5, **arguments}
    return ScoringRetriever(scorer, item_ids(count), encoded, shortlist, index, **arguments)


def texts(tensor):
    """A tensor of strings as lists of str."""
    return [[value.decode() for value in row] for row in tensor.numpy()]
