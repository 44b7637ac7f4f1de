"""Item vectors made of an id's and its side information's, and how they learn as skip-gram does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.data.memory import check_table
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import FeatureEncoder, Features, ItemTable, Rows, Start
from tfrec_recall.features.encoder import Field
from tfrec_recall.layers import SideInfoPooling
from tfrec_recall.losses.skip_gram import skip_gram_gradients
from tfrec_recall.models.item_embeddings.adaptive_rows import AdaptiveRows, by_id
from tfrec_recall.models.item_embeddings.vector_tables import (
    beside,
    descend,
    first_loss,
    mark,
)

PARTS = ("vectors", "direction")
OUTPUT, WEIGHTS = "output vectors", "weights of the fields"  # tables that are no field's


@saved_by_config
class SideInfoVectors(tf.keras.layers.Layer):
    """The vector H_v of an item from its features, and an output vector Z_u of each encoded id.

    As in `VectorTables`, only the rows of a block change, by gradients in closed form: that of
    skip-gram by H_v, and those of H_v by the rows that it was made of.

    Args:
        table: the items' features, by their encoded ids.
        fields: those that make a vector; the id is the first.
        dim: of the vectors.
        side_info: as `SideInfoPooling` has it.
        longest_step: the most that a row moves in one block; None sets no limit.
        adaptive: rows have rates of their own, by `AdaptiveRows`, or all of them one.

    Attributes:
        learnt: 1 for ids that have been a centre, else 0, float32 [ids]. The row of another is
            random, so that the item is one without an id.

    Input: encoded ids [...] that training has seen; `embed` takes features.  Output: [..., dim].
    """

    def __init__(
        self,
        table: ItemTable,
        fields: Sequence[Field],
        dim: int,
        side_info: str,
        longest_step: float | None,
        adaptive: bool = True,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})  # steps are too small for halves
        self.table, self.dim = table, dim
        self.fields = [Field(*field) for field in fields]
        self.longest_step, self.adaptive = longest_step, adaptive
        size = self.fields[0].size
        small = tf.keras.initializers.RandomUniform(-0.5 / dim, 0.5 / dim)
        self.encoder = FeatureEncoder(self.fields, dim, small, dtype="float32")
        self.pooling = SideInfoPooling(size, side_info, dtype="float32")
        check_table(
            *("output vectors", size, dim),
            "take a smaller dim, or the frequent items alone (Categorical(…, min_count=…)). "
            f"Received: dim={dim}.",
        )
        self.output_vectors = self.add_weight("output_vectors", (size, dim), initializer="zeros")
        self.learnt = self.add_weight("learnt", (size,), trainable=False, initializer="zeros")
        self(tf.constant([0]))  # makes the weights
        self.inputs_of = [*self.encoder.trainable_weights, *self.pooling.trainable_weights]
        tables = {**self.encoder.tables, OUTPUT: self.output_vectors}
        if side_info == "weighted":
            tables[WEIGHTS] = self.pooling.importance
        steps = AdaptiveRows if adaptive else EvenRows
        self.rows = {n: steps(table.shape[0], longest_step) for n, table in tables.items()}

    @classmethod
    def of(
        cls,
        features: Features,
        dim: int,
        side_info: str,
        longest_step: float | None,
        adaptive: bool = True,
    ) -> SideInfoVectors:
        """Those of adapted features: the id, and all others unless `side_info` is "none"."""
        own = [feature for feature in features.item if feature.name == "item_id"]
        side = [feature for feature in features.item if feature.name != "item_id"]
        fields = features.fields(own if side_info == "none" else own + side)
        table = ItemTable.of(features.item_table)
        return cls(table, fields, dim, side_info, longest_step, adaptive)

    def rows_of_features(self) -> list[Rows]:
        """All of its tables: an id that is new is absent until it is learnt, and then begins anew.

        A new value of side information begins as zeros: directions are served, and beside the
        other fields it leaves them as they are.
        """
        found = [Rows(self.output_vectors, "item_id", Start.fresh)]
        found.append(Rows(self.learnt, "item_id", Start.fresh))
        if self.pooling.side_info == "weighted":
            found.append(Rows(self.pooling.importance, "item_id", Start.fresh))
        of_fields = [field.name for field in self.fields if field.size]
        for name in of_fields:
            start = Start.fresh if name == "item_id" else Start.zero
            found.append(Rows(self.encoder.tables[name], name, start))
        for name, steps in self.rows.items():
            feature = "item_id" if name in (OUTPUT, WEIGHTS) else name
            if isinstance(steps, AdaptiveRows) and (feature in of_fields):
                found.append(Rows(steps.sums, feature, Start.fresh))
        return found

    def call(self, ids):
        return self.embed(self.table(ids))

    def embed(self, item: dict[str, tf.Tensor]) -> tf.Tensor:
        """The vectors of items by their encoded features [...]; values unknown to training are
        absent, so that a new item is the mean of its side information."""
        ids = item["item_id"]
        item = {**item, "item_id": tf.where(tf.gather(self.learnt, ids) > 0, ids, 0)}
        known, mask = self._known(item)
        return self.pooling(self.encoder(known), item_id=known["item_id"], mask=mask)

    def of_new(self, item: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The vectors of new items that are described as these are; zeros of those that are not."""
        return self.embed({**item, "item_id": tf.zeros_like(item["item_id"])})

    def learn(
        self,
        centre: tf.Tensor,
        context: tf.Tensor,
        positive: tf.Tensor,
        noise: tf.Tensor,
        negative: tf.Tensor,
        rate: tf.Tensor,
        cold: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """One step on a block; arguments and result as `VectorTables.learn`.

        Args:
            cold: bool [lanes, block], centres that are shown as new items are, without their id;
                one that has nothing else keeps it.
        """
        item = self.table(centre)
        if cold is not None:
            _, present = self._known(item)
            cold &= tf.reduce_any(present[..., 1:], axis=-1)
            item = {**item, "item_id": tf.where(cold, 0, centre)}
        known, mask = self._known(item)
        parts = self.encoder(known)  # [lanes, block, fields, dim]
        share = self.pooling.shares(known["item_id"], parts, mask)
        u = tf.einsum("lbf,lbfd->lbd", share, parts)
        columns = tf.concat([context, noise], axis=1)
        v = tf.gather(self.output_vectors, columns)
        wanted, unwanted = beside(positive, negative)
        by_centre, by_column, scores = skip_gram_gradients(u, v, wanted, unwanted)
        by_part = share[..., tf.newaxis] * by_centre[..., tf.newaxis, :]
        for field, gradient in zip(self.fields, tf.unstack(by_part, axis=2), strict=True):
            rows, gradient = _by_row(field, known[field.name], gradient)
            table = self.encoder.tables[field.name]
            self.rows[field.name].descend(table, rows, gradient, rate)
        if self.pooling.side_info == "weighted":
            by_weight = tf.einsum("lbfd,lbd->lbf", parts - u[:, :, tf.newaxis], by_centre) * share
            by_weight *= tf.cast(mask[..., :1], tf.float32)  # without the id all weigh alike
            self.rows[WEIGHTS].descend(self.pooling.importance, centre, by_weight, rate)
        self.rows[OUTPUT].descend(self.output_vectors, columns, by_column, rate)
        weight = tf.reduce_sum(wanted + unwanted, axis=2)
        mark(self.learnt, known["item_id"], weight, rate)
        return first_loss(scores, wanted, unwanted)

    def get_config(self):
        return {
            **super().get_config(),
            "table": part_config(self.table),
            "fields": [list(field) for field in self.fields],
            "dim": self.dim,
            "side_info": self.pooling.side_info,
            "longest_step": self.longest_step,
            "adaptive": self.adaptive,
        }

    @classmethod
    def from_config(cls, config):
        table = part_from_config(config["table"])
        return cls(**{**config, "table": table})

    def _known(self, item: dict[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """The features with 0 for what training never saw, and which are there, [..., fields]."""
        known, present = {}, []
        for field in self.fields:
            values = item[field.name]
            there = tf.ones_like(values, tf.bool)
            if field.size:
                there = values >= FIRST_KNOWN
                values = tf.where(there, values, 0)
            known[field.name] = values
            present.append(tf.reduce_any(there, axis=-1) if field.rank == 2 else there)
        return known, tf.stack(present, axis=-1)


@saved_by_config
class Directed(tf.keras.layers.Layer):
    """What is served of `SideInfoVectors`: encoded ids, or features of items, to directions.

    Args:
        vectors: of the items.
        direction: vectors to such of length one.
    """

    def __init__(self, vectors: SideInfoVectors, direction: tf.keras.layers.Layer, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.vectors, self.direction = vectors, direction

    def call(self, inputs):
        embed = self.vectors.embed if isinstance(inputs, Mapping) else self.vectors
        return self.direction(embed(inputs))

    def of_new(self, inputs):
        """What is served of new items that are described as these are; zeros of others."""
        item = inputs if isinstance(inputs, Mapping) else self.vectors.table(inputs)
        return self.direction(self.vectors.of_new(item))

    def get_config(self):
        parts = {n: part_config(getattr(self, n)) for n in PARTS}
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(cls, config):
        parts = {n: part_from_config(config[n]) for n in PARTS}
        return cls(**{**config, **parts})


class EvenRows:
    """Steps that all rows take at one rate; otherwise as `AdaptiveRows`."""

    def __init__(self, rows: int, longest_step: float | None):
        self.longest_step = longest_step

    def descend(self, table: tf.Variable, ids: tf.Tensor, gradient: tf.Tensor, rate: tf.Tensor):
        if self.longest_step is not None:  # of a row, whose gradients are added up anyway
            ids, gradient = by_id(ids, gradient)
        descend(table, ids, gradient, rate, self.longest_step)


def _by_row(field: Field, values: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows of a field's table, and the gradients by these, from that by its [lanes, block, dim].

    Args:
        values: ids or numbers as `FeatureEncoder` takes them, ids of 0 being absent.
    """
    if field.rank == 1:
        values = values[..., tf.newaxis]
    if field.size:  # a list is the mean of its values
        part = tf.cast(values != 0, gradient.dtype)
        part /= tf.maximum(tf.reduce_sum(part, axis=-1, keepdims=True), 1.0)
        return values, part[..., tf.newaxis] * gradient[..., tf.newaxis, :]
    by_row = tf.einsum("lbn,lbd->nd", tf.cast(values, gradient.dtype), gradient)
    return tf.range(tf.shape(by_row)[0]), by_row
