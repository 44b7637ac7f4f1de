"""Item-based collaborative filtering."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions, Recent, Vocabulary, chronological
from tfrec_recall.data.arguments import Auto, flags, whole, without_effect
from tfrec_recall.data.memory import check_table
from tfrec_recall.data.notices import tell
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Categorical, Features, History, Rows, Start, Wanted, ids_alone
from tfrec_recall.graph import (
    Cosine,
    Similarity,
    interaction_matrix,
    nearby_neighbours,
    neighbours,
)
from tfrec_recall.graph.similarity import Totals, column_sizes
from tfrec_recall.models.collaborative_filtering.arguments import (
    check_foretelling,
    encoded_pairs,
    half_life_of,
    last_of,
    nearby_of,
    similarity_of,
)
from tfrec_recall.models.collaborative_filtering.co_counts import CoCounts
from tfrec_recall.models.collaborative_filtering.counted import Counted, number_of
from tfrec_recall.models.collaborative_filtering.given_neighbours import given_neighbours
from tfrec_recall.models.collaborative_filtering.neighbour_ratings import (
    NeighbourRatings,
    RatedPairs,
    rating_column,
)
from tfrec_recall.models.collaborative_filtering.raters import ByItems
from tfrec_recall.models.growing.growth import forget
from tfrec_recall.models.growing.nothing_new import telling_of_nothing
from tfrec_recall.models.one_pass_model import OnePassModel
from tfrec_recall.models.published import Other, Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.retrieval import NeighbourRetriever, RatingRetriever
from tfrec_recall.retrieval.tuning_queries import TuningQueries
from tfrec_recall.retrieval.unsearched import tell_unsearched


class Best(NamedTuple):
    """Settings by the kind of data."""

    neighbours: int
    alpha: float
    active_penalty: bool | float
    half_life: float = 0.0  # where events have a time
    nearby: float | None = None


OF_EVENTS = Best(neighbours=200, alpha=0.3, active_penalty=True, half_life=3.0, nearby=5.0)
OF_SETS = Best(neighbours=400, alpha=0.3, active_penalty=0.5)
OF_BASKETS = Best(neighbours=25, alpha=0.5, active_penalty=True, half_life=30.0)


@saved_by_config
class ItemCF(OnePassModel):
    """Users get the items like those of their history; items are alike that share users.

    Source: "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001, section 3;
    "Item-Based Top-N Recommendation Algorithms", TOIS 2004, section 4 (normalised rows).
    Departs:
        - two events of a user make their items alike by how near they are: `nearby=None`.
        - users with many events say less of each: `active_penalty=False`.
        - the events of the history count by recency: `half_life=None`.
        - how much popular items are penalised, and how many neighbours there are, is by the kind of
          data: `alpha=0.5`, `neighbours=20`.
        - rows are not normalised: `normalize=True`, `by_sum=True`.

    The plain form is that of TOIS 2004, which needs no ratings. That of WWW 2001, whose ratings are
    weighted sums of those that the user gave to the 30 most correlated items, is
    `ItemCF(features, ratings=True, similarity=Pearson(minimum_overlap=2), neighbours=30,
    by_rating=True, centred=False, half_life=None)`.

    Args:
        features: adapted; only ids and the history are used, whatever its length.
        neighbours: kept of each item.
        alpha: of the popularity penalty, see `CoCount`; 0.5 is the cosine of sets.
        active_penalty: users with many events say less of each, as in `CoCount`.
        shrinkage: towards 0 for items with few users in common.
        similarity: another one instead, such as `Cosine()`, `Jaccard()` or `Pearson()`.
        normalize: each item's best neighbour has the weight 1, so that all of the history's items
            have the same say.
        by_sum: of rows that are normalised, all neighbours have the weight 1 together, as in TOIS
            2004; the best one has it in textbooks after that.
        half_life: in events, of what an event of the history counts; None counts all alike.
        last: only the latest events of the history count; None takes all.
        nearby: in events, the half-life of the distance at which two events of a user still make
            their items alike; None lets all of a user's events do so. It belongs to co-counts:
            other similarities, ratings, baskets and events without time have no distance. A user
            counts once for two items, by the events of them that are nearest to each other.
        ratings: take the events' column `rating` as values, for `Cosine`, `Pearson` and
            `predict_ratings`; events without a rating are then left out. Without, every event is
            a 1.
        by_rating: rank lists by the rating foretold from those that the request sends of an item's
            neighbours, in `history_rating`.
        centred: foretell ratings around the items' means.

    It learns in one pass, with `adapt` or with `fit` on the training interactions.

    "auto" is by the kind of data. Events in time: `OF_EVENTS` (recall@50 on validation .502 on
    MovieLens-100k and .105 on Beauty, and .493 and .088 with normalised cosines, `nearby=10` and a
    half-life of 4). Events without time, whose histories are sets: `OF_SETS` (recall@20 on Gowalla
    .217, and .189 with normalised cosines of which users count 1 / ln(1 + n)). Baskets:
    `OF_BASKETS` (recall@50 on Online Retail .196). `nearby` and the half-life are None where events
    have no time, and `nearby` beside another similarity or ratings. More neighbours help a little,
    for as much more memory.
    """

    PUBLISHED: ClassVar[Published | None] = Published(
        "TOIS 2004",
        {
            "nearby": None,
            "alpha": 0.5,
            "active_penalty": False,
            "half_life": None,
            "normalize": True,
            "by_sum": True,
            "neighbours": 20,
        },
    )
    UNREAD: ClassVar[Unread] = {
        ("similarity", Other((None,), such_as=Cosine())): ("alpha", "active_penalty"),
        ("by_rating", True): ("normalize", "by_sum"),
        ("normalize", False): ("by_sum",),
    }
    needs: ClassVar[tuple[str, ...]] = ("user_id", "item_id", "history")
    reads_columns: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
        neighbours: int | Auto = "auto",
        alpha: float | Auto = "auto",
        active_penalty: bool | float | Auto = "auto",
        shrinkage: float = 0.0,
        similarity: Similarity | None = None,
        normalize: bool = False,
        by_sum: bool = False,
        half_life: float | Auto | None = "auto",
        last: int | None = None,
        nearby: float | Auto | None = "auto",
        ratings: bool = False,
        by_rating: bool = False,
        centred: bool = True,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        features.require_adapted()
        best = OF_EVENTS if features.has_order else OF_SETS
        if features.has_baskets:
            best = OF_BASKETS
        count = best.neighbours if neighbours == "auto" else neighbours
        whole(owner, count, "neighbours")
        self.neighbours = count
        flags(owner, normalize=normalize, by_sum=by_sum, centred=centred)
        flags(owner, ratings=ratings, by_rating=by_rating)
        if not normalize:
            without_effect(owner, by_sum, False, "by_sum", "of rows that it normalizes")
        is_set = (alpha, active_penalty, shrinkage) != ("auto", "auto", 0.0)
        own = {
            "alpha": best.alpha if alpha == "auto" else alpha,
            "active_penalty": best.active_penalty if active_penalty == "auto" else active_penalty,
        }
        self.alpha = own["alpha"]
        self.similarity = similarity_of(owner, similarity, is_set, **own, shrinkage=shrinkage)
        check_foretelling(owner, ratings, by_rating, centred)
        if by_rating and normalize:
            raise ValueError(
                f"{owner} divides by the sum of the weights to foretell a rating: normalize has no "
                "effect with by_rating. Received: normalize=True, by_rating=True."
            )
        self.normalize, self.by_sum = normalize, by_sum
        self.half_life = half_life_of(owner, features, half_life, auto=best.half_life)
        self.last = last_of(owner, features, last)
        self.nearby = nearby_of(owner, features, nearby, best.nearby, self.similarity, ratings)
        self.by_rating, self.centred = by_rating, centred
        size = len(features.item_vocabulary)
        check_table(
            *("neighbours and their weights", size, count),
            f"take fewer neighbours. Received: neighbours={count}.",
            tables=2,
        )
        self.neighbour_ids = tf.Variable(
            tf.fill([size, count], -1), trainable=False, name="neighbour_ids"
        )
        self.neighbour_weights = tf.Variable(
            tf.zeros([size, count]), trainable=False, name="neighbour_weights"
        )
        self.popularity = tf.Variable(tf.zeros([size]), trainable=False, name="popularity")
        self.ratings = RatedPairs() if ratings else None
        self.co_counts: CoCounts | None = None
        self.counted: Counted | None = None

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        return ids_alone([Categorical("user_id"), History()], columns)

    def feature_rows(self):
        found = [Rows(self.popularity, "item_id", Start.zero)]
        tables = (self.neighbour_ids, self.neighbour_weights)
        return [*found, *(Rows(table, "item_id", Start.fresh) for table in tables)]

    def take_over(self, before, origins):
        forget(self.neighbour_ids, self.neighbour_weights, origins["item_id"])
        if before.co_counts is not None:
            self.co_counts = before.co_counts.grown(origins["item_id"])
        if before.counted is not None:
            self.counted = before.counted.grown(origins["item_id"].same)
        if self.ratings is not None:
            self.ratings.take_over(before.ratings, origins["user_id"], origins["item_id"])

    def adapt(self, train: Interactions) -> None:
        """Finds the neighbours of every item among the training events."""
        nearby = self.nearby
        user, item, value, _ = self._known(train)
        users = self.features.ids("user_id").size
        shape = (len(self.features.item_vocabulary), users)
        matrix = interaction_matrix(item, user, shape, value)
        count = self.neighbour_ids.shape[1]
        if nearby is None:
            del user, item  # the matrix has it all
            table = neighbours(matrix, self.similarity, count)
        else:
            of_user = self.similarity.column_weight(column_sizes(matrix))
            weight = None if of_user is None else of_user[user]
            table = nearby_neighbours(
                user, item, Totals.of(matrix), self.similarity, count, nearby, weight
            )
        self.neighbour_ids.assign(table.ids)
        self.neighbour_weights.assign(table.weights)
        if not table.weights.any():
            tell(
                "ItemCF found no neighbour of any item, so that its lists are of what is popular. "
                f"Received: {len(train.events):,} events of "
                f"{train.events['user_id'].nunique():,} users."
            )
        self.popularity.assign(np.diff(matrix.indptr))
        self.co_counts = self.counted = None
        if self.ratings is not None:
            self.ratings.assign(matrix.T.tocsr())

    def assign_neighbours(self, table: pd.DataFrame, vocabulary: Vocabulary | None = None) -> None:
        """Takes neighbours that were found elsewhere, in place of `adapt`.

        Lists are filled by how often the features have seen each item. There is nothing that
        `update` could add to.

        Args:
            table: id, neighbour, weight, as `spark.neighbours` and `spark.nearby_neighbours` write.
            vocabulary: whose numbers these are, `Vocabulary.load` of what `spark.save_vocabulary`
                wrote; None: those of the features.

        Raises: ValueError with ratings, and for a table as `given_neighbours`.
        """
        if self.ratings is not None:
            raise ValueError(
                "ItemCF foretells ratings from those that it was given: call fit(train), or leave "
                "ratings out. Received: ratings=True, a table of neighbours."
            )
        ours = self.features.item_vocabulary
        found = given_neighbours(table, vocabulary or ours, ours, self.neighbour_ids.shape[1])
        self.neighbour_ids.assign(found.ids)
        self.neighbour_weights.assign(found.weights)
        known = np.arange(len(ours)) >= FIRST_KNOWN
        self.popularity.assign(np.where(known, self.features.item_counts, 0))
        self.co_counts = self.counted = None

    def _known(
        self, train: Interactions
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """User, item, rating and row of the events whose ids are known, in order if it matters."""
        events = train.events
        order = np.empty(0, "int64")
        if self.nearby is not None:
            train.require_time("ItemCF with nearby")
            order = chronological(events)
        user = self.features.ids("user_id").encode(events["user_id"])
        item = self.features.ids("item_id").encode(events["item_id"])
        known = (item > 1) & (user > 1)
        rating = None
        if self.ratings is not None:
            rating = rating_column(events, "ItemCF")
            known &= np.isfinite(rating)
        rows = np.flatnonzero(known) if self.nearby is None else order[known[order]]
        return user[rows], item[rows], None if rating is None else rating[rows], rows

    def keep_state(self, train: Interactions) -> None:
        """Keeps what items have in common by the training events, which new ones add to."""
        if self.ratings is None:
            user, item, _, rows = self._known(train)
            size = len(self.features.item_vocabulary)
            self.co_counts = CoCounts.of(user, item, size, self.similarity, self.nearby)
            self.counted = Counted.of(number_of(train.events["user_id"])[rows], item, size)

    def update(self, recent, epochs=1, batch_size=BATCH_SIZE, seed=0):
        """Counts what the users of the new events add, and ranks anew what that moves.

        The end is that of `adapt` with all events, but for rounding, and for what users did while
        it or they were unknown: that counts when they come again. A similarity is divided by
        the sizes of both items, so that an item is ranked anew when it has anything in common with
        an item of the new events: of a whole day, that is nearly all of them. With ratings there
        are no sums to add to, and these items are found anew from all ratings.

        Raises: ValueError without `keep_state` before, unless there are ratings, which are kept.
        """
        if self.ratings is not None:
            with telling_of_nothing("ItemCF"):
                self._update_ratings(self.ratings, recent)
            return
        if self.co_counts is None:
            raise ValueError(
                "ItemCF adds new events to what items have in common: call keep_state(train) after "
                "fit(train). Received: a model that has not kept it."
            )
        user, item, _, rows = self._known(recent.interactions)
        size, is_new = len(self.features.item_vocabulary), recent.is_new[rows]
        if self.counted is not None:
            numbers = number_of(recent.interactions.events["user_id"])[rows]
            is_new |= ~self.counted.has(numbers, item)
            self.counted = self.counted.and_of(numbers[is_new], item[is_new])
        added = CoCounts.added(user, item, is_new, size, self.similarity, self.nearby)
        self.co_counts = self.co_counts.with_change(added)
        ids, weights = self.neighbour_ids.numpy(), self.neighbour_weights.numpy()
        moved = self.co_counts.moved_by(added) | self.co_counts.lacking(ids)
        rows = np.flatnonzero(moved)
        ids[rows], weights[rows] = self.co_counts.neighbours(self.similarity, ids.shape[1], rows)
        self.neighbour_ids.assign(ids)
        self.neighbour_weights.assign(weights)
        self.popularity.assign(self.co_counts.sizes)

    def _update_ratings(self, pairs: RatedPairs, recent: Recent) -> None:
        user, item, value, rows = self._known(recent.interactions)
        shape = (self.features.ids("user_id").size, len(self.features.item_vocabulary))
        pairs.replace(interaction_matrix(user, item, shape, value))
        matrix = pairs.matrix()
        ids, weights = self.neighbour_ids.numpy(), self.neighbour_weights.numpy()
        rated = np.zeros(shape[1], bool)
        rated[item[recent.is_new[rows]]] = True
        raters = np.diff(matrix[:, np.flatnonzero(rated)].indptr) > 0
        moved = rated | (ids < 0).any(axis=1)  # a row with room may have lost a neighbour
        moved[matrix[np.flatnonzero(raters)].indices] = True
        rows = np.flatnonzero(moved)
        of_items = sp.csr_array(matrix.T)
        ids[rows], weights[rows] = neighbours(of_items, self.similarity, ids.shape[1], rows=rows)
        self.neighbour_ids.assign(ids)
        self.neighbour_weights.assign(weights)
        self.popularity.assign(np.diff(of_items.indptr))

    def write_state(self, folder):
        if self.co_counts is not None:
            self.co_counts.save(folder)
        if self.counted is not None:
            self.counted.save(folder)

    def read_state(self, folder):
        if self.ratings is None:
            self.co_counts, self.counted = CoCounts.load(folder), Counted.load(folder)

    @property
    def history_needed(self):
        return None  # all of a user's events

    def predict_ratings(self, pairs: pd.DataFrame, centred: bool | None = None) -> np.ndarray:
        """The ratings that users would give to items, by the user's ratings of its neighbours.

        Source: WWW 2001, section 3.2.1, "weighted sum"; centred: around the items' means.

        Args:
            pairs: user_id, item_id.
            centred: R̄_i + Σ w (R_j - R̄_j) / Σ w instead of Σ w R_j / Σ w; None is as in the
                constructor.

        Returns: float32 [pairs], within the range of the training ratings; where no neighbour is
            rated, the item's mean, or that of all.
        """
        rated_pairs = self.ratings
        if rated_pairs is None:
            raise ValueError("ItemCF predicts ratings when it is made with ratings=True.")
        self._require_adapted()
        user, item = encoded_pairs("ItemCF", self.features, pairs)
        ratings = NeighbourRatings(
            self.neighbour_ids, self.neighbour_weights, rated_pairs.means(1), rated_pairs.range
        )
        return ratings(
            tf.constant(item),
            lambda neighbour: rated_pairs.rated(tf.constant(user)[:, tf.newaxis], neighbour),
            self.centred if centred is None else centred,
        ).numpy()

    def _require_adapted(self) -> None:
        if not tf.reduce_any(self.popularity > 0):
            raise ValueError("ItemCF has learnt nothing yet: call fit(train) first.")

    def retriever(
        self,
        items: pd.DataFrame,
        index=None,
        k: int = 100,
        seed: int = 0,
        tuning_queries: TuningQueries = None,
    ):
        """Lists from neighbour tables; no vectors are searched.

        `index` and `tuning_queries` mean nothing here; an approximate index is warned about.
        """
        self._require_adapted()
        tell_unsearched("ItemCF", index)
        encoded = self.features.ids("item_id").encode(items["item_id"])
        position = np.full(len(self.features.item_vocabulary), -1, "int32")
        position[encoded] = np.arange(len(encoded))
        position[:2] = -1  # padding, and the items that train does not know
        ids = self.neighbour_ids.numpy()[encoded]
        weights = self.neighbour_weights.numpy()[encoded]
        if self.normalize:
            of_row = np.sum if self.by_sum else np.max
            weights = weights / np.maximum(of_row(weights, axis=1, keepdims=True), 1e-30)
        ids = np.where(ids >= 0, position[ids], -1)
        shared: dict[str, Any] = {"last": self.last, "half_life": self.half_life}
        shared |= {"k": k, "seed": seed}
        popularity = self.popularity.numpy()[encoded]
        if self.by_rating and self.ratings is not None:
            means = self.ratings.means(1).numpy()[encoded] if self.centred else None
            raw = items["item_id"].to_numpy()
            by_rating = RatingRetriever(raw, ids, weights, means, popularity, **shared)
            return by_rating.with_ratings(ByItems(self))
        retriever = NeighbourRetriever(
            items["item_id"].to_numpy(),
            ids,
            weights,
            popularity=popularity,
            **shared,
        )
        return retriever if self.ratings is None else retriever.with_ratings(ByItems(self))
