"""EGES: random walks over the graph of items, read by a skip-gram with side information."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall.data import Interactions, has_baskets
from tfrec_recall.data.windows import Block, Columns, sequences
from tfrec_recall.features import Features, History, infer
from tfrec_recall.graph import (
    NoiseRemoval,
    RandomWalks,
    Removed,
    basket_graph,
    item_graph,
    walk_batches,
)
from tfrec_recall.models.graphs.centring import Centring
from tfrec_recall.models.graphs.side_info_vectors import SideInfoVectors
from tfrec_recall.models.item_embeddings import item_space
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel
from tfrec_recall.models.item_embeddings.window_pairs import noise_weights, window_weights
from tfrec_recall.models.item_embeddings.window_training import WindowTraining
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.sampling import PopularityNegatives

CENTRED = 2**16  # vectors at once


class EGES(ItemSpaceModel):
    """Skip-gram over random walks; an item is its id and its side information, weighted by item.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018:
    Figure 2, Algorithms 1 and 2, Eq. 6 to 8.
    Departs: edges reach the next `reach` items, and baskets are complete graphs. Negatives are
    drawn for a block of neighbouring events and weighted so that each pair expects `negatives`. An
    item is not its own context. Rows have rates of their own (`AdaptiveRows`). Some centres are
    shown without their id, so that side information learns to stand alone, as it does in a new
    item. Directions from the mean item are served (`Centring`), and scores lifted by `popularity`:
    items that hardly anyone took have the cosines of those that many did.

    Args:
        features: adapted; `item_id`, a history of it, and any side information of the items.
        side_info: "weighted" is EGES, "mean" GES, "none" BGE; None is that of the class.
        dim: of the vectors.
        walks: that begin at each item.
        length: items of a walk.
        reach: an item leads to so many that follow in a user's sequence, or in a session.
        by_session: sequences are sessions (`session_id`), and not all events of a user. None: if
            the sessions are baskets, whose items all lead to each other.
        noise_removal: what to leave out before; `removed` then says how much that was.
        window: the farthest context; each centre draws its own from 1 to this.
        negatives: per pair.
        power: of the items' counts, by which negatives are drawn.
        threshold: of sub-sampling, as in `Item2Vec`.
        rate: of learning at the start; it falls in a line over `decay_epochs`. The optimiser
            given to `compile` is not used: tables change row by row.
        cold_rate: the share of centres that are shown without their id; 0 where there is no side
            information.
        popularity: the power of an item's training events that lifts its score; 0 ranks by cosine.
            A new item counts as one event.
        last, half_life: the latest items that make a user's vector, as in `Item2Vec`.
        block, lanes, noise: centres of a lane, lanes of a step, and draws of noise a lane.
        longest_step: the most that a row moves in one block.
        seed: of windows, noise, sub-sampling and cold centres.

    A new item is the mean of its side information, and is served at once. Users are the mean of
    their latest items (`retriever`), or go through the neighbours of each (`trigger_retriever`).
    """

    stops_early: ClassVar[bool] = False
    own_side_info: ClassVar[str] = "weighted"

    def __init__(
        self,
        features: Features,
        side_info: str | None = None,
        dim: int = 64,
        walks: int = 4,
        length: int = 10,
        reach: int = 2,
        by_session: bool | None = None,
        noise_removal: NoiseRemoval | None = None,
        window: int = 5,
        negatives: int = 10,
        power: float = 0.5,
        threshold: float | None = None,
        rate: float = 0.2,
        decay_epochs: int = 40,
        cold_rate: float = 0.25,
        popularity: float = 0.3,
        last: int | None = 15,
        half_life: float | None = 4.0,
        block: int = 32,
        lanes: int = 16,
        noise: int = 64,
        longest_step: float = 0.5,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if min(walks, window, negatives, noise) < 1 or length < 2:
            raise ValueError(
                "walks, window, negatives and noise are at least 1, length at least 2. "
                f"Received: {walks=}, {window=}, {negatives=}, {noise=}, {length=}."
            )
        self.walks, self.length, self.reach, self.by_session = walks, length, reach, by_session
        if not 0 <= cold_rate < 1:
            raise ValueError(f"cold_rate is a share from 0 to below 1. Received: {cold_rate}.")
        self.noise_removal = noise_removal
        self.removed: Removed | None = None
        self.window, self.negatives, self.noise = window, negatives, noise
        self.last, self.half_life = features.recency(last, half_life)
        counts = item_space.known_counts(features)
        self.proposal = PopularityNegatives(counts, power)
        keep = item_space.keep(counts, threshold)
        side_info = self.own_side_info if side_info is None else side_info
        self.cold_rate = 0.0 if side_info == "none" else cold_rate
        self.popularity = popularity
        self.vectors = SideInfoVectors(features, dim, side_info, longest_step)
        self.training = WindowTraining(keep, rate, decay_epochs, block, lanes, seed)
        self.centring = Centring(dim)
        item = features.inputs(features.item)
        self.candidate_model = tf.keras.Model(item, self.centring(self.vectors.embed(item)))
        centred = tf.keras.Sequential([self.vectors, self.centring])
        self.query_model = item_space.query_model(features, centred, self.last, self.half_life)

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        item = infer(interactions, words=5).item
        return Features(user=[History(length=50)], item=item)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Walks over the graph of these events; see `walk_data`."""
        return self.walk_data(self.graph(train), batch_size, seed, first_epoch)

    def graph(self, train: Interactions) -> sp.csr_array:
        """Edges between encoded ids, from each item to those that follow it."""
        if self.noise_removal is not None:
            events, self.removed = self.noise_removal(train.events)
            train = train.with_events(events)
        baskets = train.has_time and has_baskets(train)
        by_session = baskets if self.by_session is None else self.by_session
        events, sequence = sequences(train, by_session)
        encoding = self.features.ids("item_id")
        item = encoding.encode(events["item_id"])
        known = item >= item_space.FIRST_KNOWN
        if baskets and by_session:
            return basket_graph(item[known], sequence[known], encoding.size)
        return item_graph(item[known], sequence[known], encoding.size, self.reach)

    def walk_data(
        self,
        graph: sp.csr_array,
        batch_size: int = BATCH_SIZE,
        seed: int | None = 0,
        first_epoch: int = 0,
    ) -> tf.data.Dataset:
        """Batches of `batch_size` walks over a graph, other walks each epoch."""
        starts = np.flatnonzero(np.diff(graph.indptr)).repeat(self.walks)
        return walk_batches(RandomWalks(graph), starts, self.length, batch_size, seed, first_epoch)

    def fit(self, x=None, *args, callbacks=None, **kwargs) -> tf.keras.callbacks.History:
        """As `Model.fit`; the mean item is learnt after each epoch, before other callbacks."""
        self.training.begin(x)
        own = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: self.centre())
        return super().fit(x, *args, callbacks=[own, *(callbacks or [])], **kwargs)

    def centre(self) -> None:
        """Learns the mean of the items' vectors as they are now, for what is served."""
        known = np.flatnonzero(item_space.known_counts(self.features))
        parts = [known[begin : begin + CENTRED] for begin in range(0, len(known), CENTRED)]
        self.centring.centre(np.concatenate([self.vectors(part).numpy() for part in parts]))

    def train_step(self, batch: Columns) -> dict[str, tf.Tensor]:
        self.mean_loss.update_state(self.training.learn(batch, self.window, self._learn))
        return {"loss": self.mean_loss.result()}

    def compute_loss(self, batch, training=False):
        """The mean loss of a pair; it measures without learning."""
        return self.training.measure(batch, self.window, self._learn)

    def _learn(self, block: Block, rate: tf.Tensor, seed: tf.Tensor):
        for_windows, for_noise, for_cold = tf.unstack(tf.random.split(seed, 3))
        centre, context = block.centre["item_id"], block.context["item_id"]
        positive = window_weights(block, self.window, for_windows)  # [lanes, block, contexts]
        pairs = tf.reduce_sum(positive, axis=2)  # [lanes, block]
        noise = self.proposal.sample([self.training.lanes, self.noise], for_noise)
        negative = noise_weights(noise, centre, pairs, self.negatives)
        cold = None
        if self.cold_rate:
            cold = tf.random.stateless_uniform(tf.shape(centre), for_cold) < self.cold_rate
        loss = self.vectors.learn(centre, context, positive, noise, negative, rate, cold)
        return loss, tf.reduce_sum(pairs[0])
