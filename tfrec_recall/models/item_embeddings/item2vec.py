"""Item2vec: items that stand in one set, or near each other, get near vectors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import Auto, flag, flags, number, without_effect
from tfrec_recall.data.feeding.windows import Block, Columns, session_batches
from tfrec_recall.data.sequences import by_sessions, require_pairs, sequences
from tfrec_recall.features import Features, History, Wanted, ids_alone
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
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables
from tfrec_recall.models.item_embeddings.window_model import WindowModel
from tfrec_recall.models.item_embeddings.window_pairs import Noise, set_weights, window_weights
from tfrec_recall.models.item_embeddings.window_training import WindowTraining
from tfrec_recall.models.published import Other, Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.sampling import PopularityNegatives


@saved_by_config
class Item2Vec(WindowModel, ItemSpaceModel):
    """Skip-gram or CBOW with negative sampling over users' sequences of items.

    Source: "Item2Vec: Neural Item Embedding for Collaborative Filtering", 2016, section 3;
    "Distributed Representations of Words and Phrases and their Compositionality", NIPS 2013, Eq. 4
    and 5.
    Departs:
        - vectors are longer: `dim=40`.
        - contexts are near in time, and not the whole set: `window=None`.
        - all pairs count alike, where Eq. 1 divides those of a set by its size:
          `mean_over_set=True`.
        - fewer negatives a pair: `negatives=15`.
        - negatives follow the items' counts less closely: `power=0.75`.
        - negatives are drawn for a block, whose pairs expect `negatives` of them: `noise=None`.
        - neighbouring centres move at once, and others far from them: `block=1`, `lanes=1`.
        - where items are few, more of their events are kept: `threshold=1e-3`.
        - of a long set, an item has some others as its contexts in each epoch:
          `window=None`, `all_pairs=True`.
        - what an occurrence moves its row is limited: `longest_step=None`.
        - in sets without order, an item is the sum of its two vectors: `both=False`.
        - users, of whom the paper makes nothing, are their latest items, newer ones more:
          `last=None`, `half_life=None`.
        - scores are lifted where many took an item, as the vectors of those that hardly anyone took
          are far from settled: `popularity=0.0`.
        - these vectors are short, so that they come later among similar items too: `shrinkage=0.0`.

    An item is not its own context. Events without times have no order: a window then reaches over
    the sequence in another order each epoch, as over a basket, and so samples the set. Centres of
    the lanes are read side by side, as by the threads of word2vec. The paper's threshold and
    `dim` are those of its store; its artists have 1e-5 and 100.

    Args:
        features: adapted; `item_id` and a history of it.
        dim: of the vectors.
        window: the farthest context; each centre draws its own from 1 to this. None is item2vec's
            set: all items of a sequence are contexts of each other, and time means nothing.
        all_pairs: of a set of more than 257, too; otherwise an item of such a set has 256 contexts
            in each epoch, that weigh as all would. It takes the square of the set's size.
        fixed_window: all windows reach as far as `window`.
        mean_over_set: a sequence of K items counts 1 / K, as in the paper's Eq. 1, or all pairs
            alike.
        negatives: per pair.
        power: of the items' counts, by which negatives are drawn; word2vec has 0.75.
        threshold: t of the sub-sampling, a frequency: of an item with the frequency f, a share of
            sqrt(t / f) of the events is kept. None keeps all. "auto" is .001, and the items' mean
            frequency where that is more: of hundreds of items each one is frequent, and hardly an
            event would stay.
        cbow: foretell an item from the mean of its window, instead of its window from the item.
        by_session: sequences are sessions (`session_id`), and not all events of a user; by default
            where there are any. Baskets have no order, and get another one each epoch.
        gap: seconds; a longer pause ends a sequence as well.
        rate: of learning at the start; it falls in a line over `decay_epochs`, or over all epochs
            of `fit` where this is None. The optimiser given to `compile` is not used: tables change
            row by row.
        both: an item's vector is the sum of its input and output vectors, and not the input alone:
            it is near those that stand beside it, as well as near those with the same company. By
            default where events have no times, so that a history is a set.
        last: the latest items that make a user's vector.
        half_life: an item weighs half of the one this many places newer; None weighs all alike.
        popularity: the power of an item's training events that its score is multiplied with; 0
            ranks by cosine, and below 0, lists have more of what few took.
        shrinkage: of an item with n training events, n / (n + shrinkage) of the vector is its own,
            and the rest the mean vector of its `cold_by`, if there is one, each item as often as it
            has events: with few of them a vector is short, and the item comes later among similar
            items and in lists through triggers; lists of users go by directions, and `popularity`.
            0 leaves vectors at length one.
        cold_by: an item feature; an item that training never moved is the mean of the warm ones of
            its value.
        block, lanes, noise: centres of a lane, lanes of a step, and draws of noise a lane; noise
            None draws for each pair by itself.
        longest_step: the most that an occurrence moves its row; None sets no limit.
        seed: of windows, noise and sub-sampling.
    """

    PUBLISHED: ClassVar[Published] = Published(
        "2016",
        {
            "dim": 40,
            "window": None,
            "mean_over_set": True,
            "negatives": 15,
            "power": 0.75,
            "noise": None,
            "block": 1,
            "lanes": 1,
            "threshold": 1e-3,
            "all_pairs": True,
            "longest_step": None,
            "both": False,
            "last": None,
            "half_life": None,
            "popularity": 0.0,
            "shrinkage": 0.0,
        },
        epochs=20,
    )
    UNREAD: ClassVar[Unread] = {
        ("window", Other((None,), such_as=20)): ("all_pairs",),
        ("cbow", True): ("mean_over_set",),
    }
    stops_early: ClassVar[bool] = False
    reads_columns: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        window: int | None = 20,
        all_pairs: bool = False,
        fixed_window: bool = False,
        mean_over_set: bool = False,
        negatives: int = 5,
        power: float = 0.5,
        threshold: float | Auto | None = "auto",
        cbow: bool = False,
        by_session: bool | None = None,
        gap: float | None = None,
        rate: float = 0.05,
        decay_epochs: int | None = None,
        both: bool | None = None,
        last: int | None = LAST,
        half_life: float | None = HALF_LIFE,
        popularity: float = 0.1,
        shrinkage: float = 1.0,
        cold_by: str | None = None,
        block: int = 32,
        lanes: int = 16,
        noise: int | None = 64,
        longest_step: float | None = 0.5,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        check_windows(owner, dim, window, fixed_window, negatives, power, noise, longest_step)
        check_training(owner, rate, decay_epochs, block, lanes, seed)
        flags(owner, all_pairs=all_pairs, mean_over_set=mean_over_set, cbow=cbow)
        if threshold != "auto":
            number(owner, threshold, "threshold", above=0, optional=True)
        check_sequences(owner, features, by_session, gap)
        check_served(owner, features, last, half_life, popularity)
        if window is None:
            without_effect(owner, fixed_window, False, "fixed_window", "where there is a window")
        else:
            without_effect(owner, all_pairs, False, "all_pairs", "of whole sets, with window=None")
        if cbow:
            without_effect(owner, mean_over_set, False, "mean_over_set", "without cbow")
        self.window, self.fixed_window = window, fixed_window
        self.mean_over_set = mean_over_set
        self.cbow, self.by_session, self.gap = cbow, by_session, gap
        self.last, self.half_life = features.recency(last, half_life)
        self.popularity = popularity
        counts = item_space.known_counts(features)
        self.noise = Noise(PopularityNegatives(counts, power), negatives, noise)
        if threshold == "auto":
            threshold = max(1e-3, 1 / max(1, int(np.count_nonzero(counts))))
        keep = item_space.keep(counts, threshold)
        flag(owner, both, "both", optional=True)
        both = not features.has_order if both is None else both
        self.tables = VectorTables(len(counts), dim, longest_step, both=both)
        self.training = WindowTraining(keep, rate, decay_epochs, block, lanes, seed, all_pairs)
        self.cold_by = cold_by
        self.vectors = item_space.warm_or_mean(features, self.tables, cold_by)
        served = self.served(self.vectors, dim, shrinkage, cold_by)
        self.candidate_model = item_space.candidate_model(features, served, cold_by)
        self.query_model = item_space.query_model(features, served, self.last, self.half_life)

    def feature_rows(self):
        return [*super().feature_rows(), *item_space.rows_of_items(self.tables)]

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        return ids_alone([History(length=50)], columns)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Batches of `batch_size` sequences, as flat columns `item_id` and `session`.

        Any data set of such columns will do: `flatten_sessions` makes them from a Parquet stream.
        """
        in_order = self.window is not None and self.features.has_order
        owner = "A window over sequences (not window=None, the whole set)"
        events, sequence = sequences(train, self.by_session, self.gap, in_order, owner)
        require_pairs(type(self).__name__, events, sequence)
        columns = {"item_id": self.features.encodings["item_id"].encode(events["item_id"])}
        baskets = self.features.has_baskets and by_sessions(train, self.by_session)
        shuffle = self.window is not None and (baskets or not in_order)
        return session_batches(columns, sequence, batch_size, seed, first_epoch, shuffle)

    def batches_to_measure(self, interactions, batch_size):
        return self.training_data(interactions, batch_size, seed=None)  # it takes nothing

    def vectors_of(self, encoded):
        if self.cold_by is None:
            return super().vectors_of(encoded)
        vectors = self.vectors.of_all(encoded["item_id"], encoded[self.cold_by])
        return vectors if self.shrunk is None else self.shrunk.of_all(vectors, encoded)

    def weighed(self, batch: Columns) -> Columns:
        """With 1 / K of each event's sequence of K, if pairs weigh it."""
        if not self.mean_over_set:
            return batch
        ones = tf.ones_like(batch["session"], tf.float32)
        size = tf.gather(tf.math.segment_sum(ones, batch["session"]), batch["session"])
        return {**batch, "share": 1 / size}

    def learn_block(self, block: Block, rate: tf.Tensor, seed: tf.Tensor):
        for_windows, for_noise = tf.unstack(tf.random.split(seed, 2))
        centre, context = block.centre["item_id"], block.context["item_id"]
        # [lanes, block, contexts]
        if self.window is None:
            pairs = positive = set_weights(block)
        else:
            pairs = positive = window_weights(block, self.window, for_windows, self.fixed_window)
        if self.cbow:  # the window foretells its centre once
            pairs = tf.reduce_max(tf.sign(positive), axis=2, keepdims=True)
        elif self.mean_over_set:
            pairs = positive = positive * block.centre["share"][:, :, tf.newaxis]
        noise, negative = self.noise(centre, pairs, for_noise)
        learn = self.tables.learn_from_mean if self.cbow else self.tables.learn
        loss = learn(centre, context, positive, noise, negative, rate)
        return loss, tf.reduce_sum(pairs[0])
