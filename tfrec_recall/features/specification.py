"""The one specification of features that every model takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Interactions, PartedInteractions, Vocabulary
from tfrec_recall.data.examples import HISTORY_ONLY
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.notices import tell
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.data.packing import pack, unpack
from tfrec_recall.data.vocabulary import FIRST_KNOWN, PADDING, UNKNOWN
from tfrec_recall.features.coded import coded_columns
from tfrec_recall.features.columns import Feature, History, TimeOf
from tfrec_recall.features.encoder import Field
from tfrec_recall.features.encodings import (
    Encoding,
    SecondsEncoding,
    SessionEncoding,
    VectorEncoding,
    VocabularyEncoding,
)
from tfrec_recall.features.growth import grown, last_seen_of
from tfrec_recall.features.names import listed, raw_inputs, refuse_names
from tfrec_recall.features.objective import Objective
from tfrec_recall.features.seen import Seen, column_of, seen_in

OUTCOMES = frozenset(
    {"rating", "weight", "session_id", "event_type", "split", TIE_ORDER, HISTORY_ONLY}
)
WITHOUT_TIMES = (
    "The events have no timestamps, so that a history is a set: what counts by its order (length, "
    "last, half_life, recency, seed_events, nearby, run) has no effect."
)


class LeftOut(NamedTuple):
    """A column that is no feature: of the table "users", "items" or "events", and why."""

    table: str
    column: str
    why: str


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class Features:
    """The features of the user side and of the item side, and what they learnt from training data.

    Args:
        user: features of the query: columns of the users table, histories, the time of the request;
            a request has them by these columns, and histories as `history` and `history_<column>`;
            and its context, columns of events that users do not have, such as a device, a page or
            the words of a search. An example has that of its target's event and of no other; a
            request says it, or leaves it empty. It has to be known before the choice is made.
        item: features of the candidate: columns of the items table; `item_id` is always one.
        objectives: the kinds of events that a model may tell apart; most models do not.
        left_out: columns that were looked at and are no features, and why; see `infer`.

    `adapt` learns vocabularies, means and buckets from the training interactions; the ids' counts
    are those of the training events. Rows of the tables that train never touches teach nothing.

    >>> features = Features(
    ...     user=[Categorical("user_id"), Categorical("country"), History()],
    ...     item=[Categorical("item_id"), Numeric("price", buckets=10, log=True)],
    ... ).adapt(interactions)
    """

    def __init__(
        self,
        user: Sequence[Feature],
        item: Sequence[Feature],
        objectives: Sequence[Objective] = (),
        left_out: Sequence[LeftOut] = (),
    ):
        self.left_out = tuple(left_out)
        self.user = listed(user, "user")
        self.item = listed(item, "item")
        self.objectives = tuple(objectives)
        self.of_events: frozenset[str] = frozenset()  # names of the context's features
        self.encodings: dict[str, Encoding] = {}
        self.item_table: dict[str, np.ndarray] = {}
        self.waiting: dict[str, pd.Series] = {}  # values too rare so far, and how often they came
        self.last_seen: dict[str, np.ndarray] = {}  # of ids, the newest time of their events
        self.given_up = np.empty(0, object)  # raw ids of items that had a number once
        self.has_order = False  # whether the events it is adapted to have a time
        self.has_baskets = False  # and whether their sessions are baskets
        refuse_names(self.user, self.item)
        if "item_id" not in {feature.name for feature in self.item}:
            raise ValueError(
                "Features needs Categorical('item_id') among `item`, because candidates and "
                f"histories are found by it. Received: {[feature.name for feature in self.item]}."
            )

    def without(self, *names: str, why: str | None = None) -> Features:
        """Another specification, not yet adapted, that lacks these features.

        Args:
            why: what `left_out` then says of them.

        Raises: ValueError for a name that is not there.
        """
        self.require(names, "Features.without")
        gone = [
            LeftOut(table, feature.column, why)
            for table, features in (("users", self.user), ("items", self.item))
            for feature in features
            if why is not None and feature.name in names
        ]
        return Features(
            user=[feature for feature in self.user if feature.name not in names],
            item=[feature for feature in self.item if feature.name not in names],
            objectives=self.objectives,
            left_out=[*self.left_out, *gone],
        )

    @of_kinds
    def adapt(self, interactions: Interactions | PartedInteractions) -> Features:
        """Learns every encoding from these training interactions, and returns itself.

        Of events in parts, those that are held at no time, columns of events are counted: ids,
        histories and a context of Categorical features. The tables of users and items are held.

        Tells (`ReadingNotice`) what has no effect where the events have no times.
        """
        columns = {feature.column for feature in (*self.item, *self.user)}
        seen = seen_in(interactions, columns)
        self.has_order = interactions.has_time
        if self.histories and not self.has_order:
            tell(WITHOUT_TIMES)
        self.has_baskets = seen.has_baskets
        self.encodings = {}
        self.of_events = frozenset(self._context(seen))
        for feature in (*self.item, *self.user):
            if isinstance(feature, History):
                continue
            if isinstance(feature, TimeOf):
                encoding = feature.adapt(pd.Series(dtype="int64"))
            elif feature.column in ("user_id", "item_id") or feature.name in self.of_events:
                encoding = seen.learn(feature)
            elif feature in self.item:
                encoding = feature.adapt(column_of(seen.items, feature, "items"))
            else:
                encoding = feature.adapt(column_of(seen.users, feature, "users"))
            self.encodings[feature.name] = encoding
        for feature in self.histories:
            self.encodings[feature.name] = self._history_encoding(feature, seen)
        raw_inputs(self)  # before a model is trained that nothing could ask
        self.item_table = self._tabulate(interactions.items)
        self.last_seen = last_seen_of(self, seen)
        return self

    @of_kinds
    def grow(
        self,
        interactions: Interactions,
        minimum_count: int | None = None,
        unseen_days: float | None = None,
    ) -> Features:
        """The features with what came since: what was known keeps its numbers.

        Values that are new get the numbers behind the last, `min_count` of all that was seen of
        them since `adapt` being asked for, and counts go on. Means, deviations and the boundaries
        of buckets stay; a top bucket into which more than twice its share of new values falls is
        divided. Of items, the rows of the table that say anything are taken anew.

        With `minimum_count` or `unseen_days`, users and items that are seldom seen give their
        numbers up as new ones need them, those that were seen longest ago first; they are then
        unknown, and `given_up` has the items among them until events bring them back. With both,
        both have to hold.

        Args:
            interactions: the events since, with the rows of their users and items.
            minimum_count: of events; who has fewer may go.
            unseen_days: who has no event for so long, before the newest one, may go.

        Returns: other features; `model.grow(features)` makes a model of them.
        """
        return grown(self, interactions, minimum_count, unseen_days)

    def coded_columns(self) -> dict[str, tuple[Vocabulary, str | None]]:
        """By column, "events.city", the vocabulary of its values, of all columns but the ids that
        have one; and the separator of values in a text, or None. `health.Reference` takes them.
        """
        self.require_adapted()
        return coded_columns(self.user, self.item, self.encodings, self.of_events)

    def _context(self, seen: Seen) -> list[str]:
        """The names of the user's features whose columns are of events, and not of users.

        Raises: ValueError for a column that follows from the choice, as a rating does.
        """
        found = [f for f in self.user_fields if not f.derived and f.column not in seen.users]
        found = [f for f in found if f.column in seen.dtypes]
        outcomes = [f.column for f in found if f.column in OUTCOMES]
        if outcomes:
            raise ValueError(
                "The context of a request is known before the choice is made, and these columns of "
                f"events are not: {', '.join(outcomes)}. Leave their features out. "
                f"Received: {[f.name for f in found]}."
            )
        return [f.name for f in found]

    def _tabulate(self, items: pd.DataFrame) -> dict[str, np.ndarray]:
        """Rows by encoded item id: padding, unknown (without attributes), then the known items."""
        known = items.set_index("item_id", drop=False).loc[self.item_vocabulary.ids]
        table = {}
        for name, rows in self.encode_items(known).items():
            first = np.zeros((2, *rows.shape[1:]), rows.dtype)
            table[name] = np.concatenate([first, rows])
        table["item_id"][1] = 1
        return table

    def _history_encoding(self, history: History, seen: Seen) -> Encoding:
        if history.column == "item_id":
            return self.encodings["item_id"]
        if history.column == "timestamp":
            return SecondsEncoding()
        if history.column == "session_id" and "session_id" in seen.dtypes:
            text = not pd.api.types.is_integer_dtype(seen.dtypes["session_id"])
            return SessionEncoding(text=text)
        return VocabularyEncoding(seen.vocabulary(history))

    @property
    def histories(self) -> tuple[History, ...]:
        return tuple(feature for feature in self.user if isinstance(feature, History))

    @property
    def history(self) -> History | None:
        """The history of items, if the specification has one."""
        return next((f for f in self.histories if f.column == "item_id"), None)

    @property
    def user_fields(self) -> tuple[Feature, ...]:
        """The user's features with one field each: all but histories."""
        return tuple(f for f in self.user if not isinstance(f, History))

    @property
    def request_fields(self) -> tuple[Feature, ...]:
        """Those of `user_fields` that a request says and no user has: its time and context."""
        return tuple(f for f in self.user_fields if f.derived or f.name in self.of_events)

    def fields(self, features: Iterable[Feature]) -> list[Field]:
        """What a `FeatureEncoder` has to know of these features."""
        self.require_adapted()
        fields = []
        for feature in features:
            encoding = self.encodings[feature.name]
            rate = getattr(feature, "unknown_rate", 0.0)
            width, absent = getattr(encoding, "width", 1), self.absent(feature.name)
            fields.append(Field(feature.name, encoding.size, encoding.rank, rate, width, absent))
        return fields

    def absent(self, name: str) -> int:
        """The last of a feature's codes that say nothing: padding; of items also the unknown, where
        no item or history of training has it, so that nothing would have taught a vector of it.

        Beside columns the row of unknown ids stays, drawn as it is: without it new items are their
        columns alone, and come nearer to users than items that are known, of which few are wanted.
        """
        beside = name == "item_id" and len(self.item) > 1
        return PADDING if beside or self.shows_unknown(name) else UNKNOWN

    def shows_unknown(self, name: str) -> bool:
        """Whether training teaches what is unknown of an item's feature; True of other features."""
        feature = next((feature for feature in self.item if feature.name == name), None)
        if feature is None or not self.encodings[name].size:
            return True
        taught = getattr(feature, "unknown_rate", 0.0) > 0
        if name == "item_id":  # what gave its number up later is left out of histories as well
            counted = self.item_counts[UNKNOWN] > 0
            return taught or bool(getattr(feature, "min_count", 1) > 1 and counted)
        return taught or bool((self.item_table[name][FIRST_KNOWN:] == UNKNOWN).any())

    def inputs(self, features: Iterable[Feature]) -> dict[str, tf.Tensor]:
        """One symbolic Keras input a feature, by name, without the batch axis in its shape."""
        self.require_adapted()
        inputs = {}
        for feature in features:
            encoding = self.encodings[feature.name]
            shape: tuple[int | None, ...] = (None,) if encoding.rank == 2 else ()
            shape = (encoding.width,) if isinstance(encoding, VectorEncoding) else shape
            if isinstance(feature, History):
                shape = (feature.length if self.has_order else None,)
            inputs[feature.name] = tf.keras.Input(shape, dtype=encoding.dtype, name=feature.name)
        return inputs

    @property
    def item_vocabulary(self) -> Vocabulary:
        return self.ids("item_id").vocabulary

    def ids(self, name: str) -> VocabularyEncoding:
        """The encoding of a feature that is one of a set of ids: user_id, item_id, a category.

        Raises: ValueError if the feature is of another kind.
        """
        self.require_adapted()
        encoding = self.encodings.get(name)
        if not isinstance(encoding, VocabularyEncoding) or encoding.rank != 1:
            kind = type(encoding).__name__ if encoding else "no such feature"
            raise ValueError(
                f"{name!r} has to be Categorical. Its ids are told from each other, so that it has "
                f"no hash_buckets. Received: {kind}."
            )
        return encoding

    @property
    def item_counts(self) -> np.ndarray:
        """Training events of each encoded item id, int64."""
        return self.item_vocabulary.counts

    def recency(self, last: int | None, half_life: float | None) -> tuple[int | None, float | None]:
        """Both as given, or None where the events have no time: rows are never taken for it."""
        self.require_adapted()
        return (last, half_life) if self.has_order else (None, None)

    def require_adapted(self) -> None:
        if not self.encodings:
            raise ValueError(
                "These features have learnt nothing yet: call features.adapt(split.train) first."
            )

    def require(self, names: Iterable[str], model: str) -> None:
        """Raises when features that a model needs are missing, and names them."""
        have = {feature.name for feature in (*self.user, *self.item)}
        missing = [name for name in names if name not in have]
        if missing:
            raise ValueError(
                f"{model} needs the feature{'s' * (len(missing) > 1)} {', '.join(missing)}. "
                f"Received: {', '.join(sorted(have))}. Add it to Features(user=…, item=…)."
            )

    @of_kinds
    def encode_items(self, items: pd.DataFrame) -> dict[str, np.ndarray]:
        """The items' features by name, a row an item; works for items that training never saw."""
        self.require_adapted()
        return {f.name: self._encode(f, items, "items") for f in self.item}

    @of_kinds
    def encode_users(self, users: pd.DataFrame) -> dict[str, np.ndarray]:
        """The features of the users table by name, a row a user; nothing of a request."""
        self.require_adapted()
        own = [f for f in self.user_fields if f not in self.request_fields]
        return {f.name: self._encode(f, users, "users") for f in own}

    @of_kinds
    def encode_requests(self, events: pd.DataFrame) -> dict[str, np.ndarray]:
        """`request_fields` by name, a row an event: as if it were asked for at that moment."""
        self.require_adapted()
        return {f.name: self._encode(f, events, "events") for f in self.request_fields}

    def _encode(self, feature: Feature, table: pd.DataFrame, kind: str) -> np.ndarray:
        values = column_of(table, feature, kind)
        try:
            return self.encodings[feature.name].encode(values)
        except Exception as error:
            raise ValueError(
                f"{type(feature).__name__}({feature.column!r}) cannot encode what the {kind} have "
                f"there: {error}"
            ) from error

    def get_config(self) -> dict[str, Any]:
        """The specification and all that it has learnt, as plain values; see `from_config`."""
        plain = tf.keras.utils.serialize_keras_object
        items = self.encodings.get("item_id")
        encodings = {
            # The vocabulary of items stands here once, however many histories read it.
            name: "item_id" if encoding is items and name != "item_id" else plain(encoding)
            for name, encoding in self.encodings.items()
        }
        return {
            "user": [plain(feature) for feature in self.user],
            "item": [plain(feature) for feature in self.item],
            "objectives": [plain(objective) for objective in self.objectives],
            "encodings": encodings,
            "item_table": {name: pack(rows) for name, rows in self.item_table.items()},
            "has_order": self.has_order,
            "has_baskets": self.has_baskets,
            "of_events": sorted(self.of_events),
            "left_out": [list(one) for one in self.left_out],
            "last_seen": {name: pack(times) for name, times in self.last_seen.items()},
            "given_up": pack(self.given_up),
            "waiting": {
                name: {"values": pack(seen.index.to_numpy()), "counts": pack(seen.to_numpy())}
                for name, seen in self.waiting.items()
                if len(seen)
            },
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Features:
        """The features whose `get_config` this is, as adapted as they were."""
        made = tf.keras.utils.deserialize_keras_object
        sides = {n: [made(each) for each in config[n]] for n in ("user", "item", "objectives")}
        features = cls(**sides, left_out=[LeftOut(*one) for one in config["left_out"]])
        found = {n: each for n, each in config["encodings"].items() if each != "item_id"}
        found = {n: made(each) for n, each in found.items()}
        features.encodings = {n: found.get(n) or found["item_id"] for n in config["encodings"]}
        features.item_table = {n: unpack(rows) for n, rows in config["item_table"].items()}
        features.has_order, features.has_baskets = config["has_order"], config["has_baskets"]
        features.of_events = frozenset(config["of_events"])
        seen = config.get("last_seen", {})  # files of earlier versions lack it and `waiting`
        features.last_seen = {name: unpack(times) for name, times in seen.items()}
        if "given_up" in config:
            features.given_up = unpack(config["given_up"])
        features.waiting = {
            name: pd.Series(unpack(one["counts"]), pd.Index(unpack(one["values"])))
            for name, one in config.get("waiting", {}).items()
        }
        return features

    def describe(self) -> list[dict[str, object]]:
        """A plain list for model cards: side, name, kind, column and size of each feature, whether
        it is the context of a request, and what a reader should know of its encoding."""
        return [
            {
                "side": side,
                "name": feature.name,
                "kind": type(feature).__name__,
                "column": feature.column,
                "context": feature.name in self.of_events,
                "size": self.encodings[feature.name].size if self.encodings else None,
                "told": feature.told(self.encodings[feature.name]) if self.encodings else "",
            }
            for side, side_features in (("user", self.user), ("item", self.item))
            for feature in side_features
        ]
