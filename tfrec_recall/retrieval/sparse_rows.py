"""A sparse matrix as weights of a served graph."""

from __future__ import annotations

import scipy.sparse as sp
import tensorflow as tf


class SparseRows(tf.Module):
    """A sparse matrix in a graph: the entries of any rows, one after the other."""

    def __init__(self, matrix: sp.csr_array, name: str):
        super().__init__(name=name)
        self.width = matrix.shape[1]
        self.start = tf.Variable(matrix.indptr.astype("int64"), trainable=False, name="start")
        self.column = tf.Variable(matrix.indices.astype("int32"), trainable=False, name="column")
        self.value = tf.Variable(matrix.data.astype("float32"), trainable=False, name="value")

    def sizes(self, row: tf.Tensor) -> tf.Tensor:
        """How many entries rows have, [...] to int64 [...]; 0 where there is no row, -1."""
        known = tf.maximum(row, 0)
        size = tf.gather(self.start, known + 1) - tf.gather(self.start, known)
        return tf.where(row >= 0, size, 0)

    def entries(self, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Of rows [rows]: which of them, which column and which value, [entries] each."""
        places = tf.ragged.range(tf.gather(self.start, row), tf.gather(self.start, row + 1))
        flat = places.values
        return places.value_rowids(), tf.gather(self.column, flat), tf.gather(self.value, flat)
