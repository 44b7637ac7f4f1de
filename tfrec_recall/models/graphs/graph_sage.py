"""GraphSAGE: items by their features and by samples of their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import flags, number, refuse, whole, widths, without_effect
from tfrec_recall.features import Features
from tfrec_recall.graph import RandomWalks
from tfrec_recall.graph.neighbour_table import best_of_rows, row_blocks
from tfrec_recall.layers import (
    GCNAggregator,
    L2Normalization,
    LSTMAggregator,
    MaxPoolAggregator,
    MeanAggregator,
)
from tfrec_recall.layers.activations import activation_of
from tfrec_recall.losses import SkipGramNegativeSampling
from tfrec_recall.models.graphs.arguments import check_nodes, cold_rate_beside, require_edges
from tfrec_recall.models.graphs.item_pairs import Steps, pair_batches, walked_to
from tfrec_recall.models.graphs.label_head import LabelHead
from tfrec_recall.models.graphs.node_encoder import (
    Hidden,
    NodeEncoder,
    VectorsOfFeatures,
)
from tfrec_recall.models.graphs.node_model import NodeModel
from tfrec_recall.models.graphs.node_neighbours import SampledNeighbours
from tfrec_recall.models.graphs.sequence_graph import joined, require_joined, tell_of_sets
from tfrec_recall.models.item_embeddings import item_space
from tfrec_recall.models.item_embeddings.arguments import (
    HALF_LIFE,
    LAST,
    check_sequences,
    check_served,
)
from tfrec_recall.models.learning.replicas import together
from tfrec_recall.models.published import Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.sampling import PopularityNegatives

DRAWS = 8  # positives of each walk that are kept; an epoch takes one
REACH = 10  # items that one is joined to, where a model is not told
EDGES_AT_A_TIME = 2_000_000
AGGREGATORS = ("mean", "gcn", "lstm", "max-pool")


@saved_by_config
class GraphSAGE(NodeModel):
    """Samples and aggregates neighbours; trained by random walks, by a label of the items, or both.

    Source: "Inductive Representation Learning on Large Graphs", NIPS 2017: Algorithms 1 and 2, and
    Eq. 1 (random walks).
    Departs:
        - the graph keeps fewer edges of a node, the strongest by weight over the root of both
          nodes' sums, and not some that are drawn evenly: `degree=128`, `strongest_edges=False`.
        - walks begin at a node as often as it has events, and not at each alike:
          `starts_by_events=False`.
        - the aggregators have a bias: `use_bias=False`.
        - fewer neighbours are drawn of a node's neighbours: `sizes=(25, 10)`.
        - positives are neighbours, and not within a walk of five steps: `length=5`.
        - there are as many walks as events: `walks=50`.
        - negatives are more for a batch, weigh less beside a positive, and are even:
          `noise=20`, `negatives=20.0`, `power=0.75`.
        - cosines are divided by a temperature, as the logistic loss of a bare cosine hardly falls:
          `temperature=1.0`.
        - the last layer is linear, as in the program of the authors, where Algorithm 1 has σ:
          `final_activation="relu"`.
        - an edge between an item and its positive is not shown to the step that learns from it:
          `hide_edges=False`.
        - items have embeddings of their own, and some are shown without, as a new one will be:
          `with_id=False`, `cold_rate=0.0`.
        - scores are lifted by popularity: `popularity=0.0`.
        - users, of whom the paper makes nothing, are their latest items, newer ones more:
          `last=None`, `half_life=None`.

    Where events have no times, all items of a user, or of a session, are joined as those of a
    basket: in a set of n by 1 / n, so that a large set does not outweigh the small ones.

    Args:
        features: adapted; `item_id`, a history of it, and any features of the items.
        dim: of the vectors and of all layers.
        aggregator: "mean", "gcn", "lstm" or "max-pool".
        final_activation: of the last layer; None leaves it linear.
        sizes: S_1 to S_K of Algorithm 2, neighbours that each layer draws: the last is of the item
            itself, the one before it of its neighbours.
        degree: edges of a node that the graph keeps.
        strongest_edges: keep the strongest; else some that are drawn evenly.
        reach: an item is joined to so many that follow in a user's sequence; no matter in a set.
        by_session: sequences are sessions (`session_id`), and not all events of a user; by default
            where there are any. The items of a basket are all joined.
        gap: seconds; a longer pause ends a sequence as well. It needs times.
        length: steps of the random walks that find positives.
        walks: that begin at a node, by their mean, of which each finds one positive an epoch; None
            begins as many in all as there are events.
        starts_by_events: begin them by the sum of a node's edges; else at each node alike.
        use_bias: of the aggregators.
        negatives: per pair, as many as it expects of those that are drawn; Q of Eq. 1.
        noise: draws of a batch, which its pairs share.
        power: of the items' counts, by which noise is drawn; 0 is evenly.
        temperature: what divides a cosine.
        label: an item feature to foretell from the vectors by a supervised head: one of a set
            (softmax) or several (sigmoids). It is then not an input.
        label_weight: what that loss weighs beside the unsupervised one.
        unsupervised: whether random walks teach as well.
        hide_edges, with_id, cold_rate, popularity, shrinkage, last, half_life: as in `PinSAGE`.
        seed: of walks, samples, negatives and cold items.

    A node added later is embedded by its features, and so is one that no edge joins, as no walk
    ever met it; without features, both only fill lists. Users are the mean of their latest items
    (`retriever`), or go through the neighbours of each (`trigger_retriever`).
    """

    PUBLISHED: ClassVar[Published] = Published(
        "NIPS 2017",
        {
            "degree": 128,
            "strongest_edges": False,
            "starts_by_events": False,
            "use_bias": False,
            "sizes": (25, 10),
            "length": 5,
            "walks": 50,
            "noise": 20,
            "negatives": 20.0,
            "power": 0.75,
            "temperature": 1.0,
            "final_activation": "relu",
            "hide_edges": False,
            "with_id": False,
            "cold_rate": 0.0,
            "popularity": 0.0,
            "last": None,
            "half_life": None,
        },
        optimizer=tf.keras.optimizers.Adam,
        batch_size=512,
    )
    UNREAD: ClassVar[Unread] = {("unsupervised", False): ("negatives", "temperature")}

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        aggregator: str = "mean",
        final_activation: str | None = None,
        sizes: Sequence[int] = (10, 10),
        degree: int = 30,
        strongest_edges: bool = True,
        reach: int = REACH,
        by_session: bool | None = None,
        gap: float | None = None,
        length: int = 1,
        walks: int | None = None,
        starts_by_events: bool = True,
        use_bias: bool = True,
        negatives: float = 5.0,
        noise: int = 500,
        power: float = 0.0,
        temperature: float = 0.2,
        label: str | None = None,
        label_weight: float = 1.0,
        unsupervised: bool = True,
        hide_edges: bool = True,
        with_id: bool = True,
        cold_rate: float = 0.1,
        popularity: float = 0.2,
        shrinkage: float = 0.0,
        last: int | None = LAST,
        half_life: float | None = HALF_LIFE,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        widths(owner, sizes, "sizes")
        if not sizes:
            refuse(owner, sizes, "sizes", "a number of neighbours for each layer")
        for name, value in {"degree": degree, "reach": reach, "length": length}.items():
            whole(owner, value, name)
        whole(owner, walks, "walks", optional=True)
        whole(owner, noise, "noise")
        activation_of(owner, final_activation, "final_activation")
        number(owner, negatives, "negatives", above=0)
        number(owner, temperature, "temperature", above=0)
        number(owner, label_weight, "label_weight", above=0)
        flags(
            owner,
            unsupervised=unsupervised,
            strongest_edges=strongest_edges,
            starts_by_events=starts_by_events,
            use_bias=use_bias,
        )
        check_sequences(owner, features, by_session, gap)
        check_nodes(owner, dim, power, with_id, hide_edges, cold_rate, seed)
        check_served(owner, features, last, half_life, popularity)
        if label is None:
            without_effect(owner, label_weight, 1.0, "label_weight", "beside a label")
        if not unsupervised:
            by_walks = "where random walks teach (unsupervised=True)"
            without_effect(owner, negatives, 5.0, "negatives", by_walks)
            without_effect(owner, temperature, 0.2, "temperature", by_walks)
        if label is None and not unsupervised:
            raise ValueError("Without random walks there has to be a label to learn from.")
        self.degree, self.reach, self.length, self.walks = degree, reach, length, walks
        self.strongest_edges, self.starts_by_events = strongest_edges, starts_by_events
        self.seed_of_edges = seed
        self.by_session, self.gap = by_session, gap
        self.noise, self.temperature = noise, temperature
        self.negatives, self.unsupervised, self.label_weight = negatives, unsupervised, label_weight
        self.popularity, self.hide_edges = popularity, hide_edges
        self.last, self.half_life = features.recency(last, half_life)
        self.proposal = PopularityNegatives(item_space.known_counts(features), power)
        self.skip_gram = SkipGramNegativeSampling(reduction="sum")
        self.steps = Steps(seed)
        self.neighbours_of_hops = tuple(sizes)
        self.sampled = SampledNeighbours(features.ids("item_id").size, self.neighbours_of_hops)
        self.label = None if label is None else LabelHead(features, label, dim)
        activations = ["relu"] * (len(sizes) - 1) + [final_activation]
        self.nodes = NodeEncoder.of(
            features,
            dim,
            self.sampled,
            [Normalised(_aggregator(aggregator, dim, each, use_bias)) for each in activations],
            tf.keras.layers.Activation("linear", dtype="float32"),
            with_id,
            without=() if label is None else (label,),
        )
        self.cold_rate = cold_rate_beside(owner, cold_rate, 0.1, bool(self.nodes.side))
        item = features.inputs(features.item)
        served = self.served(VectorsOfFeatures(self.nodes), dim, shrinkage)
        self.candidate_model = tf.keras.Model(item, served(item))
        self.query_model = item_space.query_model(features, served, self.last, self.half_life)

    def take_over(self, before, origins):
        self.sampled.take_over(before.sampled, origins["item_id"])
        if self.label is not None:
            self.label.take_over(before.label)

    def add_neighbours(self, train):
        self.sampled.add(self._kept(self.graph(train)))

    def embedded(self, batch_size):
        return 2 * batch_size + self.noise

    @property
    def history_needed(self):
        return max(super().history_needed or 0, self.reach)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Pairs of items that lie on one random walk; also gives the graph to the model, which
        keeps the neighbours that it had if it has grown."""
        tell_of_sets(self, REACH)
        graph = self._some_edges(train)
        take = self.sampled.add if self.has_grown else self.sampled.assign
        take(self._kept(graph))
        return self._pairs(train, graph, batch_size, seed, first_epoch)

    def batches_to_measure(self, interactions, batch_size):
        return self._pairs(interactions, self._some_edges(interactions), batch_size, seed=None)

    def _kept(self, graph: sp.csr_array) -> sp.csr_array:
        """The edges of each node that it is embedded by."""
        if self.strongest_edges:
            return strongest(graph, self.degree)
        return drawn_evenly(graph, self.degree, self.seed_of_edges)

    def _some_edges(self, train: Interactions) -> sp.csr_array:
        """The graph, which is none without an edge."""
        graph = self.graph(train)
        require_joined(self, graph, train)
        require_edges(graph)
        return graph

    def _pairs(self, train, graph, batch_size, seed, first_epoch=0) -> tf.data.Dataset:
        random = np.random.default_rng(seed or 0)
        strength = np.asarray(graph.sum(axis=1)).ravel()
        nodes = np.flatnonzero(strength)
        walks = len(train.events) if self.walks is None else self.walks * len(nodes)
        if self.starts_by_events:
            query = random.choice(graph.shape[0], walks, p=strength / strength.sum())
        else:
            query = random.permutation(np.resize(random.permutation(nodes), walks))
        positives = walked_to(RandomWalks(graph), query, DRAWS, self.length, seed or 0)
        return pair_batches(query.astype("int32"), positives, batch_size, seed, first_epoch)

    def graph(self, train: Interactions) -> sp.csr_array:
        """Undirected edges between encoded ids, by how often the items were taken together."""
        return joined(self, train, both_ways=True)

    def compute_loss(self, batch, training=False):
        for_sample, for_noise, for_cold = tf.unstack(tf.random.split(self.steps.next(training), 3))
        query, positive = batch["query_id"], batch["item_id"]
        noise = self.proposal.sample([self.noise], for_noise)
        nodes, position = tf.unique(tf.concat([query, positive, noise], axis=0))
        cold = self.nodes.cold(self.cold_rate if training else 0.0, for_cold)
        hidden = Hidden.of(together(query), together(positive), cold, self.hide_edges)
        vectors = self.nodes.embed(nodes, hidden, for_sample, training)
        loss, size = tf.zeros(()), tf.shape(query)[0]
        if self.unsupervised:
            parts = tf.split(tf.gather(vectors, position), [size, size, self.noise])
            loss += self._by_walks(query, positive, noise, *parts)
        if self.label is not None:
            by_label = self.label_weight * self.label.loss(vectors, nodes)
            loss += tf.where(size > 0, by_label, 0.0)
        return loss

    def _by_walks(self, query, positive, noise, z_query, z_positive, z_noise):
        """Eq. 1, the mean of a pair: each expects as much noise as `negatives`."""
        z_query /= self.temperature
        one = tf.ones([tf.shape(query)[0], 1, 1])
        pairs = (z_query[:, tf.newaxis], z_positive[:, tf.newaxis])  # [batch, 1, dim] each
        loss = self.skip_gram(pairs, positive=one, negative=0 * one)
        other = (noise != positive[:, tf.newaxis]) & (noise != query[:, tf.newaxis])
        weight = tf.cast(other, tf.float32) * (self.negatives / self.noise)
        loss += self.skip_gram((z_query, z_noise), positive=0 * weight, negative=weight)
        return tf.math.divide_no_nan(loss, tf.cast(tf.shape(query)[0], tf.float32))

    def label_probability(self, items: pd.DataFrame) -> pd.DataFrame:
        """What the supervised head makes of items: a row an item, a column a value of the label."""
        if self.label is None:
            raise ValueError("GraphSAGE(label=…) names the feature to foretell. Received: None.")
        return self.label.probability(self.embed_items(items), items["item_id"])


