"""Airbnb's user-type and listing-type embeddings, in one space, with the hosts' rejections."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import flags, number, whole, without_effect
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.feeding.windows import Block, session_batches
from tfrec_recall.data.ids import places
from tfrec_recall.data.sequences import sequences
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features, History, Rows, Start, Wanted, infer
from tfrec_recall.models.growing.nothing_new import telling_of_nothing
from tfrec_recall.models.item_embeddings.arguments import check_training, check_windows
from tfrec_recall.models.item_embeddings.event_types import (
    BOOKING,
    EVENT_TYPE,
    Types,
    of_types,
    refuse_both,
    require_type_column,
    several,
)
from tfrec_recall.models.item_embeddings.seen_types import SeenTypes
from tfrec_recall.models.item_embeddings.types import TypeRule, type_rule
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables
from tfrec_recall.models.item_embeddings.window_model import WindowModel
from tfrec_recall.models.item_embeddings.window_pairs import Noise, window_weights
from tfrec_recall.models.item_embeddings.window_training import WindowTraining
from tfrec_recall.models.published import Published
from tfrec_recall.models.recall_model import BATCH_SIZE

REJECTED = "rejection"


@saved_by_config
class AirbnbType(WindowModel):
    """Skip-gram over a user's bookings, each of them a user type and a listing type.

    Types stand in for ids, which are too rare among bookings. A booking is two neighbours in the
    sequence, so both kinds are centres and contexts. A rejected request is nobody's context, but an
    explicit negative: the listing type for the user type, and the reverse.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 3.2, Eq. 6 to 9.
    Departs:
        - each centre draws how far its window reaches: `fixed_window=True`.
        - both kinds are contexts of both: `other_kind_only=True`.
        - negatives are drawn for a block, whose pairs expect so many of them: `noise=None`.
        - neighbouring centres move at once, and others far from them: `block=1`, `lanes=1`.
        - rows have rates of their own, as types are few, and a block holds many of each:
          `adaptive_rows=False`.
        - what a row moves is limited: `longest_step=None`.
        - so that learning is quicker than word2vec's, which the paper follows: `rate=0.025`.
        - an explicit negative weighs more than another one: `rejection_weight=1.0`.
        - a pair is scored by the mean of the two products that the equations train, each type's
          input vector with the other's output vector, and not by the cosine of two input vectors,
          which rejections reach by detours only: `by_cosine=True`.
        - the log of an item's bookings is added to its score, as that of a pair tells how much
          oftener than others this type of user books that type: `popularity=0.0`.

    A user's type is that of the users table for all his bookings. In lists, items of types that
    training has not seen come after all others.

    Args:
        features: adapted.
        dim: of the vectors.
        window: the farthest context, in bookings; each centre draws its own.
        other_kind_only: a user type has listing types alone as its contexts, and the reverse;
            otherwise both have both.
        negatives: per pair, from all types by a power of their counts.
        user_type: features, one or several, that make a user's type; None takes all categories and
            buckets but ids.
        item_type: the same of the listings.
        most_types: of each side that have vectors of their own, the most frequent in bookings; the
            others share some by a hash.
        booked: event types that are bookings, one or several.
        rejected: the event types of a host's no; None takes rejections, where there are any.
            Without a column `event_type` all is booked.
        rejection_weight: of an explicit negative; 0 leaves rejections out.
        by_cosine: score a pair by the cosine of both input vectors.
        popularity: how often the log of an item's bookings, and one more, is added to its score in
            users' lists; with 0 all items of a type have the same score.
        adaptive_rows: whether rows have rates of their own, or all of them `rate`.
        longest_step: the most that a row moves in one block, or with `adaptive_rows=False` that an
            occurrence moves it; None sets no limit.
        fixed_window, power, rate, decay_epochs, block, lanes, noise, seed: as in `Item2Vec`.
    """

    PUBLISHED: ClassVar[Published] = Published(
        "KDD 2018",
        {
            "fixed_window": True,
            "other_kind_only": True,
            "noise": None,
            "block": 1,
            "lanes": 1,
            "adaptive_rows": False,
            "longest_step": None,
            "rate": 0.025,
            "rejection_weight": 1.0,
            "by_cosine": True,
            "popularity": 0.0,
        },
    )
    needs: ClassVar[tuple[str, ...]] = ("item_id",)

    def __init__(
        self,
        features: Features,
        dim: int = 32,
        window: int = 5,
        fixed_window: bool = False,
        other_kind_only: bool = False,
        negatives: int = 5,
        user_type: Types | None = None,
        item_type: Types | None = None,
        most_types: int = 100_000,
        booked: Types = BOOKING,
        rejected: Types | None = None,
        rejection_weight: float = 5.0,
        by_cosine: bool = False,
        popularity: float = 1.0,
        adaptive_rows: bool = True,
        power: float = 0.75,
        rate: float = 0.1,
        decay_epochs: int | None = None,
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
        flags(
            owner, other_kind_only=other_kind_only, adaptive_rows=adaptive_rows, by_cosine=by_cosine
        )
        whole(owner, most_types, "most_types")
        number(owner, rejection_weight, "rejection_weight", least=0)
        if rejected is not None and not several("rejected", rejected):
            because = "where there are rejections"
            without_effect(owner, rejection_weight, 5.0, "rejection_weight", because)
        number(owner, popularity, "popularity", least=0)
        self.window, self.fixed_window = window, fixed_window
        self.other_kind_only = other_kind_only
        self.booked = several("booked", booked) or ()
        self.rejected = several("rejected", rejected)
        refuse_both(owner, booked=self.booked, rejected=self.rejected)
        self.rejection_weight, self.popularity = rejection_weight, popularity
        counts = np.zeros(len(features.item_counts), "float32")
        self.taken = tf.Variable(counts, trainable=False, name="taken")  # bookings of an item
        user_fields, first = features.user_fields, 1  # 0 is padding
        self.user_type = type_rule(features, user_fields, user_type, "user", first, most_types)
        first += self.user_type.count
        self.item_type = type_rule(features, features.item, item_type, "item", first, most_types)
        size = first + self.item_type.count
        self.tables = VectorTables(size, dim, longest_step, adaptive_rows)
        keep = np.arange(size) > 0
        self.training = WindowTraining(keep, rate, decay_epochs, block, lanes, seed)
        self.types = SeenTypes(self.tables, size, power, by_cosine)
        self.noise = Noise(self.types, negatives, noise)
        user, item = features.inputs(features.user), features.inputs(features.item)
        self.query_model = tf.keras.Model(user, self.types(self.user_type(user)))
        self.candidate_model = tf.keras.Model(
            item, self.types(self.item_type(item), output_first=True)
        )

    def feature_rows(self):
        """All of its tables, whose rows are combinations of values: `take_over` moves them."""
        kept = [rule.kept for rule in (self.user_type, self.item_type) if rule.folded]
        own = (*self._weights_of_types(), self.types.upper, *kept)
        rows = [Rows(weight, start=Start.given) for weight in own]
        return [*rows, Rows(self.taken, "item_id", Start.zero)]

    def bias_of(self, items):
        """By bookings; an item without a vector, whose product is 0, is below all that have one."""
        encoded = self.features.encode_items(items)
        types = self.item_type({name: encoded[name] for name in self.item_type.sizes}).numpy()
        seen = self.types.counts.numpy()[types] > 0
        if seen.all() and not self.popularity:
            return None
        bias = self.popularity * np.log1p(self.taken.numpy()[encoded["item_id"]])
        return np.where(seen, bias, -2 * self.types.largest_score())

    def _weights_of_types(self) -> list[tf.Variable]:
        """A row a type each."""
        tables = self.tables
        found = [tables.input_vectors, tables.output_vectors, tables.learnt, self.types.counts]
        return found + [rows.sums for rows in tables.rows or ()]

    def take_over(self, before, origins):
        counts = before.types.counts.numpy()
        moved = [
            rule.moved_from(was, counts, origins)
            for rule, was in (
                (self.user_type, before.user_type),
                (self.item_type, before.item_type),
            )
        ]
        old, new = (np.concatenate([[0], *each]) for each in zip(*moved, strict=True))
        pairs = zip(self._weights_of_types(), before._weights_of_types(), strict=True)
        for weight, was in pairs:
            rows = weight.numpy()
            rows[new] = was.numpy()[old]
            weight.assign(rows)
        self.types.count(self.types.counts.numpy())

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        found = infer(interactions, columns=columns)
        user = [feature for feature in found.user if not isinstance(feature, History)]
        return Features(user, found.item, left_out=found.left_out)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Batches of `batch_size` users: flat columns `item_id` (a type), `event`, `rejected`.

        The types' counts, by which noise is drawn, and the items' are taken here; of a model that
        has grown none falls below what it was.

        Raises: NoExample without a booking and a rejection.
        """
        data, *counts = self._counted(train, batch_size, seed, first_epoch)
        if self.has_grown:
            before = self.types.counts.numpy(), self.taken.numpy()
            counts = [np.maximum(*both) for both in zip(before, counts, strict=True)]
        self._take(*counts)
        return data

    def _take(self, types: np.ndarray, taken: np.ndarray) -> None:
        self.types.count(types)
        self.taken.assign(taken.astype("float32"))

    def _counted(
        self, train: Interactions, batch_size: int, seed: int | None, first_epoch: int = 0
    ) -> tuple[tf.data.Dataset, np.ndarray, np.ndarray]:
        """The batches, and how often there is each type and each item."""
        wanted = self._bookings(train.events)
        if not len(wanted):
            raise NoExample(
                "No example is left to learn from: AirbnbType learns from bookings and rejections "
                f"(booked=, rejected=). Received: {len(train.events):,} other events."
            )
        train = train.with_events(wanted)
        events, user = sequences(train, by_session=False, owner="AirbnbType")
        booked = events["item_id"][~self._rejected(events)]
        known = self.features.ids("item_id").encode(booked)
        taken = np.bincount(known, minlength=len(self.taken.numpy()))
        taken[:FIRST_KNOWN] = 0
        columns = self._columns(train, events, keep=True)
        types = np.bincount(columns["item_id"], minlength=len(self.types))
        data = session_batches(columns, user.repeat(2), batch_size, seed, first_epoch)
        return data, types, taken

    def batches_to_measure(self, interactions, batch_size):
        if not self.types.counts.numpy().any():
            raise ValueError(
                "AirbnbType takes its types, and how often there is each, from training data: call "
                "training_data(train) first. Received: other data before."
            )
        booked = interactions.with_events(self._bookings(interactions.events, later=True))
        events, user = sequences(booked, by_session=False, owner="AirbnbType")
        columns = self._columns(booked, events)
        return session_batches(columns, user.repeat(2), batch_size, seed=None)

    def _columns(self, data: Interactions, events: pd.DataFrame, keep: bool = False):
        """Flat columns, of each event a user type and then a listing type.

        Args:
            events: of the data, user by user.
            keep: let the rules learn which types there are.
        """
        types = np.stack(
            [
                self._types(self.user_type, data.users, events["user_id"], "users", keep),
                self._types(self.item_type, data.items, events["item_id"], "items", keep),
            ],
            axis=1,
        )  # [events, 2], and a sequence reads them row by row
        return {
            "item_id": types.ravel(),
            "event": np.arange(len(events), dtype=np.int32).repeat(2),
            "rejected": self._rejected(events).astype("int32").repeat(2),
        }

    def update(self, recent, epochs=2, batch_size=BATCH_SIZE, seed=0):
        """As of any model, and adds to the counts of types and items.

        Without a new booking or rejection, nothing is learnt, which is told.
        """
        before = self.types.counts.numpy(), self.taken.numpy()
        with telling_of_nothing(type(self).__name__):
            _, *more = self._counted(recent.new, batch_size, seed)
            data, _, _ = self._counted(recent.to_learn, batch_size, seed)
            self._take(*(old + new for old, new in zip(before, more, strict=True)))
            self.learn_on(data, epochs)

    def _bookings(self, events: pd.DataFrame, later: bool = False) -> pd.DataFrame:
        """Bookings and rejected requests.

        Args:
            later: other events were there before, which had all types that are named.
        """
        types = {"booked": self.booked, "rejected": self.rejected}
        require_type_column(type(self).__name__, events, **types)
        if EVENT_TYPE not in events:
            return events
        later = later or bool(self.has_learnt.numpy())
        if self.rejected is not None:
            of_types(events, "rejected", self.rejected, later)
        return events[of_types(events, "booked", self.booked, later) | self._rejected(events)]

    def reads(self, events):
        """Bookings and rejections."""
        if EVENT_TYPE not in events:
            return super().reads(events)
        return of_types(events, "booked", self.booked, later=True) | self._rejected(events)

    def _rejected(self, events: pd.DataFrame) -> np.ndarray:
        if EVENT_TYPE not in events:
            return np.zeros(len(events), dtype=bool)
        types = (REJECTED,) if self.rejected is None else self.rejected
        return events[EVENT_TYPE].isin(types).to_numpy()

    def _types(
        self, rule: TypeRule, table: pd.DataFrame, ids: pd.Series, side: str, keep: bool
    ) -> np.ndarray:
        """The type of each event, int32."""
        encoded = getattr(self.features, f"encode_{side}")(table)
        values = {name: encoded[name] for name in rule.sizes}
        row = places(pd.Index(table[ids.name]), ids)
        if keep:
            rule.keep(values, np.bincount(row, minlength=len(table)))
        return rule(values).numpy()[row]

    def farthest(self):
        return 2 * self.window

    def learn_block(self, block: Block, rate: tf.Tensor, seed: tf.Tensor):
        for_windows, for_noise = tf.unstack(tf.random.split(seed, 2))
        centre, context = block.centre, block.context
        # [lanes, block, contexts]
        near = window_weights(block, 2 * self.window, for_windows, self.fixed_window)
        said_no = centre["rejected"][:, :, tf.newaxis] + context["rejected"][:, tf.newaxis] > 0
        positive = tf.where(said_no, 0.0, near)
        if self.other_kind_only:
            first = self.item_type.first
            listing = (centre["item_id"] >= first, context["item_id"] >= first)
            other = listing[0][:, :, tf.newaxis] != listing[1][:, tf.newaxis]
            positive = tf.where(other, positive, 0.0)

        # The other half of a rejected request: Eq. 7 and 8 in one.
        same_event = centre["event"][:, :, tf.newaxis] == context["event"][:, tf.newaxis]
        refused = tf.cast(block.together & same_event & said_no, tf.float32)
        noise, drawn = self.noise(centre["item_id"], positive, for_noise)
        loss = self.tables.learn(
            centre["item_id"],
            context["item_id"],
            positive,
            noise,
            drawn,
            rate,
            refused=self.rejection_weight * refused,
        )
        return loss, tf.reduce_sum(positive[0])
