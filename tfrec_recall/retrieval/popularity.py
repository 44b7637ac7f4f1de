"""How popular items are, and lists that are filled up with the popular ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.arguments import number
from tfrec_recall.data.columns.arrow_frames import without_nullable
from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.retrieval.exact import exact_search, gather
from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.query_blocks import some_of
from tfrec_recall.retrieval.seldom import if_seldom
from tfrec_recall.retrieval.selection import NO_ROW, best, merge_by_maximum, unwanted

if TYPE_CHECKING:
    from tfrec_recall.data import Interactions

SECONDS_A_DAY = 86_400
EXACT_IN_FLOAT32 = 2**24
LEADING = 1_000  # items of a segment, and of all, that are looked at before all others are


@dataclasses.dataclass(frozen=True, eq=False)
class Popularity:
    """How often items are taken, overall, and in segments of users.

    Args:
        item_ids: raw ids.
        scores: of each item; 0 is the least popular.
        by: the feature of a request that says the user's segment; None without segments.
        in_segments: a row for each item taken in a segment: `segment`, a raw value of `by`,
            `item_id` and `score`.
        half_life_days: that the events were counted with; None where all count alike.
        newest: the time of the newest event, where a half-life counts from it.
    """

    item_ids: Sequence[Any] | np.ndarray
    scores: Sequence[float] | np.ndarray
    by: str | None = None
    in_segments: pd.DataFrame | None = None
    half_life_days: float | None = None
    newest: float | None = None

    def __post_init__(self) -> None:
        _check_half_life(self.half_life_days)

    @classmethod
    def of(
        cls, train: Interactions, by: str | None = None, half_life_days: float | None = None
    ) -> Self:
        """Counted in these events; by `events.weight` where there is one.

        Args:
            by: a column of the users: those of one value are a segment.
            half_life_days: an event counts half of one that came so many days later.

        Raises: ValueError for users without this column, or with one that is none of `segments`,
            for events without time, or a half-life that is not above 0.

        >>> from tfrec_recall.data import Interactions
        >>> events = pd.DataFrame({"user_id": [1, 1, 2], "item_id": ["a", "b", "b"]})
        >>> found = Popularity.of(Interactions(events))
        >>> list(found.item_ids), list(found.scores)
        (['a', 'b'], [1.0, 2.0])
        """
        events = train.events[["user_id", "item_id"]].assign(
            score=event_weights(train, half_life_days)
        )
        overall = events.groupby("item_id", observed=True)["score"].sum()
        counted = (overall.index.to_numpy(), overall.to_numpy())
        newest = None if half_life_days is None else float(train.events["timestamp"].max())
        if by is None:
            return cls(*counted, half_life_days=half_life_days, newest=newest)
        if by not in train.users:
            raise ValueError(
                "Segments are values of a column of the users. "
                f"Received: {by!r}; there are {', '.join(map(str, train.users))}."
            )
        segment = segments(train.users.set_index("user_id")[by])
        events = events.assign(segment=events["user_id"].map(segment)).dropna(subset=["segment"])
        names = ["segment", "item_id"]
        within = events.groupby(names, observed=True)["score"].sum().reset_index()
        return cls(*counted, by, without_nullable(within), half_life_days, newest)

    def later(self, since: Interactions) -> Self:
        """Counted in these events as well, as all at once would be.

        Raises: as `of`; and ValueError for one that does not know when its newest event was.
        """
        if self.half_life_days is not None and self.newest is None:
            raise ValueError(
                "What counts by a half-life goes on from its newest event. Received: newest=None."
            )
        more = type(self).of(since, self.by, self.half_life_days)
        now = None if self.newest is None else max(self.newest, more.newest or self.newest)
        parts = [(one, one._kept(now)) for one in (self, more)]
        overall = pd.concat(
            pd.DataFrame({"item_id": one.item_ids, "score": np.asarray(one.scores) * kept})
            for one, kept in parts
        )
        scores = overall.groupby("item_id", observed=True)["score"].sum()
        within = None
        if self.by is not None:
            rows = [
                one.in_segments.assign(score=one.in_segments["score"] * kept)
                for one, kept in parts
                if one.in_segments is not None
            ]
            rows = [one for one in rows if len(one)] or rows[:1]  # of no rows no type is known
            grouped = pd.concat(rows).groupby(["segment", "item_id"], observed=True)["score"]
            within = grouped.sum().reset_index()
        counted = (scores.index.to_numpy(), scores.to_numpy())
        return type(self)(*counted, self.by, within, self.half_life_days, now)

    def _kept(self, now: float | None) -> float:
        """What is left of the scores by then."""
        if now is None or self.newest is None or self.half_life_days is None:
            return 1.0
        return 0.5 ** ((now - self.newest) / SECONDS_A_DAY / self.half_life_days)


def segments(values: pd.Series) -> pd.Series:
    """The values of a column of users as requests tell segments: text, or integers, nullable ones.

    Yes and no are 1 and 0, as they are as features.

    Raises: ValueError for fractions, and for what is neither text nor a number.

    >>> segments(pd.Series([True, None])).tolist(), segments(pd.Series([2.0, None])).tolist()
    ([1, <NA>], [2, <NA>])
    """
    values = without_categories(values)
    strange = values.dropna()
    kind = pd.api.types.infer_dtype(strange)
    if kind in ("string", "empty"):
        return values
    if kind == "boolean":
        return values.astype("boolean").astype("Int64")
    if kind in ("integer", "floating", "mixed-integer-float"):
        strange = strange[strange % 1 != 0]
        if not len(strange):
            return values.astype("Int64")
    raise ValueError(
        "Segments are values of a column that holds text, whole numbers, or yes and no: make a "
        f"column of buckets of one that holds something else. Received: {values.name!r} of {kind} "
        f"values, such as {strange.iloc[0]}."
    )


def told_apart_by_floats(names: pd.Series | pd.Index) -> bool:
    """Whether segments are told by whole numbers that float32 tells apart, too."""
    if not pd.api.types.is_integer_dtype(names.dtype):
        return False
    return bool((np.abs(names.to_numpy("float64")) <= EXACT_IN_FLOAT32).all())


def whole_numbers(told: tf.Tensor) -> tf.Tensor:
    """Floats as int64; -1, which is no segment, for what is missing or no whole number.

    >>> whole_numbers(tf.constant([3.0, 2.5, float("nan")])).numpy()
    array([ 3, -1, -1])
    """
    whole = tf.math.is_finite(told) & (tf.math.floor(told) == told)
    return tf.cast(tf.where(whole, told, tf.cast(-1, told.dtype)), tf.int64)


def event_weights(train: Interactions, half_life_days: float | None = None) -> np.ndarray:
    """What each event counts: its weight or 1, times 2^(-age / half-life), float64 [events].

    The age runs to the newest event.
    """
    weight = np.ones(len(train.events))
    if "weight" in train.events:
        weight = train.events["weight"].to_numpy("float64")
    _check_half_life(half_life_days)
    if half_life_days is None:
        return weight
    train.require_time("Popular with a half-life")
    time = train.events["timestamp"].to_numpy("float64")
    age = (time.max(initial=-np.inf) - time) / SECONDS_A_DAY
    return weight * 0.5 ** (age / half_life_days)


def _check_half_life(half_life_days: float | None) -> None:
    number("Popularity", half_life_days, "half_life_days", above=0, optional=True)


def below_evidence(scores: np.ndarray) -> np.ndarray:
    """Numbers in [-1, 0), in the order of the scores, by which items follow what has evidence.

    By the place among all scores: one that is small beside the largest would be rounded away.

    >>> below_evidence(np.array([3.0, 0.0, 1e-9])).round(2)
    array([-0.33, -1.  , -0.67])
    """
    place = np.unique(np.append(scores, 0.0), return_inverse=True)[1][:-1]  # 0 is the least popular
    return place / (place.max(initial=0) + 1.0) - 1.0


class Fallback(tf.Module):
    """Popular items below what there is evidence for: those of a user's segment, then all others.

    Args:
        item_ids: the raw ids of the catalogue, in the order of its rows.
        popularity: of these items; None: all alike, so that any come.

    Attributes:
        inputs: the feature that says a user's segment, name -> `tf.TensorSpec`; often none.
        below: the scores of all items where segments do not matter, [items, 1], below 0.
        report: plain values: what it is.
    """

    def __init__(self, item_ids: np.ndarray, popularity: Popularity | None = None):
        super().__init__(name="fallback")
        popularity = popularity or Popularity(item_ids, np.zeros(len(item_ids)))
        rows = pd.Series(np.arange(len(item_ids), dtype=np.int32), index=pd.Index(item_ids))
        score = pd.Series(popularity.scores, index=pd.Index(popularity.item_ids), dtype="float64")
        overall = score.reindex(rows.index).fillna(0.0).to_numpy()
        inputs: dict[str, tf.TensorSpec] = {}
        report: dict[str, Any] = {"kind": "popular items" if overall.any() else "any items"}
        below = below_evidence(overall)
        if popularity.in_segments is not None:
            below = below / 2 - 0.5  # under what a segment has, from -0.5 to 0
        order = np.argsort(-below, kind="stable")[:LEADING].astype(np.int32)
        self.below = _constant(below[:, np.newaxis].astype("float32"), "below")  # [items, 1]
        self._leading = _constant(order, "leading")
        self._segment = None
        if popularity.in_segments is not None:
            self._own = _InSegments(popularity.in_segments, rows)
            names = self._own.names
            whole = pd.api.types.is_integer_dtype(names)
            dtype = tf.int64 if whole else tf.string
            inputs[str(popularity.by)] = tf.TensorSpec([None], dtype)
            self._segment = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(
                    tf.constant(np.asarray(names), dtype), tf.range(len(names), dtype=tf.int64)
                ),
                default_value=len(names),  # overall
            )
            report |= {"by": popularity.by, "segments": len(names)}
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "report", report)

    def beside(self, inputs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
        """The inputs of a retriever, and the feature that says a segment, which may be one of them.

        Raises: ValueError for one of another type; whole numbers may come as models take numbers,
            unless these are too large for that.
        """
        for name, spec in self.inputs.items():
            own = inputs.get(name, spec)
            number = spec.dtype.is_integer and own.dtype.is_floating
            if number and not told_apart_by_floats(self._own.names):
                raise ValueError(
                    f"Requests give {name!r} as {own.dtype.name}, which tells whole numbers apart "
                    f"up to {EXACT_IN_FLOAT32:,}: make the feature Categorical, or take segments "
                    "of smaller numbers."
                )
            if not own.is_compatible_with(tf.TensorSpec([None], own.dtype) if number else spec):
                raise ValueError(
                    f"Segments are values of a feature that is {spec.dtype.name} [batch]. "
                    f"Received: {name!r}, which requests give as {own}."
                )
        return {**inputs, **self.inputs, **inputs}

    def filled(
        self,
        lacking: tf.Tensor,
        queries: Mapping[str, tf.Tensor] | None,
        rows: tf.Tensor,
        scores: tf.Tensor,
        exclude: tf.Tensor,
        k: tf.Tensor | int,
        allowed: Allowed | None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Lists that are too short, popular items behind: their scores are below 0 and the others'.

        Args:
            lacking: which are, bool [batch].
            queries: of which a feature may say the segment; None: what is popular overall.
            rows, scores: as of `Retriever.recommend`.
            exclude, allowed: as of `Retriever.recommend`; what they leave out stays out.
        """
        if self._segment is None:
            segment = tf.zeros(tf.shape(lacking), tf.int32)
        elif queries is None:
            segment = tf.fill(tf.shape(lacking), len(self._own.names))
        else:
            (name,) = self.inputs
            told = queries[name]
            if told.dtype.is_floating:
                told = whole_numbers(told)
            segment = tf.cast(self._segment.lookup(told), tf.int32)

        def completed():
            of = tf.where(lacking)
            some = some_of((rows, scores, exclude, segment, allowed), of[:, 0])
            found = self._completed(some, k)
            return (
                tf.tensor_scatter_nd_update(rows, of, found[0]),
                tf.tensor_scatter_nd_update(scores, of, found[1]),
            )

        return if_seldom(tf.reduce_any(lacking), completed, lambda: (rows, scores))

    def _completed(self, lists, k):
        rows, scores, exclude, segment, allowed = lists
        batch = tf.shape(rows)[0]
        exclude = tf.concat([exclude, rows], axis=1)
        leading = tf.repeat(self._leading[tf.newaxis], batch, axis=0)
        worth = gather(self.below, leading)[:, :, 0]
        if self._segment is not None:
            own, own_worth = self._own.of(segment)
            leading, worth = tf.concat([own, leading], 1), tf.concat([own_worth, worth], 1)
        worth = tf.where(unwanted(leading, exclude, allowed), float("-inf"), worth)
        more, worth = merge_by_maximum(leading, worth, k)
        there = tf.reduce_sum(tf.cast(rows != NO_ROW, tf.int32), axis=1)
        found = tf.reduce_sum(tf.cast(more != NO_ROW, tf.int32), axis=1)

        def all_others():
            out = tf.concat([exclude, more], axis=1)
            others, below = exact_search(self.below, tf.ones([batch, 1]), k, out, None, allowed)
            return best(tf.concat([worth, below], 1), k, tf.concat([more, others], 1))

        more, worth = tf.cond(tf.reduce_any(there + found < k), all_others, lambda: (more, worth))
        least = tf.where(rows == NO_ROW, 0.0, scores)
        floor = tf.minimum(tf.reduce_min(least, axis=1, keepdims=True), 0.0)
        return best(tf.concat([scores, worth + floor], 1), k, tf.concat([rows, more], 1))


