"""Matrix factorisation of ratings with biases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions, batches
from tfrec_recall.data.arguments import flag, number, whole
from tfrec_recall.data.examples import HISTORY_ONLY, NoExample, history_only, pad_runs
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Categorical, Features, Rows, Start, Wanted, ids_alone
from tfrec_recall.layers.tables import assign
from tfrec_recall.models.collaborative_filtering.arguments import encoded_pairs
from tfrec_recall.models.collaborative_filtering.factors_and_bias import (
    NUMBERS_AT_A_TIME,
    FactorsAndBias,
)
from tfrec_recall.models.collaborative_filtering.neighbour_ratings import rating_column
from tfrec_recall.models.collaborative_filtering.raters import ByFactors, ByFoldIn
from tfrec_recall.models.growing.nothing_new import telling_of_nothing
from tfrec_recall.models.published import Published
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, Retriever
from tfrec_recall.retrieval.embedders import QueryEmbedder
from tfrec_recall.retrieval.index import IndexSettings
from tfrec_recall.retrieval.tuning_queries import TuningQueries

FOLDED_AT_A_TIME = 1024  # users or items
BELOW = 10.0  # times the largest score of training: factors of users that are folded in are longer


@saved_by_config
class FunkSVD(RecallModel):
    """A rating is the mean, a bias of the user, a bias of the item, and how well the two match.

    Source: "Matrix Factorization Techniques for Recommender Systems", Computer 2009: Eq. 4 and 5,
    after S. Funk's "Netflix Update: Try This at Home", 2006.

    Departs:
        - factors and biases are kept smaller: `l2=0.02`.

    The paper takes a step for each rating, which is a batch of one, by gradient descent; λ is by
    cross-validation there, and chosen here, as is the rate. The loss is Eq. 5, so that its gradient
    is twice the paper's step.

    Args:
        features: adapted; only the two ids are used. Events need the column `rating`.
        dim: factors, F; they begin with a standard deviation of 1 / sqrt(F).
        l2: on the factors and the biases of each observed rating.
        train_biases: learn the biases; otherwise they stay what `adapt` finds: how far the mean
            rating of the user, and that of the item, is from μ; new ones' are as `update` folds
            them in.
        in_turn: of biases that are not learnt, take the user's from what the item's leaves.

    r̂ = μ + b_u + b_i + p_u · q_i ranks the items of a user as [p_u, 1] · [q_i, b_i] does, which is
    what an index searches. Users who are unknown, or known by events without a rating alone, have
    [0, 1] and get the fallback's items; such items have [0, 0] and come after all others in a list.
    """

    PUBLISHED: ClassVar[Published | None] = Published(
        "Computer 2009",
        {"l2": 0.02},
        optimizer=tf.keras.optimizers.SGD,
        learning_rate=0.0025,
        batch_size=1,
        chosen=("l2", "learning_rate"),
    )
    needs: ClassVar[tuple[str, ...]] = ("user_id", "item_id")
    learns_ratings: ClassVar[bool] = True
    reads_columns: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        l2: float = 0.1,
        train_biases: bool = True,
        in_turn: bool = False,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        whole("FunkSVD", dim, "dim")
        number("FunkSVD", l2, "l2", least=0)
        flag("FunkSVD", train_biases, "train_biases")
        flag("FunkSVD", in_turn, "in_turn")
        if in_turn and train_biases:
            raise ValueError(
                "FunkSVD takes biases in_turn where they are not learnt: train_biases=False. "
                "Received: in_turn=True, train_biases=True."
            )
        self.in_turn = in_turn
        self.dim = dim
        self.l2 = l2
        self.mean = tf.Variable(0.0, trainable=False, name="mean")
        self.range = tf.Variable([-math.inf, math.inf], trainable=False, name="range")
        users, items = features.ids("user_id").size, len(features.item_vocabulary)
        self.users = FactorsAndBias(users, dim, train_biases, name="users")
        self.items = FactorsAndBias(items, dim, train_biases, name="items")

        user = features.inputs(features.user)  # of which the id is used
        p, _ = self.users(user["user_id"])
        self.query_model = tf.keras.Model(user, tf.concat([p, tf.ones_like(p[:, :1])], axis=1))
        item = features.inputs(features.item)
        q, bias = self.items(item["item_id"])
        self.candidate_model = tf.keras.Model(item, tf.concat([q, bias[:, tf.newaxis]], axis=1))

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        return ids_alone([Categorical("user_id")], columns)

    def feature_rows(self):
        """Of factors and biases, zeros for new users and items, as unknown ones have."""
        sides = (("user_id", self.users), ("item_id", self.items))
        return [Rows(w, n, Start.zero) for n, side in sides for w in (side.factors, side.bias)]

    def looked_up(self, batch_size):
        return dict.fromkeys(("user_id", "item_id"), batch_size)

    def adapt(self, train: Interactions) -> None:
        """Takes the mean and the range of the ratings, and where factors and biases begin.

        A model that has grown keeps all of these, and takes what is new as `update` does.
        """
        user, item, rating = self._encoded(train)
        if self.has_grown and not self.is_blank:
            self._take_new(user, item, rating)
            self._draw_both(user, item)
            return
        if not self.has_learnt.numpy():
            self.users.begin(user)
            self.items.begin(item)
        else:
            self._draw_both(user, item)
        self.mean.assign(rating.mean())
        assign(self.range, [rating.min(), rating.max()])
        if not self.users.train_bias:
            left = rating - rating.mean()
            by_item = _means(item, left, len(self.features.item_vocabulary))
            assign(self.items.bias, by_item)
            left = left - by_item[item] if self.in_turn else left
            assign(self.users.bias, _means(user, left, self.users.size))

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Batches of user_id, item_id and rating; `adapt` is called on the way."""
        self.adapt(train)
        return self._batches(train, batch_size, seed, first_epoch)

    def batches_to_measure(self, interactions, batch_size):
        return self._batches(interactions, batch_size, seed=None)

    def _batches(self, train, batch_size, seed, first_epoch=0):
        columns = dict(zip(("user_id", "item_id", "rating"), self._encoded(train), strict=True))
        columns["rating"] = columns["rating"].astype("float32")
        table = {name: tf.constant(values) for name, values in columns.items()}

        def fetch(rows):
            return {name: tf.gather(values, rows) for name, values in table.items()}

        rows = len(columns["rating"])
        return batches(rows, batch_size, fetch, seed=seed, first_epoch=first_epoch, by_row=True)

    def rating(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """r̂ of encoded ids, [batch]."""
        p, of_user = self.users(user)
        q, of_item = self.items(item)
        return self.mean + of_user + of_item + tf.reduce_sum(p * q, axis=-1)

    def compute_loss(self, batch, training=False):
        p, of_user = self.users(batch["user_id"])
        q, of_item = self.items(batch["item_id"])
        match = tf.reduce_sum(p * q, axis=-1)
        error = batch["rating"] - (self.mean + of_user + of_item + match)
        size = tf.reduce_sum(p * p + q * q, axis=-1) + of_user**2 + of_item**2
        losses = error**2 + self.l2 * size  # [batch], which may be empty
        return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype))

    def predict_ratings(self, pairs: pd.DataFrame) -> np.ndarray:
        """r̂ of the columns user_id and item_id, within the range of the training ratings."""
        self.tell_if_untrained()
        user, item = encoded_pairs("FunkSVD", self.features, pairs)
        return self.within_range(self.rating(tf.constant(user), tf.constant(item))).numpy()

    def within_range(self, rating: tf.Tensor) -> tf.Tensor:
        """No lower and no higher than a training rating."""
        return tf.clip_by_value(rating, self.range[0], self.range[1])

    @property
    def is_blank(self) -> bool:
        return not np.isfinite(self.range.numpy()).all()  # it knows of no ratings

    def retriever(
        self,
        items: pd.DataFrame,
        index=None,
        k: int = 100,
        seed: int = 0,
        tuning_queries: TuningQueries = None,
    ) -> Retriever:
        """As of any model, and with the ratings of known users, `predict_rating`.

        Raises: ValueError before any rating was learnt.
        """
        retriever = super().retriever(items, index, k, seed, tuning_queries)
        return retriever.with_ratings(ByFactors(self))

    def bias_of(self, items):
        rated = self.items.factors.numpy().any(axis=1)
        rated[:FIRST_KNOWN] = False
        new = ~rated[self.features.ids("item_id").encode(items["item_id"])]
        if not new.any():
            return None
        p, q = (np.linalg.norm(s.factors.numpy(), axis=1).max() for s in (self.users, self.items))
        largest = 1.0 + p * q + np.abs(self.items.bias.numpy()).max()
        return np.where(new, -BELOW * largest, 0.0)

    def query_embedder(self) -> QueryEmbedder:
        return RatedUsers(self.features, self.query_model)

    @property
    def history_needed(self):
        return 20  # ratings; of a user who is new all are there

    def update(self, recent, epochs=2, batch_size=BATCH_SIZE, seed=0):
        """Folds new users and items in by their ratings, and learns on from there; of those that
        have rated each other alone, from random factors.

        The mean and what biases begin with stay, and the range may widen.
        """
        with telling_of_nothing("FunkSVD"):
            data = self._batches(recent.to_learn, batch_size, seed)
            user, item, rating = self._encoded(recent.interactions)
            self._take_new(user, item, rating)
            user, item, _ = self._encoded(recent.to_learn)
            self._draw_both(user, item)
            self.learn_on(data, epochs)

    def _take_new(self, user: np.ndarray, item: np.ndarray, rating: np.ndarray) -> None:
        """Widens the range by new ratings, and folds in whom these are the first of."""
        low, high = self.range.numpy()
        assign(self.range, [min(low, rating.min()), max(high, rating.max())])
        self._fold_in_rows(self.users, self.items, user, item, rating)
        self._fold_in_rows(self.items, self.users, item, user, rating)
        # Once more, for users of whose items none had factors until now.
        self._fold_in_rows(self.users, self.items, user, item, rating)

    def _draw_both(self, user: np.ndarray, item: np.ndarray) -> None:
        """Random factors for both sides of a rating that are zeros: each's gradient is the other's
        factors, so that they would stay zeros."""
        both = self.users.are_zeros(user) & self.items.are_zeros(item)
        self.users.draw(user[both])
        self.items.draw(item[both])

    def _fold_in_rows(self, own: FactorsAndBias, other: FactorsAndBias, row, column, rating):
        """Gives rows that are zeros what their ratings of the other side say."""
        use = own.are_zeros(row) & ~other.are_zeros(column)
        row, column, rating = row[use], column[use], rating[use]
        order = np.argsort(row, kind="stable")
        row, column, rating = row[order], column[order], rating[order].astype("float32")
        found = np.unique(row, return_index=True, return_counts=True)
        by_count = np.argsort(found[2], kind="stable")
        rows, starts, counts = (one[by_count] for one in found)
        most = max(1, NUMBERS_AT_A_TIME // (self.dim + 1))
        for some in _blocks(counts, most):
            system = [0.0, 0.0, 0.0]
            longest = int(counts[some].max())
            for first in range(0, longest, most):  # once, but for a row that is longer alone
                begin, length = starts[some] + first, min(most, longest - first)
                end = np.minimum(starts[some] + counts[some], begin + length)
                ids = tf.constant(pad_runs(column, begin, end, length))
                values = tf.constant(pad_runs(rating, begin, end, length))
                part = self._system(other, ids, values)
                system = [before + more for before, more in zip(system, part, strict=True)]
            p, b = self._solved(*system)
            own.factors.scatter_update(tf.IndexedSlices(p, rows[some]))
            # p is what the bias leaves, learnt or not: neither means anything without the other.
            own.bias.scatter_update(tf.IndexedSlices(b, rows[some]))

    def fold_in(self, items: tf.Tensor, ratings: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Factors and bias of users by their ratings alone: the least of their part of the loss.

        With the items fixed, that is a ridge regression of r - μ - b_i on [q_i, 1], whose penalty
        is l2 times the number of ratings.

        Args:
            items: encoded ids [batch, ratings]; padding and unknown items do not count.
            ratings: float32 [batch, ratings].

        Returns: p [batch, dim] and b [batch]; zeros where no rating counts.
        """
        return self._ridge(self.items, items, ratings)

    def _ridge(self, side: FactorsAndBias, items, ratings):
        """`fold_in` by the factors of either side."""
        return self._solved(*self._system(side, items, ratings))

    def _system(self, side: FactorsAndBias, items, ratings):
        """What of the regression is a sum over ratings: XᵀX [batch, dim + 1, dim + 1], Xᵀy [batch,
        dim + 1, 1] and their number [batch]."""
        q, of_item = side(items)  # [batch, ratings, dim], [batch, ratings]
        counts = (items >= FIRST_KNOWN) & tf.math.is_finite(ratings)
        x = tf.concat([q, tf.ones_like(q[..., :1])], axis=-1)
        x = tf.where(counts[..., tf.newaxis], x, 0.0)
        y = tf.where(counts, ratings - self.mean - of_item, 0.0)
        number = tf.reduce_sum(tf.cast(counts, tf.float32), axis=1)
        gram = tf.matmul(x, x, transpose_a=True)
        return gram, tf.matmul(x, y[..., tf.newaxis], transpose_a=True), number

    def _solved(self, gram, right, number):
        # A user without ratings has a system of zeros: any ridge above 0 gives the answer 0.
        ridge = tf.where(number > 0, self.l2 * number, 1.0) + 1e-6
        gram += ridge[:, tf.newaxis, tf.newaxis] * tf.eye(self.dim + 1)
        solved = tf.linalg.solve(gram, right)
        return solved[:, :-1, 0], solved[:, -1, 0]

    @of_kinds
    def fold_in_retriever(
        self,
        items: pd.DataFrame,
        index: IndexSettings | None = None,
        k: int = 100,
        seed: int = 0,
        tuning_queries: TuningQueries = None,
    ) -> Retriever:
        """As `retriever`, for users who send `history` and `history_rating` instead of an id."""
        fold_in = FoldIn(self)
        retriever = EmbeddingRetriever(
            query_embedder=fold_in,
            item_ids=items["item_id"].to_numpy(),
            vectors=self.embed_items(items),
            index=index or Exact(),
            k=k,
            tuning_queries=tuning_queries,
            bias=self.bias_of(items),
            seed=seed,
        )
        retriever.with_fallback(self.popularity_of(items))
        return retriever.with_ratings(ByFoldIn(fold_in))

    def _encoded(self, train: Interactions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """User, item and rating of the events whose ids are known; NoExample if there is none."""
        rating = rating_column(train.events, "FunkSVD")
        user = self.features.ids("user_id").encode(train.events["user_id"])
        item = self.features.ids("item_id").encode(train.events["item_id"])
        rated = (user >= FIRST_KNOWN) & (item >= FIRST_KNOWN) & np.isfinite(rating)
        if HISTORY_ONLY in train.events:
            rated &= ~history_only(train.events)
        if not rated.any():
            raise NoExample(
                "FunkSVD learns from events with a rating whose user and item are known. "
                f"Received: {len(rated):,} events, none such that is more than history."
            )
        return user[rated], item[rated], rating[rated]


def _blocks(counts: np.ndarray, most: int) -> Iterator[slice]:
    """Rows that are folded in at once: they have `most` ratings, padded, or are one.

    Args:
        counts: the rows' numbers of ratings, rising.
    """
    first = 0
    while first < len(counts):
        some = counts[first : first + FOLDED_AT_A_TIME]
        padded = np.arange(1, len(some) + 1) * some
        end = first + max(1, int(np.searchsorted(padded, most, side="right")))
        yield slice(first, end)
        first = end


class RatedUsers(QueryEmbedder):
    """Raw user ids to query vectors [p, 1]; nothing is known of who has no rating."""

    def knows(self, raw):
        return tf.reduce_any(self(raw)[:, :-1] != 0, axis=1)


class FoldIn(tf.Module):
    """Raw histories with ratings to query vectors [p, 1]; `inputs` says how they are called."""

    def __init__(self, model: FunkSVD):
        super().__init__()
        encoding = model.features.ids("item_id")
        self.model = model
        self.lookup = encoding.graph()
        self.inputs = {
            "history": tf.TensorSpec([None, None], encoding.raw_dtype, "history"),
            "history_rating": tf.TensorSpec([None, None], tf.float32, "history_rating"),
        }

    def knows(self, raw):
        """Which histories rate an item that is known, bool [batch]."""
        known = self.lookup(raw["history"]) >= FIRST_KNOWN
        return tf.reduce_any(known & tf.math.is_finite(raw["history_rating"]), axis=1)

    def factors(self, raw):
        """p [batch, dim] and b [batch] of raw histories."""
        return self.model.fold_in(self.lookup(raw["history"]), raw["history_rating"])

    def __call__(self, raw):
        p, _ = self.factors(raw)
        return tf.concat([p, tf.ones_like(p[:, :1])], axis=1)


def _means(ids: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    sums, counts = np.bincount(ids, values, size), np.bincount(ids, minlength=size)
    return sums / np.maximum(counts, 1)
