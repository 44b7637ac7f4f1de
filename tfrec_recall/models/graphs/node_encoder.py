"""Vectors of the nodes of a graph, from their features and their neighbours'."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import FeatureEncoder, Features, Field, FieldSum, ItemTable
from tfrec_recall.features.known import anything_known
from tfrec_recall.layers.tables import rows_of

ROWS = 4096  # of a layer's nodes at a time
ALWAYS = (20_17, 20_18)  # the seed of inference


class Hidden(NamedTuple):
    """What a training step does not show to the convolutions.

    Attributes:
        edges: sorted int64, from * nodes + to.
        cold: bool [nodes]; such a node is without its id and without neighbours, if more is seen of
            it than the id, as nothing would be left of the others.
    """

    edges: tf.Tensor
    cold: tf.Tensor

    @classmethod
    def of(cls, query: tf.Tensor, positive: tf.Tensor, cold: tf.Tensor, edges: bool) -> Hidden:
        """The edges between pairs, both ways, or none of them."""
        nodes = tf.size(cold)
        if edges:
            return cls(both_ways(query, positive, nodes), cold)
        return cls(tf.constant([-1], tf.int64), cold)  # no edge has this number


class Neighbourhood(Protocol):
    """Whom a node sees."""

    def __call__(self, nodes: tf.Tensor, layer: int, seed: tf.Tensor) -> tuple: ...

    def joined(self, nodes: tf.Tensor) -> tf.Tensor: ...


class Convolution(Protocol):
    """One layer of vectors to the next."""

    def messages(self, vectors: tf.Tensor) -> tf.Tensor:
        """What the neighbours of nodes get to see of them, [nodes, dim]; made once for each."""
        ...

    def __call__(self, nodes, weights: tf.Tensor, training: bool) -> tf.Tensor:
        """Vectors [nodes, dim].

        Args:
            nodes: a tuple of their own vectors [nodes, dim], and the messages of their neighbours
                [nodes, neighbours, dim].
            weights: [nodes, neighbours], 0 where there is none.
        """
        ...


@saved_by_config
class NodeEncoder(tf.keras.layers.Layer):
    """Convolutions over the neighbourhoods of items, whose features are the first layer's input.

    Args:
        table: the items' features, by their encoded ids.
        fields: the features that are seen.
        dim: of the features' embeddings, which are added up.
        neighbours: (nodes, layer, seed) -> encoded ids and weights [nodes, neighbours]; `joined`
            says which nodes have any.
        convolutions: that of the outermost hop first.
        head: what follows the last of them.

    Input: encoded ids [...].  Output: vectors [..., dim]; those of padding are zeros.
    """

    def __init__(
        self,
        table: ItemTable,
        fields: Sequence[Field],
        dim: int,
        neighbours: Neighbourhood,
        convolutions: Sequence[Convolution],
        head: Callable,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.table = table
        self.nodes = table.rows
        self.encoder, self.total = FeatureEncoder(fields, dim), FieldSum()
        self.neighbours, self.head = neighbours, head
        self.convolutions = list(convolutions)
        self(tf.constant([0, 1]))  # makes the weights

    @classmethod
    def of(
        cls,
        features: Features,
        dim: int,
        neighbours: Neighbourhood,
        convolutions: Sequence[Convolution],
        head: Callable,
        with_id: bool = True,
        without: Sequence[str] = (),
    ) -> NodeEncoder:
        """That of adapted features.

        Args:
            with_id: whether an item has an embedding of its own beside its other features.
            without: features that are not seen.
        """
        left_out = {*without, *(() if with_id else ("item_id",))}
        seen = [feature for feature in features.item if feature.name not in left_out]
        if not seen:
            label = f", of which {', '.join(without)} is the label" if without else ""
            raise ValueError(
                "Without the id an item needs another feature: add one to the features, or set "
                "with_id=True; the form of the paper, which has no ids, needs one. "
                f"Received: item={[feature.name for feature in features.item]}{label}, {with_id=}."
            )
        table = ItemTable.of(features.item_table)
        return cls(table, features.fields(seen), dim, neighbours, convolutions, head)

    @property
    def side(self) -> list[Field]:
        """What is seen of an item beside its id."""
        return [field for field in self.encoder.fields if field.name != "item_id"]

    def cold(self, rate: float, seed: tf.Tensor) -> tf.Tensor:
        """Which nodes a step shows as new ones, where it may (`Hidden`), bool [nodes]."""
        return tf.random.stateless_uniform([self.nodes], seed) < rate

    def _is_cold(self, nodes: tf.Tensor, hidden: Hidden) -> tf.Tensor:
        """Which of these nodes are shown as new ones, bool [nodes]."""
        # Of the nodes of this step: the whole columns would take longer than the step.
        of_nodes = {f.name: rows_of(self.table.columns[f.name], nodes) for f in self.side if f.size}
        return tf.gather(hidden.cold, nodes) & self._described(of_nodes, nodes)

    def _described(self, item: Mapping[str, tf.Tensor], ids: tf.Tensor) -> tf.Tensor:
        """Which items have anything beside their id, bool [items]."""
        if any(not field.size for field in self.side):
            return tf.ones_like(ids, tf.bool)  # a number is always there
        described = tf.zeros_like(ids, tf.bool)
        for field in self.side:
            there = item[field.name] != 0
            described |= tf.reduce_any(there, axis=-1) if field.rank == 2 else there
        return described

    def call(self, ids, training=False):
        distinct, position = tf.unique(tf.reshape(ids, [-1]))
        vectors = self.embed(distinct, training=training)
        shape = tf.concat([tf.shape(ids), tf.shape(vectors)[-1:]], axis=0)
        return tf.reshape(tf.gather(vectors, position), shape)

    def embed(self, nodes, hidden: Hidden | None = None, seed=ALWAYS, training=False):
        """The vectors of nodes [nodes], each once: from the outermost hop inwards, and at each hop
        no node twice."""
        vectors = self._hop(nodes, len(self.convolutions), hidden, seed, training)
        vectors = self.head(vectors, training=training)
        there = nodes != 0 if hidden is not None else self._known(self.table(nodes))
        return vectors * tf.cast(there, vectors.dtype)[:, tf.newaxis]

    def _hop(self, nodes, depth: int, hidden: Hidden | None, seed, training):
        """What the first `depth` convolutions make of nodes."""
        if depth == 0:
            return self.first(self.table(nodes), hidden, training)
        ids, weights = self._neighbours(nodes, depth - 1, hidden, seed)
        every, position = tf.unique(tf.concat([nodes, tf.reshape(ids, [-1])], axis=0))
        before = self._hop(every, depth - 1, hidden, seed, training)
        count = tf.shape(nodes)[0]
        own = tf.gather(before, position[:count])
        convolve = self.convolutions[depth - 1]
        around = tf.gather(convolve.messages(before), tf.reshape(position[count:], tf.shape(ids)))
        return convolve((own, around), weights, training)

    def first(self, item, hidden: Hidden | None = None, training=False):
        """The sum of an item's feature embeddings; an unknown id adds nothing, and where nothing is
        hidden, as when serving, neither does that of an item without an edge."""
        ids = item["item_id"]
        known = self._warm(ids)
        if hidden is not None:
            known = (ids >= FIRST_KNOWN) & ~self._is_cold(ids, hidden)
        item = {**item, "item_id": tf.where(known, ids, 0)}
        return self.total(self.encoder(item, training=training))

    def _warm(self, ids: tf.Tensor) -> tf.Tensor:
        """Which ids have learnt as an item of a pair: no pair has an item without an edge."""
        return (ids >= FIRST_KNOWN) & self.neighbours.joined(ids)

    def _known(self, item: dict[str, tf.Tensor]) -> tf.Tensor:
        """Which items have anything to be embedded by, bool [items]; of nothing, convolutions would
        make what their biases are."""
        ids = item["item_id"]
        known = self._warm(ids)
        if self.side:
            known |= (ids != 0) & anything_known(self.side, item)
        return known

    def _neighbours(self, nodes, layer: int, hidden: Hidden | None, seed):
        ids, weights = self.neighbours(nodes, layer, tf.convert_to_tensor(seed) + layer)
        weights *= tf.cast(ids >= FIRST_KNOWN, weights.dtype)
        if hidden is not None:
            edge = edges(nodes[:, tf.newaxis], ids, self.nodes)
            unseen = among(edge, hidden.edges) | self._is_cold(nodes, hidden)[:, tf.newaxis]
            weights = tf.where(unseen, 0.0, weights)
        return ids, weights

    def of_features(self, item, training=False):
        """Vectors of items by their own features, neighbours by their ids: one item at a time as
        far as work is concerned, so for a few items, or new ones. Of which nothing is known, zeros.
        """
        ids = item["item_id"]

        def around(layer, own):
            neighbours, weights = self._neighbours(ids, layer, None, ALWAYS)
            distinct, position = tf.unique(tf.reshape(neighbours, [-1]))
            before = self._hop(distinct, layer, None, ALWAYS, training)
            messages = self.convolutions[layer].messages(before)
            return tf.gather(messages, tf.reshape(position, tf.shape(neighbours))), weights

        return self._convolved(item, around, training)

    def of_new(self, item):
        """What new items would be that are described as these are; zeros of those that are not."""
        ids = item["item_id"]

        def nobody(layer, own):
            message = self.convolutions[layer].messages(tf.zeros_like(own))[:, tf.newaxis]
            return message, tf.zeros(tf.shape(message)[:2])

        vectors = self._convolved({**item, "item_id": tf.ones_like(ids)}, nobody)
        described = self._described(item, ids) & (ids != 0)
        return tf.where(described[:, tf.newaxis], vectors, 0.0)

    def _convolved(self, item, around: Callable, training=False):
        """Vectors of items by their own features.

        Args:
            around: the number of a convolution and what it sees of the items themselves, to the
                messages [items, neighbours, dim] of their neighbours and the weights of these.
        """
        own = self.first(item, training=training)
        for layer, convolve in enumerate(self.convolutions):
            messages, weights = around(layer, own)
            own = convolve((own, messages), weights, training)
        vectors = self.head(own, training=training)
        return vectors * tf.cast(self._known(item), vectors.dtype)[:, tf.newaxis]

    def layer_wise(self) -> np.ndarray:
        """The vectors of all known items, [nodes, dim]: each layer of each node is made once."""
        nodes = [tf.range(at, min(at + ROWS, self.nodes)) for at in range(0, self.nodes, ROWS)]
        now = tf.concat([self.first(self.table(some)) for some in nodes], axis=0)
        for layer, convolve in enumerate(self.convolutions):
            messages, parts = convolve.messages(now), []
            for some in nodes:
                ids, weights = self._neighbours(some, layer, None, ALWAYS)
                pair = (tf.gather(now, some), tf.gather(messages, ids))
                parts.append(convolve(pair, weights, False))
            now = tf.concat(parts, axis=0)
        parts = []
        for some in nodes:
            vectors = self.head(tf.gather(now, some))
            known = tf.cast(self._known(self.table(some)), vectors.dtype)
            parts.append(vectors * known[:, tf.newaxis])
        return tf.concat(parts, axis=0).numpy()

    def of_items(self, encoded: dict[str, np.ndarray]) -> np.ndarray:
        """Vectors of items by their encoded features, known ones layer by layer."""
        ids = encoded["item_id"]
        vectors = self.layer_wise()[ids]
        new = np.flatnonzero(ids < FIRST_KNOWN)
        for at in range(0, len(new), ROWS):
            some = new[at : at + ROWS]
            of_some = {name: tf.constant(values[some]) for name, values in encoded.items()}
            vectors[some] = self.of_features(of_some)
        return vectors

    def get_config(self):
        return {
            **super().get_config(),
            "fields": [list(field) for field in self.encoder.fields],
            "dim": self.encoder.dim,
            **{name: part_config(getattr(self, name)) for name in ("table", "neighbours", "head")},
            "convolutions": [part_config(convolution) for convolution in self.convolutions],
        }

    @classmethod
    def from_config(cls, config):
        parts = {name: part_from_config(config[name]) for name in ("table", "neighbours", "head")}
        convolutions = [part_from_config(convolution) for convolution in config["convolutions"]]
        return cls(**{**config, **parts, "convolutions": convolutions})


@saved_by_config
class VectorsOfFeatures(tf.keras.layers.Layer):
    """`NodeEncoder.of_features` as a layer: encoded item features [items] to [items, dim].

    Of encoded ids alone [...], it gives what the encoder does.
    """

    def __init__(self, nodes: NodeEncoder, **kwargs):
        super().__init__(**kwargs)
        self.nodes = nodes

    def call(self, inputs, training=False):
        if isinstance(inputs, Mapping):
            return self.nodes.of_features(inputs, training)
        return self.nodes(inputs, training=training)

    def of_new(self, inputs):
        """`NodeEncoder.of_new`, of ids too."""
        if isinstance(inputs, Mapping):
            return self.nodes.of_new(inputs)
        distinct, position = tf.unique(tf.reshape(inputs, [-1]))
        vectors = tf.gather(self.nodes.of_new(self.nodes.table(distinct)), position)
        return tf.reshape(vectors, tf.concat([tf.shape(inputs), [vectors.shape[-1]]], axis=0))

    def get_config(self):
        nodes = part_config(self.nodes)
        return {**super().get_config(), "nodes": nodes}

    @classmethod
    def from_config(cls, config):
        nodes = part_from_config(config["nodes"])
        return cls(**{**config, "nodes": nodes})


def edges(here: tf.Tensor, there: tf.Tensor, nodes: int | tf.Tensor) -> tf.Tensor:
    """One number an edge, int64."""
    return tf.cast(here, tf.int64) * tf.cast(nodes, tf.int64) + tf.cast(there, tf.int64)


def both_ways(one: tf.Tensor, other: tf.Tensor, nodes: int | tf.Tensor) -> tf.Tensor:
    """The edges between pairs in both directions, sorted, as `Hidden` has them; -1 is none."""
    none = tf.constant([-1], tf.int64)  # there may be no pair
    return tf.sort(tf.concat([none, edges(one, other, nodes), edges(other, one, nodes)], axis=0))


def among(edge: tf.Tensor, hidden: tf.Tensor) -> tf.Tensor:
    """Whether each edge is one of the hidden ones (sorted, at least one)."""
    place = tf.searchsorted(hidden, tf.reshape(edge, [-1]))
    place = tf.minimum(place, tf.shape(hidden)[0] - 1)
    return tf.gather(hidden, tf.reshape(place, tf.shape(edge))) == edge
