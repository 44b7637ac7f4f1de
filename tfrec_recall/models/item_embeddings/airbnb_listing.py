"""Airbnb's listing embeddings: click sessions, the booked listing as their global context."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions, chronological, sessions
from tfrec_recall.data.arguments import flag, flags, number, whole, without_effect
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.feeding.windows import Block, session_batches
from tfrec_recall.data.notices import tell
from tfrec_recall.data.order import changes
from tfrec_recall.data.sequences import by_sessions, require_pairs
from tfrec_recall.features import Categorical, Features, History, Wanted, infer
from tfrec_recall.models.item_embeddings import item_space
from tfrec_recall.models.item_embeddings.arguments import (
    HALF_LIFE,
    LAST,
    check_served,
    check_training,
    check_windows,
)
from tfrec_recall.models.item_embeddings.event_types import (
    BOOKING,
    EVENT_TYPE,
    Types,
    of_types,
    refuse_both,
    require_type_column,
    several,
)
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel
from tfrec_recall.models.item_embeddings.nearest_warm import NearestWarm
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables
from tfrec_recall.models.item_embeddings.window_model import WindowModel
from tfrec_recall.models.item_embeddings.window_pairs import (
    Noise,
    group_noise_weights,
    own_noise,
    window_weights,
)
from tfrec_recall.models.item_embeddings.window_training import WindowTraining
from tfrec_recall.models.published import Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.sampling import PopularityNegatives, SameGroupNegatives

NOT_INTERESTED = ("impression", "rejection")
HALF_HOUR = 1800.0  # seconds
LATEST_CLICKS = 50  # before a new event, of which an update makes sessions
MARKET = "market"  # what the feature is called that "auto" looks for


@saved_by_config
class AirbnbListing(WindowModel, ItemSpaceModel):
    """Skip-gram over click sessions, with the booked listing in every window of its session.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    Eq. 4 (global context) and Eq. 5 (negatives of the same market); section 3.1 (cold listings).
    Departs:
        - where sessions have ids, these end them, and not a pause: `by_session=False`.
        - each centre draws how far its window reaches: `fixed_window=True`.
        - no negatives are of the market, unless it is named: `market="auto"`.
        - negatives, those of the market too, are drawn for a block, whose pairs expect so many of
          them: `noise=None`.
        - a session with a booking is learnt from once an epoch, as others are: `booked_repeats=5`.
        - neighbouring centres move at once, and others far from them: `block=1`, `lanes=1`.
        - what an occurrence moves its row is limited: `longest_step=None`.
        - so that learning is quicker than word2vec's, which the paper follows: `rate=0.025`.
        - where few events stand together within half an hour, as of dates, any pause is within a
          session: `gap=1800.0`.
        - users are their latest listings, newer ones more: `last=None`, `half_life=None`.
        - scores are lifted where many took a listing, as the vectors of those that hardly anyone
          took are far from settled: `popularity=0.0`.

    The market, of which Eq. 5 draws, is the one that `market` names. Clicks that ended within 30
    seconds, which the paper leaves out of its log, are the log's own to leave out.

    Args:
        features: adapted; `item_id` and a history of it.
        dim: of the vectors.
        window: the farthest context; each centre draws its own from 1 to this.
        negatives: per pair, from all listings by a power of their counts.
        market: the Categorical item feature that holds the market; None has no market negatives,
            and "auto" has them where one is called "market", and tells where none is.
        market_negatives: per pair.
        clicked: the event types, one or several, that make a session; None takes all but `booked`
            and `left_out`.
        booked: the event types of bookings, each of which ends the session that it is in; () where
            nobody books. Without a column `event_type` all events are clicks.
        booked_repeats: how often an epoch has a session with a booking; others are there once.
        left_out: event types that are no sign of interest; None leaves out impressions and
            rejections, where there are any. Not beside `clicked`.
        global_context: whether the booked listing is a context of all clicks of its session.
        by_session: an id (`session_id`) ends a session; by default where there are any.
        gap: the longest pause within a session, in seconds, with ids as well. None is any pause
            with ids, and half an hour without; where less than half of the events that
            `training_data` is given first would stand beside another listing then, as of dates, it
            is any pause, which is told.
        nearest: how many warm listings a cold one is the mean of ...
        alike_by: ... by this item feature or these (categories alike, numbers near); None takes all
            with one value an item, and () leaves cold listings without a vector.
        popularity: the power of a listing's training events that its score is multiplied with in
            users' lists; 0 ranks by cosine.
        shrinkage: as in `Item2Vec`, to the mean of the listings of the `market`, if it is named.
        fixed_window, power, threshold, rate, decay_epochs, last, half_life, block, lanes, noise,
            longest_step, seed: as in `Item2Vec`.
    """

    PUBLISHED: ClassVar[Published] = Published(
        "KDD 2018",
        {
            "by_session": False,
            "market": "auto",
            "fixed_window": True,
            "noise": None,
            "booked_repeats": 5,
            "block": 1,
            "lanes": 1,
            "longest_step": None,
            "rate": 0.025,
            "gap": HALF_HOUR,
            "last": None,
            "half_life": None,
            "popularity": 0.0,
        },
        epochs=10,
    )
    UNREAD: ClassVar[Unread] = {("booked", ()): ("booked_repeats",)}
    stops_early: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
        dim: int = 32,
        window: int = 5,
        fixed_window: bool = False,
        negatives: int = 5,
        market: str | None = None,
        market_negatives: float = 2.0,
        clicked: Types | None = None,
        booked: Types = BOOKING,
        booked_repeats: int = 1,
        left_out: Types | None = None,
        global_context: bool = True,
        by_session: bool | None = None,
        gap: float | None = None,
        nearest: int = 3,
        alike_by: Types | None = None,
        power: float = 0.75,
        threshold: float | None = None,
        rate: float = 0.1,
        decay_epochs: int | None = None,
        last: int | None = LAST,
        half_life: float | None = HALF_LIFE,
        popularity: float = 0.1,
        shrinkage: float = 0.0,
        block: int = 32,
        lanes: int = 16,
        noise: int | None = 64,
        longest_step: float | None = 0.5,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        whole(owner, window, "window")
        check_windows(owner, dim, window, fixed_window, negatives, power, noise, longest_step)
        check_training(owner, rate, decay_epochs, block, lanes, seed)
        flags(owner, global_context=global_context)
        flag(owner, by_session, "by_session", optional=True)
        number(owner, gap, "gap", above=0, optional=True)
        number(owner, threshold, "threshold", above=0, optional=True)
        number(owner, market_negatives, "market_negatives", above=0)
        whole(owner, nearest, "nearest")
        whole(owner, booked_repeats, "booked_repeats")
        alike_by = several("alike_by", alike_by, "features of the items")
        check_served(owner, features, last, half_life, popularity)
        if market is None:
            without_effect(
                owner, market_negatives, 2.0, "market_negatives", "where market names a feature"
            )
        elif noise is None and market_negatives % 1:
            raise ValueError(
                f"{owner} draws market_negatives for each pair with noise=None: a whole number. "
                f"Received: {market_negatives=}."
            )
        self.window, self.fixed_window = window, fixed_window
        self.clicked, self.left_out = several("clicked", clicked), several("left_out", left_out)
        self.booked, self.booked_repeats = several("booked", booked) or (), booked_repeats
        refuse_both(owner, booked=self.booked, left_out=self.left_out)
        if not self.booked:
            without_effect(owner, booked_repeats, 1, "booked_repeats", "where booked names types")
        if clicked is not None and left_out is not None:
            raise ValueError(
                "clicked names all clicks there are, so that left_out has nothing to leave out: "
                f"give one of both. Received: {clicked=}, {left_out=}."
            )
        self.global_context, self.by_session, self.gap = global_context, by_session, gap
        self.pause = tf.Variable(gap or 0.0, trainable=False, name="pause")  # 0: not yet chosen
        self.last, self.half_life, self.popularity = last, half_life, popularity
        counts = item_space.known_counts(features)
        self.noise = Noise(PopularityNegatives(counts, power), negatives, noise)
        self.market_negatives = market_negatives
        self.lacks_market = market == "auto" and MARKET not in _categories(features)
        if market == "auto":
            market = None if self.lacks_market else MARKET
        self.same_market = None if market is None else _same_market(features, market, counts)
        self.tables = VectorTables(len(counts), dim, longest_step)
        keep = item_space.keep(counts, threshold)
        self.training = WindowTraining(keep, rate, decay_epochs, block, lanes, seed)
        item = features.inputs(features.item)
        cold = NearestWarm.of(self.tables, features, alike_by, nearest)
        if not cold.steps:
            by = "where alike_by names features, or listings have some of one value"
            without_effect(owner, nearest, 3, "nearest", by)
        served = self.served(cold, dim, shrinkage, market)
        self.candidate_model = tf.keras.Model(item, served(item))
        self.query_model = item_space.query_model(features, served, last, half_life)

    def feature_rows(self):
        return [*super().feature_rows(), *item_space.rows_of_items(self.tables)]

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        found = infer(interactions, columns=columns, of_users=False)
        return Features([History(length=50)], found.item, left_out=found.left_out)

    @property
    def history_needed(self):
        """As far as the farthest context is, or the latest clicks that a booking may end."""
        booked = self.global_context and bool(self.booked)
        return max(super().history_needed, LATEST_CLICKS) if booked else super().history_needed

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Batches of `batch_size` sessions: flat columns `item_id`, `booked` and `session`."""
        train.require_time("AirbnbListing")
        if self.lacks_market:
            tell(
                "AirbnbListing learns without negatives of the market, Eq. 5 of its paper, as no "
                f"Categorical feature of the items is called {MARKET!r}: set market= to the one "
                "that holds it, or to None."
            )
        events, is_booked = self._clicks(train.events)
        by_id = by_sessions(train, self.by_session)
        if not by_id and not self.pause.numpy():
            self.pause.assign(_pause(events))
        return self._batches(events, is_booked, by_id, batch_size, seed, first_epoch)

    def batches_to_measure(self, interactions, batch_size):
        interactions.require_time("AirbnbListing")
        by_id = by_sessions(interactions, self.by_session)
        if not by_id and not self.pause.numpy():
            raise ValueError(
                "AirbnbListing finds the pause that ends a session in its training data: call "
                "training_data(train) first, of events without session_id as these are, or set "
                "gap=. Received: gap=None, and no such data before."
            )
        clicks = self._clicks(interactions.events, later=True)
        return self._batches(*clicks, by_id, batch_size, seed=None)

    def _batches(
        self, events, is_booked, by_id, batch_size, seed, first_epoch=0
    ) -> tf.data.Dataset:
        """Of clicks and bookings in order."""
        pause = self.gap if by_id else float(self.pause.numpy())
        number = sessions(events, by="session_id" if by_id else None, gap=pause)
        order = np.argsort(number, kind="stable")  # sessions with ids may run side by side
        events, is_booked = events.iloc[order].reset_index(drop=True), is_booked[order]
        starts = changes(number[order])
        starts[1:] |= is_booked[:-1]  # what follows a booking is the search for another one
        session = np.cumsum(starts) - 1
        require_pairs("AirbnbListing", events, session)
        item = self.features.encodings["item_id"].encode(events["item_id"])
        booked = np.zeros(session.max(initial=-1) + 1, dtype=np.int32)  # 0 where there is none
        booked[session[is_booked]] = item[is_booked]
        of_booked, copies = np.flatnonzero(booked[session]), range(1, self.booked_repeats)
        row = np.concatenate([np.arange(len(session)), *(of_booked for _ in copies)])
        columns = {"item_id": item[row], "booked": booked[session][row]}
        others = [session[of_booked] + copy * len(booked) for copy in copies]
        session = np.concatenate([session, *others])
        return session_batches(columns, session, batch_size, seed, first_epoch)

    def _clicks(self, events: pd.DataFrame, later: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
        """Clicks and bookings in order, and which of them are bookings.

        Args:
            later: other events were there before, which had all types that are named.
        """
        types = {"clicked": self.clicked, "booked": self.booked, "left_out": self.left_out}
        require_type_column(type(self).__name__, events, **types)
        later = later or bool(self.has_learnt.numpy())
        is_booked = np.zeros(len(events), dtype=bool)
        if EVENT_TYPE in events:
            is_booked = of_types(events, "booked", self.booked, later)
            wanted = self._clicked(events, later) | is_booked
            events, is_booked = events[wanted], is_booked[wanted]
        if not len(events):
            raise NoExample(
                "No click is left to learn from: check clicked=, booked= and left_out= against the "
                f"column {EVENT_TYPE!r}. Received: {self.clicked=}, {self.left_out=}."
            )
        order = chronological(events)
        return events.iloc[order].reset_index(drop=True), is_booked[order]

    def reads(self, events):
        """Clicks and bookings."""
        if EVENT_TYPE not in events:
            return super().reads(events)
        is_booked = of_types(events, "booked", self.booked, later=True)
        return self._clicked(events, later=True) | is_booked

    def _clicked(self, events: pd.DataFrame, later: bool) -> np.ndarray:
        if self.clicked is not None:
            return of_types(events, "clicked", self.clicked, later)
        if self.left_out is not None:
            return ~of_types(events, "left_out", self.left_out, later)
        return ~events[EVENT_TYPE].isin(NOT_INTERESTED).to_numpy()

    def learn_block(self, block: Block, rate: tf.Tensor, seed: tf.Tensor):
        for_windows, for_noise, for_market = tf.unstack(tf.random.split(seed, 3))
        centre, context = block.centre["item_id"], block.context["item_id"]
        # [lanes, block, contexts]
        positive = window_weights(block, self.window, for_windows, self.fixed_window)
        if self.global_context:  # one more column a centre: its session's booked listing
            booked = block.centre["booked"]  # [lanes, block]
            counts = (booked > 1) & (booked != centre) & (centre != 0)
            context = tf.concat([context, booked], axis=1)
            positive = tf.concat([positive, tf.linalg.diag(tf.cast(counts, tf.float32))], axis=2)

        noise, negative = self.noise(centre, positive, for_noise)
        if self.same_market is not None:
            listings, weights = self._market_noise(self.same_market, centre, positive, for_market)
            noise = tf.concat([noise, listings], axis=1)
            negative = tf.concat([negative, weights], axis=2)
        loss = self.tables.learn(centre, context, positive, noise, negative, rate)
        return loss, tf.reduce_sum(positive[0])

    def _market_noise(self, same_market: SameGroupNegatives, centre, positive, seed):
        """Listings of the centres' markets, and their weights for all centres.

        Shared noise has one listing of each centre's market, [lanes, block].
        """
        market = same_market.group_of(centre)
        if self.noise.shared is None:

            def draw(shape):
                of_market = tf.repeat(market[:, :, tf.newaxis], shape[2], axis=2)
                return same_market.sample(of_market, seed)

            return own_noise(draw, centre, positive, int(self.market_negatives))
        pairs = tf.reduce_sum(positive, axis=2)  # [lanes, block]
        listings = same_market.sample(market, seed)
        weights = group_noise_weights(
            listings, market, centre, market, pairs, self.market_negatives
        )
        return listings, weights


def _pause(events: pd.DataFrame) -> float:
    """The longest within a session, of events in order: half an hour, or any where few are."""
    others = ~changes(sessions(events, gap=HALF_HOUR)) & changes(events["item_id"])
    beside = others.copy()
    beside[:-1] |= others[1:]
    if 2 * beside.sum() >= len(events):
        return HALF_HOUR
    tell(
        f"AirbnbListing learns from all of a user's events as one session: within half an hour, "
        f"{beside.sum():,} of {len(events):,} stand beside another item. Set gap=, in seconds, for "
        "sessions that a pause ends."
    )
    return float("inf")


def _categories(features: Features) -> list[str]:
    return [feature.name for feature in features.item if isinstance(feature, Categorical)]


def _same_market(features: Features, market: str, counts: np.ndarray) -> SameGroupNegatives:
    there_are = _categories(features)
    if market not in there_are:
        raise ValueError(
            'market names a Categorical feature of the items, or is None or "auto". '
            f"Received: {market!r}; there are {', '.join(there_are)}."
        )
    groups = features.item_table[market].astype("int64")
    return SameGroupNegatives(np.where((counts > 0) & (groups > 1), groups, -1))
