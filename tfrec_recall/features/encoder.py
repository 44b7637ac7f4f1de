"""Embeds encoded features: one vector a field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.memory import smaller_table
from tfrec_recall.data.vocabulary import PADDING, UNKNOWN
from tfrec_recall.features.room import check_own_table
from tfrec_recall.features.rows import Rows, Start
from tfrec_recall.layers import draws
from tfrec_recall.layers.tables import rows_of


class Field(NamedTuple):
    """What the encoder has to know of a feature; see `Features.fields`.

    `size` is the number of rows of its table, 0 for numbers that are their own input; `rank` is 2
    for a list of values a row; `unknown_rate` is the share replaced by unknown in training; `width`
    is how many numbers a given vector has; ids up to `absent` have no vector: 0 is padding alone, 1
    unknown values as well, where training shows none and their row would be random.
    """

    name: str
    size: int
    rank: int = 1
    unknown_rate: float = 0.0
    width: int = 1
    absent: int = PADDING


@saved_by_config
class FeatureEncoder(tf.keras.layers.Layer):
    """Embeds each feature in `dim` numbers: ids by a table, lists by their mean, numbers by a line,
    given vectors by a matrix.

    Args:
        fields: the features, in the order of the output; their names are the input's keys.
        dim: numbers a field.
        initializer: of the tables.

    Input: a dictionary with, for each field, [...] ids or numbers, or [..., values] ids for a list,
        or [..., width] numbers; it may hold other keys.
    Output: [..., fields, dim]; padding ids, unknown ones that are absent, and empty lists give
        zeros.
    Raises: ValueError when a field is missing from the input.

    >>> encoder = FeatureEncoder([Field("item_id", 4), Field("genres", 3, rank=2)], dim=8)
    >>> encoder({"item_id": tf.constant([2, 3]), "genres": tf.constant([[1, 2], [2, 0]])}).shape
    TensorShape([2, 2, 8])
    """

    def __init__(self, fields: Sequence[Field], dim: int, initializer="random_normal", **kwargs):
        super().__init__(**kwargs)
        self.fields = tuple(Field(*field) for field in fields)
        self.dim = dim
        self.initializer = tf.keras.initializers.get(initializer)
        self.tables: dict[str, tf.Variable] = {}

    def build(self, input_shape):
        for field in self.fields:
            rows = field.size or field.width  # a number has one row, which it scales
            hashes = field.rank == 1 and field.name != "item_id"
            remedy = smaller_table(field.name, hashes) if field.size else "take a smaller dim."
            check_own_table(field.name, rows, self.dim, f"{remedy} Received: dim={self.dim}.")
            # An instance a table: one called twice gives equal tables.
            initializer = type(self.initializer).from_config(self.initializer.get_config())
            self.tables[field.name] = self.add_weight(
                name=field.name, shape=(rows, self.dim), initializer=initializer
            )
        super().build(input_shape)

    def call(self, inputs, training=False):
        missing = [field.name for field in self.fields if field.name not in inputs]
        if missing:
            raise ValueError(
                f"{self.name} embeds the features {[field.name for field in self.fields]}; "
                f"missing: {missing}. Received: {sorted(inputs)}."
            )
        vectors = [self._embed(field, inputs[field.name], training) for field in self.fields]
        return tf.stack(vectors, axis=-2)  # [..., fields, dim]

    def _embed(self, field: Field, values: tf.Tensor, training) -> tf.Tensor:
        table = self.tables[field.name]
        if field.size == 0:
            numbers = tf.cast(values, self.compute_dtype)
            numbers = numbers if field.rank == 2 else numbers[..., tf.newaxis]
            return tf.tensordot(numbers, tf.cast(table, self.compute_dtype), axes=1)
        if training and field.unknown_rate:
            values = self._forget_some(values, field.unknown_rate)
        present = tf.cast(values > field.absent, self.compute_dtype)[..., tf.newaxis]
        # Rows first: in mixed precision a cast before would read and copy the whole table.
        vectors = tf.cast(rows_of(table, values), self.compute_dtype) * present
        if field.rank == 1:
            return vectors
        count = tf.reduce_sum(tf.cast(present, tf.float32), axis=-2)
        total = tf.reduce_sum(tf.cast(vectors, tf.float32), axis=-2)
        return tf.cast(total / tf.maximum(count, 1.0), self.compute_dtype)

    def _forget_some(self, values: tf.Tensor, rate: float) -> tf.Tensor:
        forget = (draws.uniform(tf.shape(values)) < rate) & (values != 0)
        return tf.where(forget, tf.constant(UNKNOWN, values.dtype), values)

    def feature_rows(self) -> list[Rows]:
        """Its tables; a new value begins as unknown ones: as their row, or as nothing.

        An item's id that is to be learnt begins as the row, drawn as that of any other: a vector of
        zeros has no direction, and a model of cosines would never give it one.
        """
        found = []
        for field in self.fields:
            drawn = field.name == "item_id" and self.trainable
            start = Start.unknown if drawn or field.absent < UNKNOWN else Start.zero
            if field.size:
                found.append(Rows(self.tables[field.name], field.name, start))
        return found

    def compute_output_shape(self, input_shape):
        first = self.fields[0]
        shape = tuple(input_shape[first.name])
        leading = shape[:-1] if first.rank == 2 else shape
        return tf.TensorShape((*leading, len(self.fields), self.dim))

    def get_config(self):
        return {
            **super().get_config(),
            "fields": [list(field) for field in self.fields],
            "dim": self.dim,
            "initializer": tf.keras.initializers.serialize(self.initializer),
        }


# TensorFlow leaves variables of 32-bit integers to the CPU's memory, beside a GPU too, where a step
# that XLA compiled for the GPU cannot read them.
KEPT_AS = {"int32": "int64"}


@saved_by_config
class ItemTable(tf.keras.layers.Layer):
    """Encoded item ids to the encoded features of those items, a row of weights an item.

    The rows are training data, not parameters: they are saved and restored with the model.

    Args:
        shapes: of each feature, the shape of its array, [items, ...], and its dtype's name.

    Input: [...] encoded item ids.  Output: a dictionary of [...] or [..., values] arrays.
    """

    def __init__(self, shapes: dict[str, tuple[Sequence[int], str]], **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.shapes = shapes
        self.columns = {
            name: self.add_weight(
                name=name,
                shape=tuple(shape),
                dtype=KEPT_AS.get(dtype, dtype),
                trainable=False,
                initializer="zeros",
            )
            for name, (shape, dtype) in shapes.items()
        }

    @property
    def rows(self) -> int:
        return next(iter(self.columns.values())).shape[0]

    def feature_rows(self) -> list[Rows]:
        """Its columns, which the features give."""
        return [Rows(column, start=Start.given) for column in self.columns.values()]

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray], **kwargs) -> ItemTable:
        """The table that holds these arrays, whose rows are encoded item ids."""
        table = cls({n: (list(a.shape), a.dtype.name) for n, a in arrays.items()}, **kwargs)
        for name, array in arrays.items():
            column = table.columns[name]
            column.assign(tf.convert_to_tensor(array, column.dtype))
        return table

    def call(self, ids):
        rows = {name: rows_of(column, ids) for name, column in self.columns.items()}
        return self._as_encoded(rows)

    def whole(self):
        """The features of all items, as of all ids in their order."""
        return self._as_encoded(self.columns)

    def _as_encoded(self, columns):
        return {name: tf.cast(column, self.shapes[name][1]) for name, column in columns.items()}

    def get_config(self):
        config = super().get_config()
        del config["trainable"]
        return {**config, "shapes": {n: [list(s), d] for n, (s, d) in self.shapes.items()}}
