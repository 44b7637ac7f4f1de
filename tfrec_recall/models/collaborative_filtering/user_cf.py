"""User-based collaborative filtering."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import Auto, flags, number, whole
from tfrec_recall.data.memory import check_table
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Categorical, Features, History, Rows, Start, Wanted, ids_alone
from tfrec_recall.graph import Pearson, Similarity, interaction_matrix, neighbours
from tfrec_recall.graph.neighbour_table import Neighbours
from tfrec_recall.graph.similarity import Amplified
from tfrec_recall.models.collaborative_filtering.arguments import (
    check_foretelling,
    encoded_pairs,
    half_life_of,
    last_of,
    similarity_of,
)
from tfrec_recall.models.collaborative_filtering.neighbour_ratings import (
    NeighbourRatings,
    RatedPairs,
    means_of_neighbours,
    rating_column,
    ratings_by_all,
)
from tfrec_recall.models.collaborative_filtering.raters import ByUsers
from tfrec_recall.models.growing.growth import forget
from tfrec_recall.models.growing.nothing_new import telling_of_nothing
from tfrec_recall.models.learning.density import LONG
from tfrec_recall.models.one_pass_model import OnePassModel
from tfrec_recall.models.published import Other, Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.retrieval import UserNeighbourRetriever
from tfrec_recall.retrieval.tuning_queries import TuningQueries
from tfrec_recall.retrieval.unsearched import tell_unsearched


class Weights(NamedTuple):
    """What near users, and items that few took, have over others."""

    amplification: float
    popularity: float


MOST_NEIGHBOURS = 300
OF_LONG = Weights(amplification=1.25, popularity=-0.2)
OF_SHORT = Weights(amplification=1.0, popularity=0.0)


@saved_by_config
class UserCF(OnePassModel):
    """Users get what the users most like them have.

    Source: "GroupLens: An Open Architecture for Collaborative Filtering of Netnews", CSCW 1994;
    "Empirical Analysis of Predictive Algorithms for Collaborative Filtering", UAI 1998, section 2.
    Departs:
        - an event is a 1, not a rating, and users are alike by their sets:
          `ratings=True`, `similarity=Pearson(minimum_overlap=2)`.
        - where users have many events, near neighbours and items that few took weigh more:
          `amplification=1.0`, `popularity=0.0`.
        - lists are ranked by how much of the neighbours has an item, not by the rating that they
          foretell for it: `ratings=True`, `by_rating=True`.
        - the events of the request's history count by recency: `half_life=None`.
        - the nearest users alone are asked: `neighbours=None`.
        - users who rate the opposite say nothing, instead of the opposite: `ratings=True`,
          `by_rating=True`, `unlike=True`.
        - a neighbour's mean is over all that he rated, as in UAI 1998, and not over what both
          rated: `ratings=True`, `common_means=True`.

    Args:
        features: adapted; only ids and the history are used, whatever its length.
        neighbours: users asked; None asks all who are alike at all, and "auto" a twentieth of all,
            at most 300.
        alpha: of the penalty on users with many events, see `CoCount`; 0.5 is the cosine of sets.
        active_penalty: popular items say less of what two users have in common, as in `CoCount`.
        shrinkage: towards 0 for users with few items in common.
        similarity: another one instead, such as `Cosine()`, `Jaccard()` or `Pearson()`.
        amplification: the power of the similarity that a neighbour weighs, section 2.2.3 of the
            second source.
        popularity: the power of an item's training users that its score is multiplied with; below
            0, lists have more of what few took.
        half_life: in events, of what an event of the history counts; None counts all alike, and
            "auto" is 4 where events have a time.
        last: only the latest events of the history count; None takes all.
        ratings: take the events' column `rating` as values, for `Cosine`, `Pearson` and
            `predict_ratings`; requests then send `history_rating`, and events without a rating are
            left out. Without, every event is a 1.
        by_rating: rank lists by the rating foretold from the neighbours' instead of by the sum of
            their similarities times ratings; an item of one near user who loves it comes first.
        centred: foretell ratings around the users' means.
        unlike: users of a similarity below 0 are neighbours too, the nearest by |w|, and foretell
            ratings by the opposite of their deviations, Σ w (R - R̄) / Σ |w|.
        common_means: a neighbour's mean, which his ratings are centred around, is over the items
            that the user rated too, as that of the correlation is; the user's is over all.

    "auto" of `amplification` and `popularity` is by how much is known of a user. From 15 training
    events a user up, 1.25 and -0.2: on validation recall@50 of .480 on MovieLens-100k and .168 on
    Online Retail and recall@20 of .215 on Gowalla, where 1 and 0 have .460, .162 and .202. With
    fewer, and for ratings, 1 and 0: on Beauty recall@50 of .119, and .105 with the others.

    It learns in one pass, with `adapt` or with `fit` on the training interactions. What is served
    finds the neighbours by the history that a request sends, so that it needs no known user; with
    ratings, it also says what rating the user would give to an item (`predict_rating`).
    """

    PUBLISHED: ClassVar[Published | None] = Published(
        "CSCW 1994",
        {
            "ratings": True,
            "similarity": Pearson(minimum_overlap=2),
            "by_rating": True,
            "half_life": None,
            "neighbours": None,
            "amplification": 1.0,
            "popularity": 0.0,
            "unlike": True,
            "common_means": True,
        },
    )
    UNREAD: ClassVar[Unread] = {
        ("ratings", False): ("similarity", "by_rating", "unlike", "common_means"),
        ("by_rating", False): ("unlike",),
        ("centred", False): ("unlike", "common_means"),
        ("popularity", Other((0.0, "auto"), such_as=-0.2)): ("by_rating", "unlike"),
        ("alpha", Other((0.5,), such_as=0.3)): ("similarity",),  # of the co-count alone
        ("active_penalty", Other((0.5,), such_as=True)): ("similarity",),
        ("shrinkage", Other((0.0,), such_as=5.0)): ("similarity",),
    }
    needs: ClassVar[tuple[str, ...]] = ("user_id", "item_id", "history")
    reads_columns: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
        neighbours: int | Auto | None = "auto",
        alpha: float = 0.5,
        active_penalty: bool | float = 0.5,
        shrinkage: float = 0.0,
        similarity: Similarity | None = None,
        amplification: float | Auto = "auto",
        popularity: float | Auto = "auto",
        half_life: float | Auto | None = "auto",
        last: int | None = None,
        ratings: bool = False,
        by_rating: bool = False,
        centred: bool = True,
        unlike: bool = False,
        common_means: bool = False,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        own = {"alpha": alpha, "active_penalty": active_penalty, "shrinkage": shrinkage}
        is_set = tuple(own.values()) != (0.5, 0.5, 0.0)
        self.similarity = similarity_of(owner, similarity, is_set, **own)
        users = features.ids("user_id").size - FIRST_KNOWN
        long = features.item_counts.sum() >= LONG * users and not ratings
        auto = OF_LONG if long else OF_SHORT
        self.amplification = auto.amplification if amplification == "auto" else amplification
        self.popularity = auto.popularity if popularity == "auto" else popularity
        number(owner, self.amplification, "amplification", above=0)
        number(owner, self.popularity, "popularity")
        if self.amplification != 1:
            self.similarity = Amplified(self.similarity, self.amplification)
        if neighbours == "auto":
            neighbours = min(MOST_NEIGHBOURS, max(1, users // 20))
        whole(owner, neighbours, "neighbours", optional=True)
        flags(owner, ratings=ratings, by_rating=by_rating, centred=centred, unlike=unlike)
        flags(owner, common_means=common_means)
        check_foretelling(owner, ratings, by_rating, centred)
        if by_rating and self.popularity:
            raise ValueError(
                f"{owner} ranks by the rating foretold: popularity has no effect with by_rating. "
                f"Received: popularity={self.popularity}, by_rating=True."
            )
        if unlike and not (by_rating and centred):
            raise ValueError(
                f"{owner} takes the opposite of what unlike users say around their means: "
                f"by_rating=True, centred=True. Received: unlike=True, {by_rating=}, {centred=}."
            )
        if common_means and not (ratings and centred):
            raise ValueError(
                f"{owner} centres ratings around neighbours' means over common items: "
                f"ratings=True, centred=True. Received: common_means=True, {ratings=}, {centred=}."
            )
        size = features.ids("user_id").size
        self.neighbours = size if neighbours is None else neighbours
        self.half_life = half_life_of(owner, features, half_life, auto=4.0)
        self.last = last_of(owner, features, last)
        self.ratings, self.by_rating, self.centred = ratings, by_rating, centred
        self.unlike, self.common_means = unlike, common_means
        # All who are alike, of all users, would be a table of users by users.
        self.keeps_neighbours = ratings and neighbours is not None
        self.pairs = RatedPairs()
        shape = (size if self.keeps_neighbours else 0, min(self.neighbours, size))
        check_table(
            *("neighbours and their weights", shape[0], shape[1]),
            f"take fewer neighbours. Received: neighbours={neighbours!r}.",
            tables=2,
        )
        self.neighbour_ids = tf.Variable(tf.fill(shape, -1), trainable=False)
        self.neighbour_weights = tf.Variable(tf.zeros(shape), trainable=False)

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        return ids_alone([Categorical("user_id"), History()], columns)

    def growth_arguments(self, features):
        """What "auto" was by the users and events of before."""
        own = ("neighbours", "amplification", "popularity")
        return {
            name: getattr(self, name) for name in own if self.made_with.get(name, "auto") == "auto"
        }

    def feature_rows(self):
        tables = (self.neighbour_ids, self.neighbour_weights)
        return [Rows(table, start=Start.given) for table in tables]

    def take_over(self, before, origins):
        users = origins["user_id"]
        self.pairs.take_over(before.pairs, users, origins["item_id"])
        if not self.keeps_neighbours:
            return
        for own, old in (
            (self.neighbour_ids, before.neighbour_ids),
            (self.neighbour_weights, before.neighbour_weights),
        ):
            rows, known = own.numpy(), np.flatnonzero(users.same)
            rows[known, : old.shape[1]] = old.numpy()[known]
            own.assign(rows)
        forget(self.neighbour_ids, self.neighbour_weights, users)

    def adapt(self, train: Interactions) -> None:
        """Keeps who has what; with ratings, also finds the neighbours of every user, where they are
        a number."""
        matrix = self._who_has_what(train)
        self.pairs.assign(matrix)
        if self.keeps_neighbours:
            table = self._neighbours(matrix)
            self.neighbour_ids.assign(table.ids)
            self.neighbour_weights.assign(table.weights)

    def update(self, recent, epochs=1, batch_size=BATCH_SIZE, seed=0):
        """Adds who has what by now, as `adapt` with all events finds it, but for what came while
        its user or item was unknown. With ratings, whose users come with all of their events, it
        also finds the neighbours of these users anew, and leaves the lists of others.
        """
        with telling_of_nothing("UserCF"):
            self._add(self._who_has_what(recent.interactions))

    def _add(self, rows: sp.csr_array) -> None:
        if not self.ratings:
            self.pairs.add(rows)
            return
        self.pairs.replace(rows)  # all events of these users are there
        if self.keeps_neighbours:
            touched = np.flatnonzero(np.diff(rows.indptr))
            table = self._neighbours(self.pairs.matrix(), touched)
            for own, found in zip((self.neighbour_ids, self.neighbour_weights), table, strict=True):
                own.scatter_update(tf.IndexedSlices(found, touched))

    def _who_has_what(self, interactions: Interactions) -> sp.csr_array:
        """What is known of these events, users by items."""
        events = interactions.events
        user = self.features.ids("user_id").encode(events["user_id"])
        item = self.features.ids("item_id").encode(events["item_id"])
        known, value = (item >= FIRST_KNOWN) & (user >= FIRST_KNOWN), None
        if self.ratings:
            rating = rating_column(events, "UserCF")
            known &= np.isfinite(rating)
            value = rating[known]
        shape = (self.features.ids("user_id").size, len(self.features.item_vocabulary))
        return interaction_matrix(user[known], item[known], shape, value)

    def _neighbours(self, matrix: sp.csr_array, rows: np.ndarray | None = None) -> Neighbours:
        count = self.neighbour_ids.shape[1]
        return neighbours(matrix, self.similarity, count, rows=rows, unlike=self.unlike)

    @property
    def history_needed(self):
        return None if self.ratings else 0  # a mean is over all of a user's ratings

    def predict_ratings(self, pairs: pd.DataFrame, centred: bool | None = None) -> np.ndarray:
        """The ratings that users would give to items, by those of their neighbours.

        Args:
            pairs: user_id, item_id.
            centred: R̄_u + Σ w (R_s - R̄_s) / Σ |w| instead of Σ w R_s / Σ |w|; None is as in the
                constructor.

        Returns: float32 [pairs], within the range of the training ratings; where no neighbour rated
            it, the user's mean, or that of all.
        """
        if not self.ratings:
            raise ValueError("UserCF predicts ratings when it is made with ratings=True.")
        self._require_adapted()
        user, item = encoded_pairs("UserCF", self.features, pairs)
        centred = self.centred if centred is None else centred
        common = centred and self.common_means
        if not self.keeps_neighbours:
            return ratings_by_all(
                self.pairs, self.similarity, user, item, centred, self.unlike, common
            )
        ids = self.neighbour_ids
        ratings = NeighbourRatings(
            *(ids, self.neighbour_weights, self.pairs.means(0), self.pairs.range),
            tf.constant(means_of_neighbours(self.pairs, ids.numpy(), user)) if common else None,
        )
        return ratings(
            tf.constant(user),
            lambda neighbour: self.pairs.rated(neighbour, tf.constant(item)[:, tf.newaxis]),
            centred,
        ).numpy()

    def _require_adapted(self) -> None:
        if not tf.size(self.pairs.keys):
            raise ValueError("UserCF has learnt nothing yet: call fit(train) first.")

    def retriever(
        self,
        items: pd.DataFrame,
        index=None,
        k: int = 100,
        seed: int = 0,
        tuning_queries: TuningQueries = None,
    ):
        """Lists from similar users; no vectors are searched.

        `index` and `tuning_queries` mean nothing here; an approximate index is warned about.
        """
        self._require_adapted()
        tell_unsearched("UserCF", index)
        matrix = self.pairs.matrix()[FIRST_KNOWN:]
        encoded = self.features.ids("item_id").encode(items["item_id"])
        columns = sp.csr_array(matrix.tocsc()[:, encoded])  # columns 0 and 1 are empty
        retriever = UserNeighbourRetriever(
            items["item_id"].to_numpy(),
            self.features.ids("user_id").vocabulary.ids,
            columns,
            self.similarity,
            neighbours=self.neighbours,
            ratings=self.ratings,
            by_rating=self.by_rating,
            centred=self.centred,
            unlike=self.unlike,
            common_means=self.common_means,
            popularity=self.popularity,
            last=self.last,
            half_life=self.half_life,
            k=k,
            seed=seed,
        )
        return retriever.with_ratings(ByUsers(self, retriever)) if self.ratings else retriever
