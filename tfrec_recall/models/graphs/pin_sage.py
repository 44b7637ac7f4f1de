"""PinSAGE: items by their features and by the important ones around them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.data import Interactions, has_baskets
from tfrec_recall.data.arguments import flag, number, whole, without_effect
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features
from tfrec_recall.graph import (
    ItemPageRank,
    ItemUserItemWalks,
    bipartite_graph,
    importance_neighbours,
)
from tfrec_recall.layers import PinSAGEConvolution
from tfrec_recall.layers.sublayers import build_within
from tfrec_recall.losses import MaxMargin
from tfrec_recall.models.graphs.arguments import (
    check_nodes,
    cold_rate_beside,
    require_edges,
    require_next,
)
from tfrec_recall.models.graphs.item_pairs import (
    Steps,
    board_weights,
    boards,
    pair_batches,
    taken_next,
    walked_to,
)
from tfrec_recall.models.graphs.node_encoder import (
    Hidden,
    NodeEncoder,
    VectorsOfFeatures,
)
from tfrec_recall.models.graphs.node_model import NodeModel
from tfrec_recall.models.graphs.node_neighbours import ImportantNeighbours
from tfrec_recall.models.item_embeddings import item_space
from tfrec_recall.models.item_embeddings.arguments import HALF_LIFE, LAST, check_served
from tfrec_recall.models.learning.replicas import together
from tfrec_recall.models.learning.served import served
from tfrec_recall.models.published import Published
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.sampling import PopularityNegatives
from tfrec_recall.sampling.checks import check_ranks
from tfrec_recall.sampling.pagerank import hard_pool, scaled_ranks

DRAWS = 8  # positives of each start that the walks draw; an epoch takes one
POOL = 32  # hard negatives of each query to draw from
RESTART = 0.15
RUN = 20  # events of a board
RANKS = (2000, 5000)  # of hard negatives in the paper
SMALL = 0.1  # the share of the items that a batch may hold and still leave all out


@saved_by_config
class PinSAGE(NodeModel):
    """Convolutions over the most important neighbours, trained by a margin between items.

    Source: "Graph Convolutional Neural Networks for Web-Scale Recommender Systems", KDD 2018:
    Algorithms 1 and 2, Eq. 1, sections 3.1 (importance), 3.3 (negatives and curriculum) and 4.1
    (positives).
    Departs:
        - a positive is any item of the query's board, and not the one that the user took right
          after it: `next_item=True`.
        - a board is a run of a user's events, and not all of them: `run=None`.
        - in large baskets, an item counts less than in small ones: `board_power=0.0`.
        - fewer important neighbours: `neighbours=50`.
        - vectors are shorter, and so is what is pooled of neighbours: `dim=1024`, `hidden=2048`.
        - vectors have length one: `normalize=False`.
        - easy negatives are from outside of the batch only where that is small: `outside=True`.
        - an edge between an item and its positive is not shown to the step that learns from it:
          `hide_edges=False`.
        - an item has an embedding of its own, and some are shown without it, and without
          neighbours, as a new one will be: `with_id=False`, `cold_rate=0.0`.
        - scores are lifted by popularity: `popularity=0.0`.
        - users are their latest items, newer ones more: `last=None`, `half_life=None`.

    A basket is a board. The paper's ranks are those of its catalogue, and smaller in proportion in
    small ones. It warms its rate up and lets it decay, by numbers that it does not give, and does
    not say how often walks begin anew, which here is .15 at each step.

    Args:
        features: adapted; `item_id`, a history of it, and any features of the items.
        dim: of the vectors and of all layers.
        hidden: numbers that a convolution pools of each neighbour; None is `dim`.
        layers: convolutions.
        neighbours: T, the most important ones that a convolution sees.
        walks, length: from each item, to find those.
        run: a user's events that are one board; None takes all. Sessions that are baskets are
            boards themselves.
        next_item: a positive is the item that a user took right after the query, in the same
            session where there are any; boards then make the graph alone. It needs times, and
            baskets have no such order.
        board_power: an event counts the size of its board to this power. None: -1/2 for baskets,
            whose sizes differ by far, and else 0.
        margin: Δ of the hinge.
        normalize: vectors of length one; without, all scores are inner products.
        negatives: easy ones, of a batch, which its queries share.
        outside: draw these from outside of the batch. None does so where the batch holds at most a
            tenth of the items: of few items, the frequent ones are in every batch, and would be
            nobody's negatives (on MovieLens-100k, Recall@50 falls from .41 to .37).
        power: of the items' counts, by which these are drawn; 0 is evenly.
        most_hard: hard negatives of a query at most, 6 as in section 4.1; it is one more each
            epoch, of all calls of `fit`, and none in the first. None is 32, of which each query has
            a pool.
        hard_ranks: between which a hard negative is, by personalised PageRank from the query, in a
            catalogue of 50,000 items and more.
        hard_weight: what one of them weighs beside an easy one.
        hide_edges: do not show a step the edges between a query and its positive.
        with_id: whether items have embeddings of their own.
        cold_rate: the share of items that a step shows without it, and without neighbours; none of
            those that have nothing else, and 0 where no item has.
        popularity: the power of an item's training events that lifts its score; 0 ranks by cosine.
            A new item counts as one event.
        shrinkage: as in `Item2Vec`, to what a new item with its features would be.
        last, half_life: the latest items that make a user's vector, as in `Item2Vec`.
        seed: of walks, negatives and cold items.

    A new item is embedded by its features (`with_id` or not), and so is one that no board joins to
    another, as no query or positive ever was it; without features, both only fill lists. Users are
    the mean of their latest items (`retriever`), or go through the neighbours of each
    (`trigger_retriever`).
    """

    PUBLISHED: ClassVar[Published] = Published(
        "KDD 2018",
        {
            "next_item": True,
            "run": None,
            "board_power": 0.0,
            "neighbours": 50,
            "dim": 1024,
            "hidden": 2048,
            "normalize": False,
            "outside": True,
            "hide_edges": False,
            "with_id": False,
            "cold_rate": 0.0,
            "popularity": 0.0,
            "last": None,
            "half_life": None,
        },
    )

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        hidden: int | None = None,
        layers: int = 2,
        neighbours: int = 20,
        walks: int = 200,
        length: int = 5,
        run: int | None = RUN,
        next_item: bool = False,
        board_power: float | None = None,
        margin: float = 0.2,
        normalize: bool = True,
        negatives: int = 500,
        outside: bool | None = None,
        power: float = 0.0,
        most_hard: int | None = 6,
        hard_ranks: tuple[int, int] = RANKS,
        hard_weight: float = 1.0,
        hide_edges: bool = True,
        with_id: bool = True,
        cold_rate: float = 0.1,
        popularity: float = 0.1,
        shrinkage: float = 0.0,
        last: int | None = LAST,
        half_life: float | None = HALF_LIFE,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        for name, value in {"layers": layers, "neighbours": neighbours, "walks": walks}.items():
            whole(owner, value, name)
        whole(owner, hidden, "hidden", optional=True)
        whole(owner, length, "length")
        whole(owner, negatives, "negatives")
        whole(owner, run, "run", least=2, optional=True)
        flag(owner, next_item, "next_item")
        if next_item:
            require_next(owner, features.has_order, features.has_baskets)
        if run is not None and (features.has_baskets or not features.has_order):
            runs = "where events have timestamps, and sessions are no baskets: these are boards"
            without_effect(owner, run, RUN, "run", runs)
        number(owner, board_power, "board_power", optional=True)
        number(owner, margin, "margin", above=0)
        flag(owner, normalize, "normalize")
        self.normalize = normalize
        flag(owner, outside, "outside", optional=True)
        whole(owner, most_hard, "most_hard", least=0, optional=True)
        number(owner, most_hard, "most_hard", most=POOL, optional=True)
        check_ranks(owner, hard_ranks, "hard_ranks")
        number(owner, hard_weight, "hard_weight", above=0)
        check_nodes(owner, dim, power, with_id, hide_edges, cold_rate, seed)
        check_served(owner, features, last, half_life, popularity)
        most_hard = POOL if most_hard is None else most_hard
        if not most_hard:
            because = "where there are hard negatives"
            without_effect(owner, tuple(hard_ranks), RANKS, "hard_ranks", because)
            without_effect(owner, hard_weight, 1.0, "hard_weight", because)
        if not normalize:
            without_effect(owner, shrinkage, 0.0, "shrinkage", "on vectors of length one")
        self.top, self.walks, self.length = neighbours, walks, length
        self.neighbours_of_hops = (neighbours,) * layers
        self.run, self.next_item, self.board_power = run, next_item, board_power
        self.negatives, self.outside = negatives, outside
        self.most_hard, self.hard_ranks = most_hard, (hard_ranks[0], hard_ranks[1])
        self.popularity, self.hide_edges = popularity, hide_edges
        self.last, self.half_life = features.recency(last, half_life)
        self.proposal = PopularityNegatives(item_space.known_counts(features), power)
        self.hinge = MaxMargin(margin, hard_weight)
        self.steps = Steps(seed)
        self.important = ImportantNeighbours(features.ids("item_id").size, neighbours)
        pooled = dim if hidden is None else hidden
        convolutions = [PinSAGEConvolution(dim, pooled) for _ in range(layers)]
        self.nodes = NodeEncoder.of(
            features,
            dim,
            self.important,
            [Weighted(convolution) for convolution in convolutions],
            tf.keras.Sequential(
                [
                    tf.keras.layers.Dense(dim, "relu"),
                    tf.keras.layers.Dense(dim, use_bias=False),
                    served(normalize),
                ]
            ),
            with_id,
        )
        self.cold_rate = cold_rate_beside(owner, cold_rate, 0.1, bool(self.nodes.side))
        item = features.inputs(features.item)
        vectors = self.served(VectorsOfFeatures(self.nodes), dim, shrinkage)
        self.candidate_model = tf.keras.Model(item, vectors(item))
        self.query_model = item_space.query_model(features, vectors, self.last, self.half_life)

    def take_over(self, before, origins):
        self.important.take_over(before.important, origins["item_id"])

    def add_neighbours(self, train):
        self._add(self._graph(train))

    def _add(self, graph: sp.csr_array, seed: int = 0) -> None:
        """Gives items that have no neighbours those of this graph."""
        there = np.diff(graph.indptr)[: self.nodes.nodes] > 0
        new = np.flatnonzero(there & ~self.important.importance.numpy().any(axis=1))
        if not len(new):
            return
        found = importance_neighbours(
            ItemUserItemWalks(graph, self.nodes.nodes),
            *(self.top, self.walks, self.length, RESTART),
            seed=seed,
            nodes=new,
        )
        rows = np.maximum(found.ids, 0), found.weights
        tables = self.important.ids, self.important.importance
        for table, values in zip(tables, rows, strict=True):
            table.scatter_update(tf.IndexedSlices(values, new))

    def embedded(self, batch_size):
        return batch_size * (2 + self.most_hard) + self.negatives

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Pairs of items on one board, by walks over it, or of what a user took next; also finds
        the important neighbours, beside those that a model had before it grew."""
        if self.next_item:
            require_next(type(self).__name__, train.has_time, has_baskets(train))
        graph = self._graph(train)
        require_edges(graph)
        walks = ItemUserItemWalks(graph, self.nodes.nodes)
        if self.has_grown:
            self._add(graph, seed or 0)
        else:
            self.important.assign(
                importance_neighbours(walks, self.top, self.walks, self.length, RESTART, seed or 0)
            )
        return self._pairs(train, graph, walks, batch_size, seed, first_epoch)

    def batches_to_measure(self, interactions, batch_size):
        graph = self._graph(interactions)
        require_edges(graph)
        walks = ItemUserItemWalks(graph, self.nodes.nodes)
        return self._pairs(interactions, graph, walks, batch_size, seed=None)

    def _pairs(self, train, graph, walks, batch_size, seed, first_epoch=0) -> tf.data.Dataset:
        seed_of_walks = seed or 0
        strength = np.asarray(graph[: self.nodes.nodes].sum(axis=1)).ravel()
        if self.next_item:
            # The features say it of all data: a few events may look like baskets by chance.
            require_next(type(self).__name__, train.has_time, self.features.has_baskets)
            query, partner = taken_next(train, self.features)
        else:
            random = np.random.default_rng(seed_of_walks)
            often = strength / strength.sum()
            query = random.choice(self.nodes.nodes, len(train.events), p=often)
            partner = walked_to(walks, query, DRAWS, 1, seed_of_walks)
        hard = np.zeros((self.nodes.nodes, 1), "int32")
        if self.most_hard:
            ranks = scaled_ranks(self.hard_ranks, int(np.count_nonzero(strength)))
            pagerank = ItemPageRank(walks, RESTART, seed=seed_of_walks)
            hard = hard_pool(pagerank, ranks, POOL, seed_of_walks)
        return pair_batches(
            query.astype("int32"),
            partner,
            batch_size,
            seed,
            first_epoch,
            hard_ids=hard,
        )

    def begin(self, run):
        if self.most_hard:
            self.steps.begin(run, "How many hard negatives PinSAGE shows (most_hard)")

    def _graph(self, train: Interactions) -> sp.csr_array:
        """Items and boards, which are sessions where the features know them as baskets."""
        by_session = self.features.has_baskets and "session_id" in train.events
        board, item = boards(train, by_session, self.run)
        code = self.features.ids("item_id").encode(item)
        known = code >= FIRST_KNOWN
        board, code = board[known], code[known]
        power = self.board_power
        if power is None:
            power = -0.5 if by_session else 0.0
        weight = board_weights(board, power)
        return bipartite_graph(board, code, board.max(initial=-1) + 1, self.nodes.nodes, weight)

    def compute_loss(self, batch, training=False):
        for_easy, for_hard, for_cold = tf.unstack(tf.random.split(self.steps.next(training), 3))
        query, positive = batch["query_id"], batch["item_id"]
        easy = self._easy(tf.concat([query, positive], axis=0), for_easy)
        hard = self._hard(batch["hard_ids"], for_hard)  # [batch, hard]
        ids = tf.concat([query, positive, easy, tf.reshape(hard, [-1])], axis=0)
        nodes, position = tf.unique(ids)
        cold = self.nodes.cold(self.cold_rate if training else 0.0, for_cold)
        hidden = Hidden.of(together(query), together(positive), cold, self.hide_edges)
        vectors = tf.gather(self.nodes.embed(nodes, hidden, training=training), position)
        size = tf.shape(query)[0]
        z_query, z_positive, z_easy, z_hard = tf.split(
            vectors, [size, size, self.negatives, tf.size(hard)]
        )
        return self.hinge(
            (z_query, z_positive),
            negatives=z_easy,
            present=(easy != positive[:, tf.newaxis]) & (easy != query[:, tf.newaxis]),
            hard_negatives=tf.reshape(z_hard, [size, tf.shape(hard)[1], vectors.shape[-1]]),
            hard_present=(hard != 0)
            & (hard != positive[:, tf.newaxis])
            & (hard != query[:, tf.newaxis]),
        )

    def _easy(self, batch: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Items [easy], from outside of the batch or from all, as `outside` says."""
        share = tf.constant(self.proposal.probability, tf.float64)
        inside = tf.scatter_nd(batch[:, tf.newaxis], tf.ones_like(batch), [self.nodes.nodes]) > 0
        outside = tf.where(inside, tf.zeros([], tf.float64), share)
        leave_out = self.outside
        if leave_out is None:
            items = tf.cast(len(self.proposal.drawable), tf.float32)
            leave_out = tf.math.count_nonzero(inside, dtype=tf.float32) <= SMALL * items
        leave_out = leave_out & tf.reduce_any(outside > 0)  # else nothing could be drawn
        upper = tf.cumsum(tf.where(leave_out, outside, share))
        lots = tf.random.stateless_uniform([self.negatives], seed, dtype=tf.float64) * upper[-1]
        place = tf.searchsorted(upper, lots, side="right")
        return tf.minimum(place, self.nodes.nodes - 1)

    def _hard(self, pool: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Of each query as many of its pool as there have been epochs, without replacement."""
        count = tf.minimum(tf.cast(self.steps.epoch, tf.int32), self.most_hard)
        count = tf.minimum(count, tf.shape(pool)[1])
        lots = tf.random.stateless_uniform(tf.shape(pool), seed)
        lots = tf.where(pool != 0, lots, -1.0)  # what is there goes first
        _, place = tf.math.top_k(lots, count)
        return tf.gather(pool, place, batch_dims=1)


@saved_by_config
class Weighted(tf.keras.layers.Layer):
    """A convolution that takes its neighbours' weights as importance, and messages as neighbours:
    a node is the neighbour of many, and relu(Q h_v + q) is made once."""

    def __init__(self, convolution: PinSAGEConvolution, **kwargs):
        super().__init__(**kwargs)
        self.convolution = convolution

    def messages(self, vectors):
        if not self.convolution.built:  # its parts are called, and it is not
            nodes = vectors.shape
            build_within(self, self.convolution, (nodes, (nodes[0], None, nodes[1])))
        return self.convolution.pool(vectors)

    def call(self, nodes, weights, training=False):
        own, messages = nodes
        share = tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=1, keepdims=True))
        return self.convolution.combine(own, messages, share)

    def get_config(self):
        convolution = part_config(self.convolution)
        return {**super().get_config(), "convolution": convolution}

    @classmethod
    def from_config(cls, config):
        convolution = part_from_config(config["convolution"])
        return cls(**{**config, "convolution": convolution})