class _InSegments(tf.Module):
    """The leading items of segments, one segment after the other.

    Args:
        within: as `Popularity.in_segments`.
        rows: of the catalogue, by raw ids.

    Attributes:
        names: of the segments, in order; one more is overall and has no items of its own.
    """

    def __init__(self, within: pd.DataFrame, rows: pd.Series):
        super().__init__(name="in_segments")
        within = within[within["item_id"].isin(rows.index)]
        code, names = pd.factorize(within["segment"], sort=True)
        table = pd.DataFrame(
            {
                "segment": code,
                "row": rows[within["item_id"]].to_numpy(),
                "score": within["score"].to_numpy(),
            }
        )
        table = table.sort_values(["segment", "score", "row"], ascending=[True, False, True])
        table = table[table.groupby("segment").cumcount() < LEADING]
        most = table.groupby("segment")["score"].transform("max")
        worth = (table["score"] / (most + 1.0) - 1.0) / 2
        sizes = np.bincount(table["segment"], minlength=len(names) + 1)
        self.names = pd.Index(names)
        self._start = _constant(np.append(0, np.cumsum(sizes)), "start")  # of each, and the end
        self._rows = _constant(table["row"].to_numpy(np.int32), "rows")
        self._worth = _constant(worth.to_numpy(np.float32), "worth")

    def of(self, segment: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The rows and what they are worth, [batch, most of one] both; `NO_ROW` where no more."""
        start, end = tf.gather(self._start, segment), tf.gather(self._start, segment + 1)
        most = tf.maximum(tf.reduce_max(end - start), 0)
        place = start[:, tf.newaxis] + tf.range(most)  # [batch, most]
        there = place < end[:, tf.newaxis]
        place = tf.where(there, place, 0)
        rows = tf.where(there, tf.gather(self._rows, place), NO_ROW)
        return rows, tf.where(there, tf.gather(self._worth, place), float("-inf"))


def _constant(values: np.ndarray, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)
