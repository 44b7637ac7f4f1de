"""Which neighbours of a node a convolution sees: the most important, or some drawn anew.

Both kinds hold their graph in weights, so that it is saved with the model, and are called with
nodes [nodes], the number of the convolution and a seed of two integers. They give encoded ids
[nodes, neighbours] and weights of the same shape; a weight of 0 is a neighbour that is not there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.features import Origin, Rows, Start
from tfrec_recall.graph import Neighbours
from tfrec_recall.layers.tables import rows_of
from tfrec_recall.models.growing.growth import forget


@saved_by_config
class ImportantNeighbours(tf.keras.layers.Layer):
    """The same neighbours always: a table of the top ones, and how important they are.

    Args:
        nodes: how many there are, padding and unknown included.
        top: neighbours of a node.
    """

    def __init__(self, nodes: int, top: int, **kwargs):
        super().__init__(**{**kwargs, "trainable": False, "dtype": "float32"})
        self.nodes, self.top = nodes, top
        options = {"shape": (nodes, top), "trainable": False, "initializer": "zeros"}
        self.ids = self.add_weight("ids", dtype=tf.int32, **options)
        self.importance = self.add_weight("importance", dtype=tf.float32, **options)

    def assign(self, neighbours: Neighbours) -> None:
        self.ids.assign(np.maximum(neighbours.ids, 0))
        self.importance.assign(neighbours.weights)

    def feature_rows(self) -> list[Rows]:
        """Its table; a new node has no neighbours."""
        return [Rows(table, "item_id", Start.zero) for table in (self.ids, self.importance)]

    def take_over(self, before: ImportantNeighbours, origin: Origin) -> None:
        """Leaves out neighbours that are no more."""
        forget(self.ids, self.importance, origin, none=0)

    def joined(self, nodes: tf.Tensor) -> tf.Tensor:
        """Which nodes have a neighbour, bool."""
        return tf.reduce_any(rows_of(self.importance, nodes) > 0, axis=-1)

    def call(self, nodes, layer, seed):
        return rows_of(self.ids, nodes), rows_of(self.importance, nodes)

    def get_config(self):
        return {**super().get_config(), "nodes": self.nodes, "top": self.top}


@saved_by_config
class SampledNeighbours(tf.keras.layers.Layer):
    """As many neighbours of a node as its convolution takes, drawn evenly over rows of a graph.

    Where a node has enough of them they are drawn without replacement (Floyd's algorithm, all nodes
    side by side), and otherwise with it. What a node draws depends on the seed and on the node, and
    not on those beside it, so that one seed gives one answer in whatever batch.

    Source: "Inductive Representation Learning on Large Graphs", NIPS 2017, section 3.1, and for
    Floyd's algorithm "Programming Pearls: a sample of brilliance", CACM 30(9), 1987.

    Args:
        nodes: how many there are, padding and unknown included.
        sizes: neighbours for each convolution, that of the outermost hop first; the last is what
            the nodes draw whose vectors are asked for.
    """

    def __init__(self, nodes: int, sizes: Sequence[int], **kwargs):
        super().__init__(**{**kwargs, "trainable": False})
        self.nodes, self.sizes = nodes, tuple(sizes)
        self.begin = self.add_weight(
            "begin", (nodes + 1,), tf.int32, trainable=False, initializer="zeros"
        )
        # As long as there are edges, which is known when the graph comes.
        self.targets = tf.Variable(
            tf.zeros([1], tf.int32), shape=[None], trainable=False, name="targets"
        )

    def assign(self, graph: sp.csr_array) -> None:
        """Takes the edges of this graph, [nodes, nodes]; the weights do not matter."""
        self.begin.assign(graph.indptr)
        self.targets.assign(np.append(graph.indices, 0))

    def add(self, graph: sp.csr_array) -> None:
        """Gives nodes without edges those of this graph; all others keep theirs, and their order,
        by which they are drawn.
        """
        there, more = np.diff(self.begin.numpy()), np.diff(graph.indptr)
        new, node = np.repeat(there == 0, more), np.arange(self.nodes)
        nodes = np.concatenate([node.repeat(there), node.repeat(more)[new]])
        targets = np.concatenate([self.targets.numpy()[:-1], graph.indices[new]])
        self.begin.assign(np.append(0, np.cumsum(np.bincount(nodes, minlength=self.nodes))))
        self.targets.assign(np.append(targets[np.argsort(nodes, kind="stable")], 0))

    def feature_rows(self) -> list[Rows]:
        """Where edges begin, of which a grown graph is made anew."""
        return [Rows(self.begin, start=Start.given)]

    def take_over(self, before: SampledNeighbours, origin: Origin) -> None:
        """Takes the edges of another one between nodes that are the same."""
        begin, targets = before.begin.numpy(), before.targets.numpy()[:-1]
        node = np.repeat(np.arange(before.nodes), np.diff(begin))
        same = origin.same[node] & origin.same[targets]
        self.begin.assign(np.append(0, np.cumsum(np.bincount(node[same], minlength=self.nodes))))
        self.targets.assign(np.append(targets[same], 0))

    def joined(self, nodes: tf.Tensor) -> tf.Tensor:
        """Which nodes have a neighbour, bool."""
        return rows_of(self.begin, nodes + 1) > rows_of(self.begin, nodes)

    def call(self, nodes, layer, seed):
        size = self.sizes[layer]
        begin = rows_of(self.begin, nodes)  # [nodes]
        degree = rows_of(self.begin, nodes + 1) - begin
        share = _shares(nodes, size, seed)
        place = tf.where(
            (degree >= size)[:, tf.newaxis],
            _without_replacement(share, degree),
            _lots(share, tf.maximum(degree, 1)[:, tf.newaxis]),
        )
        there = (degree > 0)[:, tf.newaxis] & tf.ones_like(place, tf.bool)
        ids = rows_of(self.targets, tf.where(there, begin[:, tf.newaxis] + place, 0))
        return tf.where(there, ids, 0), tf.cast(there, tf.float32)

    def get_config(self):
        return {**super().get_config(), "nodes": self.nodes, "sizes": list(self.sizes)}


def _without_replacement(share: tf.Tensor, degree: tf.Tensor) -> tf.Tensor:
    """Places in rows of [nodes] lengths, int32, all different where the degree allows."""
    size = share.shape[1]
    last = tf.maximum(degree - size, 0)[:, tf.newaxis] + tf.range(size)  # [nodes, size]
    chosen, *lots = tf.split(_lots(share, last + 1), size, axis=1)
    for lot, end in zip(lots, tf.split(last, size, axis=1)[1:], strict=True):
        taken = tf.reduce_any(chosen == lot, axis=1, keepdims=True)
        chosen = tf.concat([chosen, tf.where(taken, end, lot)], axis=1)
    return chosen


def _lots(share: tf.Tensor, below: tf.Tensor) -> tf.Tensor:
    """Even draws from 0 to `below` - 1, int32."""
    return tf.cast(share * tf.cast(below, tf.float64), tf.int32)


def _shares(nodes: tf.Tensor, size: int, seed) -> tf.Tensor:
    """Even draws from [0, 1), float64 [nodes, size], by a hash of node and seed."""
    seed = tf.cast(seed, tf.uint32)
    bits = _mixed(tf.cast(nodes, tf.uint32) + seed[0])
    bits = _mixed(bits[:, tf.newaxis] + seed[1] + tf.cast(tf.range(1, size + 1), tf.uint32))
    return tf.cast(_mixed(bits + seed[0]), tf.float64) / 2.0**32


def _mixed(bits: tf.Tensor) -> tf.Tensor:
    """A permutation of all 32-bit numbers in which every bit depends on every other."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97), (15, 1)):
        bits = tf.bitwise.bitwise_xor(
            bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32))
        )
        bits *= tf.constant(factor, tf.uint32)
    return bits
