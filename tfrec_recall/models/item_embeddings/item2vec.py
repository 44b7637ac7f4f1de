"""Item2vec: items that stand in one set, or near each other, get near vectors."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from tfrec_recall.data import Interactions, has_baskets
from tfrec_recall.data.windows import (
    Block,
    Columns,
    sequences,
    session_batches,
)
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models.item_embeddings import item_space
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables
from tfrec_recall.models.item_embeddings.window_pairs import noise_weights, window_weights
from tfrec_recall.models.item_embeddings.window_training import WindowTraining
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.sampling import PopularityNegatives


class Item2Vec(ItemSpaceModel):
    """Skip-gram or CBOW with negative sampling over users' sequences of items.

    Source: "Item2Vec: Neural Item Embedding for Collaborative Filtering", 2016, section 3;
    "Distributed Representations of Words and Phrases and their Compositionality", NIPS 2013, Eq. 4
    and 5.
    Departs: negatives are drawn for a block of neighbouring events and weighted so that each pair
    expects `negatives`; a row moves by at most `longest_step` for one block. An item is not its own
    context.

    Args:
        features: adapted; `item_id` and a history of it.
        dim: of the vectors.
        window: the farthest context; each centre draws its own from 1 to this. None is item2vec's
            set: all items of a sequence are contexts of each other, and time means nothing.
        negatives: per pair.
        power: of the items' counts, by which negatives are drawn; word2vec has 0.75.
        threshold: t of the sub-sampling, a frequency: of an item with the frequency f, a share of
            sqrt(t / f) of the events is kept. None keeps all.
        cbow: foretell an item from the mean of its window, instead of its window from the item.
        by_session: sequences are sessions (`session_id`), and not all events of a user. None: if
            the sessions are baskets. Baskets have no order, and get another one each epoch.
        rate: of learning at the start; it falls in a line over `decay_epochs`. The optimiser
            given to `compile` is not used: tables change row by row.
        last: the latest items that make a user's vector.
        half_life: an item weighs half of the one this many places newer; None weighs all alike.
        cold_by: an item feature; an item without events is the mean of the warm ones of its value.
        block, lanes, noise: centres of a lane, lanes of a step, and draws of noise a lane.
        longest_step: the most a row moves for one block.
        seed: of windows, noise and sub-sampling.
    """

    stops_early: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        window: int | None = 20,
        negatives: int = 5,
        power: float = 0.5,
        threshold: float | None = 1e-3,
        cbow: bool = False,
        by_session: bool | None = None,
        rate: float = 0.05,
        decay_epochs: int = 40,
        last: int | None = 15,
        half_life: float | None = 4.0,
        cold_by: str | None = None,
        block: int = 32,
        lanes: int = 16,
        noise: int = 64,
        longest_step: float = 0.5,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if (window is not None and window < 1) or negatives < 1 or noise < 1:
            raise ValueError(
                "window (unless None), negatives and noise are at least 1. "
                f"Received: {window=}, {negatives=}, {noise=}."
            )
        self.window, self.negatives, self.noise = window, negatives, noise
        self.cbow, self.by_session = cbow, by_session
        self.last, self.half_life = features.recency(last, half_life)
        counts = item_space.known_counts(features)
        self.proposal = PopularityNegatives(counts, power)
        keep = item_space.keep(counts, threshold)
        self.tables = VectorTables(len(counts), dim, longest_step)
        self.training = WindowTraining(keep, rate, decay_epochs, block, lanes, seed)
        self.candidate_model = item_space.candidate_model(features, self.tables, cold_by)
        self.query_model = item_space.query_model(features, self.tables, self.last, self.half_life)

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        return Features(user=[History(length=50)], item=[Categorical("item_id")])

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Batches of `batch_size` sequences, as flat columns `item_id` and `session`.

        Any data set of such columns will do: `flatten_sessions` makes them from a Parquet stream.
        """
        baskets = train.has_time and has_baskets(train)
        by_session = baskets if self.by_session is None else self.by_session
        events, sequence = sequences(train, by_session, ordered=self.window is not None)
        columns = {"item_id": self.features.encodings["item_id"].encode(events["item_id"])}
        shuffle = self.window is not None and baskets and by_session
        return session_batches(columns, sequence, batch_size, seed, first_epoch, shuffle)

    def fit(self, x=None, *args, **kwargs) -> tf.keras.callbacks.History:
        self.training.begin(x)
        return super().fit(x, *args, **kwargs)

    def train_step(self, batch: Columns) -> dict[str, tf.Tensor]:
        self.mean_loss.update_state(self.training.learn(batch, self._reach(batch), self._learn))
        return {"loss": self.mean_loss.result()}

    def compute_loss(self, batch, training=False):
        """The mean loss of a pair; it measures without learning."""
        return self.training.measure(batch, self._reach(batch), self._learn)

    def _reach(self, batch: Columns) -> int | tf.Tensor:
        """The farthest context: the window, or as far as the longest sequence goes."""
        if self.window is not None:
            return self.window
        lengths = tf.math.segment_sum(tf.ones_like(batch["session"]), batch["session"])
        return tf.maximum(1, tf.reduce_max(tf.concat([lengths, [0]], axis=0)) - 1)

    def _learn(self, block: Block, rate: tf.Tensor, seed: tf.Tensor):
        for_windows, for_noise = tf.unstack(tf.random.split(seed, 2))
        centre, context = block.centre["item_id"], block.context["item_id"]
        positive = window_weights(block, self.window, for_windows)  # [lanes, block, contexts]
        pairs = tf.reduce_sum(positive, axis=2)  # [lanes, block]
        if self.cbow:
            pairs = tf.minimum(pairs, 1.0)  # the window foretells its centre once
        noise = self.proposal.sample([self.training.lanes, self.noise], for_noise)
        negative = noise_weights(noise, centre, pairs, self.negatives)
        learn = self.tables.learn_from_mean if self.cbow else self.tables.learn
        loss = learn(centre, context, positive, noise, negative, rate)
        return loss, tf.reduce_sum(pairs[0])