@saved_by_config
class Normalised(tf.keras.layers.Layer):
    """An aggregator over the neighbours whose weight is not 0, then unit vectors."""

    def __init__(self, aggregator: tf.keras.layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.aggregator = aggregator
        self.unit = L2Normalization()

    def messages(self, vectors):
        return vectors

    def call(self, nodes, weights, training=False):
        mask = (None, weights > 0)
        return self.unit(self.aggregator(nodes, mask=mask, training=training))

    def get_config(self):
        aggregator = part_config(self.aggregator)
        return {**super().get_config(), "aggregator": aggregator}

    @classmethod
    def from_config(cls, config):
        aggregator = part_from_config(config["aggregator"])
        return cls(**{**config, "aggregator": aggregator})


def _aggregator(
    name: str, dim: int, activation: str | None, use_bias: bool
) -> tf.keras.layers.Layer:
    activation = activation or "linear"
    if name == "mean":
        return MeanAggregator(dim, activation, use_bias)
    if name == "gcn":
        return GCNAggregator(dim, activation, use_bias)
    if name == "lstm":
        return LSTMAggregator(dim, dim, activation, use_bias)
    if name == "max-pool":
        return MaxPoolAggregator(dim, dim, activation, use_bias)
    raise ValueError(f"aggregator is one of {', '.join(AGGREGATORS)}. Received: {name!r}.")


def strongest(graph: sp.csr_array, degree: int) -> sp.csr_array:
    """The `degree` best edges of each node, by weight / sqrt(sum of this node, sum of that).

    >>> graph = sp.csr_array([[0.0, 8.0, 5.0], [8.0, 0.0, 90.0], [5.0, 90.0, 0.0]])
    >>> strongest(graph, degree=1).toarray().round(2)
    array([[0.  , 0.22, 0.  ],
           [0.  , 0.  , 0.93],
           [0.  , 0.93, 0.  ]])
    """
    total = np.asarray(graph.sum(axis=1)).ravel()
    best = []
    for first, last in row_blocks(graph.indptr, EDGES_AT_A_TIME):
        rows = graph[first:last]
        row = np.repeat(np.arange(first, last), np.diff(rows.indptr))
        rows.data = rows.data / np.sqrt(total[row] * total[rows.indices])
        best.append(best_of_rows(rows, degree))
    return sp.csr_array(sp.vstack(best, format="csr"))


def drawn_evenly(graph: sp.csr_array, degree: int, seed: int) -> sp.csr_array:
    """`degree` edges of each node, or all where there are fewer, each as likely as the others; the
    weights mean nothing.

    Source: NIPS 2017, section 4: edges are sampled so that no degree is above 128.
    """
    random, best = np.random.default_rng(seed), []
    for first, last in row_blocks(graph.indptr, EDGES_AT_A_TIME):
        rows = graph[first:last]
        rows.data = 1.0 - random.random(rows.nnz)
        best.append(best_of_rows(rows, degree))
    return sp.csr_array(sp.vstack(best, format="csr"))
