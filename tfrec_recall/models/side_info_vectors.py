"""Item vectors made of an id's and its side information's, and how they learn as skip-gram does."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.features import FeatureEncoder, Features, ItemTable
from tfrec_recall.layers import SideInfoPooling
from tfrec_recall.losses.skip_gram import skip_gram_gradients
from tfrec_recall.models.item_space import FIRST_KNOWN
from tfrec_recall.models.vector_tables import beside, descend, first_loss


class SideInfoVectors(tf.keras.layers.Layer):
    """The vector H_v of an item from its features, and an output vector Z_u of each encoded id.

    As in `VectorTables`, only the rows of a block change. The gradient by H_v is the closed form of
    skip-gram; a tape takes it on, through the pooling, to the rows that H_v was made of.

    Args:
        features: adapted; the id is the first field, the other item features follow.
        dim: of the vectors.
        side_info: as `SideInfoPooling` has it.
        longest_step: the most that one row moves for one pair of an item and a field.

    Input: encoded ids [...] that training has seen; `embed` takes features.  Output: [..., dim].
    """

    def __init__(self, features: Features, dim: int, side_info: str, longest_step: float, **kwargs):
        super().__init__(**kwargs)
        self.longest_step = longest_step
        own = [feature for feature in features.item if feature.name == "item_id"]
        side = [feature for feature in features.item if feature.name != "item_id"]
        self.fields = features.fields(own if side_info == "none" else own + side)
        size = self.fields[0].size
        small = tf.keras.initializers.RandomUniform(-0.5 / dim, 0.5 / dim)
        self.table = ItemTable.of(features.item_table)
        self.encoder = FeatureEncoder(self.fields, dim, small)
        self.pooling = SideInfoPooling(size, side_info)
        self.output_vectors = self.add_weight("output", (size, dim), initializer="zeros")
        self(tf.constant([0]))  # makes the weights
        self.inputs_of = [*self.encoder.trainable_weights, *self.pooling.trainable_weights]

    def call(self, ids):
        return self.embed(self.table(ids))

    def embed(self, item: dict[str, tf.Tensor]) -> tf.Tensor:
        """The vectors of items by their encoded features [...]; values unknown to training are
        absent, so that a new item is the mean of its side information."""
        known, present = {}, []
        for field in self.fields:
            values = item[field.name]
            there = tf.ones_like(values, tf.bool)
            if field.size:
                there = values >= FIRST_KNOWN
                values = tf.where(there, values, 0)
            known[field.name] = values
            present.append(tf.reduce_any(there, axis=-1) if field.rank == 2 else there)
        mask = tf.stack(present, axis=-1)  # [..., fields]
        return self.pooling(self.encoder(known), item_id=item["item_id"], mask=mask)

    def learn(
        self,
        centre: tf.Tensor,
        context: tf.Tensor,
        positive: tf.Tensor,
        noise: tf.Tensor,
        negative: tf.Tensor,
        rate: tf.Tensor,
    ) -> tf.Tensor:
        """One step on a block; arguments and result as `VectorTables.learn`."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.inputs_of)
            u = self(centre)  # [lanes, block, dim]
        columns = tf.concat([context, noise], axis=1)
        v = tf.gather(self.output_vectors, columns)
        wanted, unwanted = beside(positive, negative)
        by_centre, by_column, scores = skip_gram_gradients(u, v, wanted, unwanted)
        gradients = tape.gradient(u, self.inputs_of, output_gradients=by_centre)
        for weight, gradient in zip(self.inputs_of, gradients, strict=True):
            rows = gradient  # a number's field has one row, which all items share
            ids = tf.range(tf.shape(gradient)[0])
            if isinstance(gradient, tf.IndexedSlices):
                rows, ids = gradient.values, gradient.indices
            descend(weight, ids, rows, rate, self.longest_step)
        descend(self.output_vectors, columns, by_column, rate, self.longest_step)
        return first_loss(scores, wanted, unwanted)
