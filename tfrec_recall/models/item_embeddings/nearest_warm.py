"""Vectors of items without events: the mean of the warm items most like them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features, Rows, Start
from tfrec_recall.models.item_embeddings.item_space import warm_units
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables

DISTANCES = 2**23  # that exist at one time: 32 MiB a feature


@saved_by_config
class NearestWarm(tf.keras.layers.Layer):
    """Unit vectors of warm items; of a cold item, the mean of the `nearest` warm ones.

    Warm is what training has moved, as in `WarmOrMean`.

    The distance is a sum over the features: for a category 0 if it is the same and 1 if not, for a
    number the difference in standard deviations, for a bucket the difference in buckets, over
    their number. A category or a bucket that is missing or unknown is 1 from all others; a number
    that is missing is the mean.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 3.1: the 3 nearest listings of the same type and price range.

    Args:
        tables: the vectors.
        steps: by item feature, what a number's difference is divided by; None for a category. None
            at all gives cold items zeros. `of` says what values items have.
        nearest: how many.

    Input: a dictionary of encoded item features [items], buckets as integers; or ids alone [...].
    Output: [items, dim]; of ids alone [..., dim], zeros for cold ones.
    """

    def __init__(
        self,
        tables: VectorTables,
        steps: Mapping[str, float | None],
        nearest: int,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.tables, self.steps, self.nearest = tables, dict(steps), nearest
        options = {"shape": (tables.size,), "trainable": False, "initializer": "zeros"}
        self.values = {name: self.add_weight(name, **options) for name in self.steps}

    @classmethod
    def of(
        cls,
        tables: VectorTables,
        features: Features,
        alike_by: Sequence[str] | None,
        nearest: int,
    ) -> NearestWarm:
        """With the values of adapted features.

        Args:
            alike_by: item features of one value an item; empty gives cold items zeros. None takes
                all but the id and given vectors.
        """
        names = [f.name for f in features.item if features.encodings[f.name].rank == 1]
        names.remove("item_id")
        alike_by = names if alike_by is None else alike_by
        missing = [name for name in alike_by if name not in names]
        if missing:
            raise ValueError(
                "alike_by names features of the items with one value an item. "
                f"Received: {', '.join(missing)}; there are {', '.join(sorted(names)) or 'none'}."
            )
        steps = {name: _steps(features, name) for name in alike_by}
        layer = cls(tables, steps, min(nearest, len(features.item_vocabulary)))
        for name, values in layer.values.items():
            values.assign(features.item_table[name])
        return layer

    def feature_rows(self) -> list[Rows]:
        """What items have, by the features."""
        return [Rows(values, start=Start.given) for values in self.values.values()]

    def call(self, item):
        ids = item["item_id"] if isinstance(item, Mapping) else item
        unit, warm = warm_units(self.tables, ids)
        if not self.steps or ids is item:
            return unit
        cold = tf.where(~warm & (ids != 0))  # [cold, 1]
        values = {name: tf.gather_nd(item[name], cold) for name in self.steps}
        return tf.tensor_scatter_nd_update(unit, cold, self._mean_of_nearest(values))

    def _mean_of_nearest(self, values: dict[str, tf.Tensor]) -> tf.Tensor:
        """[cold, dim], with at most `DISTANCES` distances, or one cold item's, at a time."""
        cold = tf.shape(next(iter(values.values())))[0]
        step = max(1, DISTANCES // self.tables.size)

        def next_block(first, places):
            last = tf.minimum(first + step, cold)
            block = {name: value[first:last] for name, value in values.items()}
            return last, tf.concat([places, self._nearest(block)], axis=0)

        _, place = tf.while_loop(
            lambda first, _: first < cold,
            next_block,
            (tf.constant(0), tf.zeros([0, self.nearest], tf.int32)),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, self.nearest])),
            parallel_iterations=1,  # more would hold several blocks of distances
        )
        near, _ = warm_units(self.tables, place)  # zeros where there are fewer warm ones
        return tf.math.l2_normalize(tf.reduce_mean(near, axis=1), axis=-1)

    def _nearest(self, values: dict[str, tf.Tensor]) -> tf.Tensor:
        """The ids of the nearest warm items, int32 [cold, nearest]."""
        distance = tf.add_n([self._distance(name, value) for name, value in values.items()])
        distance = tf.where(self.tables.learnt > 0, distance, np.inf)
        return tf.math.top_k(-distance, self.nearest).indices

    def _distance(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """[cold, ids]"""
        warm, steps = tf.convert_to_tensor(self.values[name]), self.steps[name]
        coded = steps is None or value.dtype.is_integer
        value = tf.cast(value, tf.float32)
        if coded:  # what is not known is far from all, and from what is not known either
            value = tf.where(value < FIRST_KNOWN, -np.inf, value)
            warm = tf.where(warm < FIRST_KNOWN, np.inf, warm)
        value = value[:, tf.newaxis]
        if steps is None:
            return tf.cast(value != warm, tf.float32)
        distance = tf.abs(value - warm) / steps
        return tf.minimum(distance, 1.0) if coded else distance

    def get_config(self):
        tables = part_config(self.tables)
        own = {"tables": tables, "steps": dict(self.steps), "nearest": self.nearest}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        tables = part_from_config(config["tables"])
        return cls(**{**config, "tables": tables})


def _steps(features: Features, name: str) -> float | None:
    """What a number's difference is divided by; None for a category."""
    encoding = features.encodings[name]
    if not encoding.size:
        return 1.0
    return float(encoding.size) if hasattr(encoding, "boundaries") else None
