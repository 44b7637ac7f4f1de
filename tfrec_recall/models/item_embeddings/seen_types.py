"""The vectors of types, how often training has seen each, and draws of types by that."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables


@saved_by_config
class SeenTypes(tf.keras.layers.Layer):
    """The vectors of types, how often training has seen them, and draws of types by that.

    Args:
        tables: the vectors.
        size: how many types there are.
        power: of the counts, by which types are drawn.
        by_cosine: give unit input vectors alone.

    Input: types [batch].
    Output: [batch, 2 * dim], the input vector and then the output vector; with `output_first` half
        of each, the other way round: the product of one kind with the other is the mean of those in
        both directions. Zeros for types that training has not seen.
    """

    def __init__(
        self, tables: VectorTables, size: int, power: float, by_cosine: bool = False, **kwargs
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.tables, self.size, self.power, self.by_cosine = tables, size, power, by_cosine
        self.counts = self.add_weight(
            "counts", (size,), dtype=tf.int64, trainable=False, initializer="zeros"
        )
        # The sums of count^power up to each type, which draws look up: as a weight, for a step
        # draws many times.
        self.upper = self.add_weight(
            "upper",
            (size,),
            dtype=tf.float64,
            trainable=False,
            initializer="zeros",
            experimental_autocast=False,
        )

    def __len__(self) -> int:
        return self.size

    def count(self, counts: np.ndarray) -> None:
        """Takes how often training has seen each type, [types]."""
        self.counts.assign(counts)
        mass = np.where(counts > 0, np.maximum(counts, 1.0) ** self.power, 0.0)
        self.upper.assign(np.cumsum(mass))

    def largest_score(self) -> float:
        """What the score of no two types is above, and its negative what none is below."""
        if self.by_cosine:
            return 1.0
        tables = self.tables.input_vectors.numpy(), self.tables.output_vectors.numpy()
        squares = sum(np.einsum("td,td->t", table, table) for table in tables)
        return float(np.max(squares, initial=0.0, where=self.counts.numpy() > 0)) / 2

    def call(self, types, output_first=False):
        if self.by_cosine:
            vectors = tf.math.l2_normalize(self.tables(types), axis=-1)
        else:
            both = [self.tables(types), tf.gather(self.tables.output_vectors, types)]
            if output_first:  # and the products that are added up become their mean
                both = [vectors / 2 for vectors in reversed(both)]
            vectors = tf.concat(both, axis=-1)
        return tf.where(tf.gather(self.counts, types)[:, tf.newaxis] > 0, vectors, 0.0)

    def get_config(self):
        tables = part_config(self.tables)
        own = {"tables": tables, "size": self.size, "power": self.power}
        own["by_cosine"] = self.by_cosine
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        tables = part_from_config(config["tables"])
        return cls(**{**config, "tables": tables})

    def sample(self, shape, seed: tf.Tensor) -> tf.Tensor:
        """Types drawn by count^power, int32 of this shape."""
        upper = tf.convert_to_tensor(self.upper)
        lot = tf.random.stateless_uniform(shape, seed, dtype=tf.float64) * upper[-1]
        place = tf.searchsorted(upper, tf.reshape(lot, [-1]), side="right")
        return tf.reshape(tf.minimum(place, self.size - 1), shape)
