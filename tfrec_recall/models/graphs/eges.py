"""EGES: random walks over the graph of items, read by a skip-gram with side information."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import flags, kind, number, whole
from tfrec_recall.data.feeding.windows import Block
from tfrec_recall.features import Features, History, Wanted, infer
from tfrec_recall.graph import NoiseRemoval, RandomWalks, Removed, walk_batches
from tfrec_recall.layers import L2Normalization
from tfrec_recall.models.graphs.arguments import cold_rate_beside, require_edges
from tfrec_recall.models.graphs.centring import Centring
from tfrec_recall.models.graphs.sequence_graph import joined, require_joined, tell_of_sets
from tfrec_recall.models.graphs.side_info_vectors import Directed, SideInfoVectors
from tfrec_recall.models.item_embeddings import item_space
from tfrec_recall.models.item_embeddings.arguments import (
    HALF_LIFE,
    LAST,
    check_sequences,
    check_served,
    check_training,
    check_windows,
)
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel
from tfrec_recall.models.item_embeddings.window_model import WHOLE_SETS, WindowModel
from tfrec_recall.models.item_embeddings.window_pairs import Noise, window_weights
from tfrec_recall.models.item_embeddings.window_training import WindowTraining
from tfrec_recall.models.published import Published
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.sampling import PopularityNegatives

REACH = 2  # items that one leads to, where a model is not told
CENTRED = 2**16  # vectors at once


@saved_by_config
class EGES(WindowModel, ItemSpaceModel):
    """Skip-gram over random walks; an item is its id and its side information, weighted by item.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018:
    Figure 2, Algorithms 1 and 2, Eq. 6 to 8.
    Departs:
        - edges reach the items that follow next and after that: `reach=1`.
        - a user's events are one sequence where there are no sessions, and not cut by pauses of an
          hour: `gap=3600.0`.
        - vectors are shorter: `dim=160`.
        - fewer walks from an item: `walks=20`.
        - each centre draws how far its window reaches: `fixed_window=True`.
        - fewer negatives a pair: `negatives=20`.
        - negatives follow the items' counts less closely than word2vec's: `power=0.75`.
        - negatives are drawn for a block, whose pairs expect `negatives` of them: `noise=None`.
        - neighbouring centres move at once, and others far from them: `block=1`, `lanes=1`.
        - rows have rates of their own (`AdaptiveRows`), and the first one is higher:
          `adaptive_rows=False`, `rate=0.025`.
        - what a row moves is limited: `longest_step=None`.
        - some centres are shown without their id, so that side information learns to stand alone,
          as it does in a new item: `cold_rate=0.0`.
        - directions from the mean item are served (`Centring`): `centring=False`.
        - scores are lifted where many took an item, as those that hardly anyone took have the
          same cosines: `popularity=0.0`.
        - vectors of those are short, so that they come later among similar items too:
          `shrinkage=0.0`.
        - users, of whom the paper makes nothing, are their latest items, newer ones more:
          `last=None`, `half_life=None`.

    What section 3.2 leaves out of the log of Taobao, clicks shorter than a second and users with
    more than 3,500, `noise_removal` leaves out of one that has such. Baskets, which have no order,
    are complete graphs, and where events have no times so are all items of a user, or of a session:
    in a set of n each weighs 1 / n for each other one, so that a large set does not outweigh the
    small ones, and `reach` means nothing. The paper's form ends sequences at pauses, and refuses
    such events. An item is not its own context.

    Args:
        features: adapted; `item_id`, a history of it, and any side information of the items.
        side_info: "weighted" is EGES, "mean" GES, "none" BGE; None is that of the class.
        dim: of the vectors.
        walks: that begin at each item.
        length: items of a walk.
        reach: an item leads to so many that follow in a user's sequence, or in a session; no
            matter in a set.
        by_session: sequences are sessions (`session_id`), and not all events of a user; by default
            where there are any. The items of a basket all lead to each other.
        gap: seconds; a longer pause ends a sequence as well. It needs times.
        noise_removal: what to leave out before; `removed` then says how much that was.
        window: the farthest context; each centre draws its own from 1 to this.
        fixed_window: all windows reach as far as `window`.
        negatives: per pair.
        power: of the items' counts, by which negatives are drawn.
        threshold: of sub-sampling, as in `Item2Vec`.
        rate: of learning at the start; it falls in a line over `decay_epochs`, or over all epochs
            of `fit` where this is None. The optimiser given to `compile` is not used: tables change
            row by row.
        cold_rate: the share of centres that are shown without their id; none of those that have
            no side information, and 0 where no item has any.
        popularity: the power of an item's training events that lifts its score; 0 ranks by cosine.
            A new item counts as one event.
        shrinkage: as in `Item2Vec`, to what a new item with its side information would be.
        last, half_life: the latest items that make a user's vector, as in `Item2Vec`.
        block, lanes, noise: centres of a lane, lanes of a step, and draws of noise a lane.
        adaptive_rows: whether rows have rates of their own, or all of them `rate`.
        centring: serve directions from the mean item, and not from the origin.
        longest_step: the most that a row moves in one block; None sets no limit.
        seed: of windows, noise, sub-sampling and cold centres.

    A new item is the mean of its side information, and is served at once. Users are the mean of
    their latest items (`retriever`), or go through the neighbours of each (`trigger_retriever`).
    """

    PUBLISHED: ClassVar[Published] = Published(
        "KDD 2018",
        {
            "reach": 1,
            "gap": 3600.0,
            "dim": 160,
            "walks": 20,
            "fixed_window": True,
            "negatives": 20,
            "power": 0.75,
            "noise": None,
            "block": 1,
            "lanes": 1,
            "adaptive_rows": False,
            "rate": 0.025,
            "longest_step": None,
            "cold_rate": 0.0,
            "centring": False,
            "popularity": 0.0,
            "shrinkage": 0.0,
            "last": None,
            "half_life": None,
        },
    )
    stops_early: ClassVar[bool] = False
    own_side_info: ClassVar[str] = "weighted"

    def __init__(
        self,
        features: Features,
        side_info: str | None = None,
        dim: int = 64,
        walks: int = 4,
        length: int = 10,
        reach: int = REACH,
        by_session: bool | None = None,
        gap: float | None = None,
        noise_removal: NoiseRemoval | None = None,
        window: int = 5,
        fixed_window: bool = False,
        negatives: int = 10,
        power: float = 0.5,
        threshold: float | None = None,
        rate: float = 0.2,
        decay_epochs: int | None = None,
        cold_rate: float = 0.25,
        popularity: float = 0.3,
        shrinkage: float = 1.0,
        last: int | None = LAST,
        half_life: float | None = HALF_LIFE,
        block: int = 32,
        lanes: int = 16,
        noise: int | None = 64,
        adaptive_rows: bool = True,
        centring: bool = True,
        longest_step: float | None = 0.5,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        whole(owner, window, "window")
        check_windows(owner, dim, window, fixed_window, negatives, power, noise, longest_step)
        check_training(owner, rate, decay_epochs, block, lanes, seed)
        flags(owner, adaptive_rows=adaptive_rows, centring=centring)
        whole(owner, walks, "walks")
        whole(owner, length, "length", least=2)
        whole(owner, reach, "reach")
        number(owner, threshold, "threshold", above=0, optional=True)
        number(owner, cold_rate, "cold_rate", least=0, below=1)
        check_sequences(owner, features, by_session, gap)
        check_served(owner, features, last, half_life, popularity)
        kind(owner, noise_removal, "noise_removal", NoiseRemoval, "NoiseRemoval(…)")
        self.walks, self.length, self.reach = walks, length, reach
        self.by_session, self.gap = by_session, gap
        self.noise_removal = noise_removal
        self.removed: Removed | None = None
        self.window, self.fixed_window = window, fixed_window
        self.last, self.half_life = features.recency(last, half_life)
        counts = item_space.known_counts(features)
        self.noise = Noise(PopularityNegatives(counts, power), negatives, noise)
        keep = item_space.keep(counts, threshold)
        side_info = self.own_side_info if side_info is None else side_info
        beside_id = side_info != "none" and len(features.item) > 1
        self.cold_rate = cold_rate_beside(owner, cold_rate, 0.25, beside_id)
        self.popularity = popularity
        self.vectors = SideInfoVectors.of(features, dim, side_info, longest_step, adaptive_rows)
        self.training = WindowTraining(keep, rate, decay_epochs, block, lanes, seed)
        self.centring = Centring(dim) if centring else None
        unit = L2Normalization(dtype="float32")
        served = self.served(Directed(self.vectors, self.centring or unit), dim, shrinkage)
        item = features.inputs(features.item)
        self.candidate_model = tf.keras.Model(item, served(item))
        self.query_model = item_space.query_model(features, served, self.last, self.half_life)

    def feature_rows(self):
        return [*super().feature_rows(), *self.vectors.rows_of_features()]

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        found = infer(interactions, words=5, columns=columns, of_users=False)
        return Features([History(length=50)], found.item, left_out=found.left_out)

    @property
    def history_needed(self):
        """As far as edges reach, and of whole sets their most recent part."""
        return max(self.reach, self.window) if self.features.has_order else WHOLE_SETS

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Walks over the graph of these events; see `walk_data`."""
        tell_of_sets(self, REACH)
        return self._walks(train, self.graph(train), batch_size, seed, first_epoch)

    def batches_to_measure(self, interactions, batch_size):
        graph, _ = self._graph(interactions)
        return self._walks(interactions, graph, batch_size, seed=None)

    def _walks(self, train, graph, batch_size, seed, first_epoch=0) -> tf.data.Dataset:
        require_joined(self, graph, train)
        return self.walk_data(graph, batch_size, seed, first_epoch)

    def graph(self, train: Interactions) -> sp.csr_array:
        """Edges between encoded ids, from each item to those that follow it, or of its set."""
        graph, self.removed = self._graph(train)
        return graph

    def _graph(self, train: Interactions) -> tuple[sp.csr_array, Removed | None]:
        removed = None
        if self.noise_removal is not None:
            events, removed = self.noise_removal(train.events)
            train = train.with_events(events)
        return joined(self, train), removed

    def walk_data(
        self,
        graph: sp.csr_array,
        batch_size: int = BATCH_SIZE,
        seed: int | None = 0,
        first_epoch: int = 0,
    ) -> tf.data.Dataset:
        """Batches of `batch_size` walks over a graph, other walks each epoch."""
        require_edges(graph)
        starts = np.flatnonzero(np.diff(graph.indptr)).repeat(self.walks)
        return walk_batches(RandomWalks(graph), starts, self.length, batch_size, seed, first_epoch)

    def settle(self):
        """The mean item too, from which directions are."""
        self.centre()
        super().settle()

    def centre(self) -> None:
        """Learns the mean of the items' vectors as they are now, for what is served."""
        if self.centring is None:
            return
        known = np.flatnonzero(item_space.known_counts(self.features))
        parts = [known[begin : begin + CENTRED] for begin in range(0, len(known), CENTRED)]
        self.centring.centre(np.concatenate([self.vectors(part).numpy() for part in parts]))

    def learn_block(self, block: Block, rate: tf.Tensor, seed: tf.Tensor):
        for_windows, for_noise, for_cold = tf.unstack(tf.random.split(seed, 3))
        centre, context = block.centre["item_id"], block.context["item_id"]
        # [lanes, block, contexts]
        positive = window_weights(block, self.window, for_windows, self.fixed_window)
        noise, negative = self.noise(centre, positive, for_noise)
        cold = None
        if self.cold_rate:
            cold = tf.random.stateless_uniform(tf.shape(centre), for_cold) < self.cold_rate
        loss = self.vectors.learn(centre, context, positive, noise, negative, rate, cold)
        return loss, tf.reduce_sum(positive[0])
