"""Attributes of items as a graph holds them: what a request may choose by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.data.ids import PADDING_INTEGER, PADDING_STRING
from tfrec_recall.retrieval.selection import NO_ROW, is_in

Choice = dict[str, tf.Tensor]
WHOLE = ("integer", "boolean")  # pandas' names of what a column holds
UNKNOWN = -2  # a value that no item has: it is a choice, and nothing fits it


class ItemValues(tf.Module):
    """An attribute whose values are names: a category, a market, several ages.

    `where_<name>` are values of which an item has one or more, `where_not_<name>` values of which
    it has none. An item without a value fits no `where_`, and every `where_not_`.

    Args:
        name: of the attribute.
        values: of each item one, or a list of them, indexed by 0, 1 and so on: text, integers, or
            yes and no, which are 1 and 0; None, "" and -1 for none.

    Attributes:
        inputs: what a request may send, name -> `tf.TensorSpec`; "" and -1 are padding.
        listing: rows of items, which `runs` says where to find, an array.
        runs_repeat: whether an item may be listed twice by `runs`.
        example: the most frequent value; None where no item has any.
    """

    choice_specs: ClassVar[dict[str, tf.TensorSpec]] = {
        "any": tf.TensorSpec([None, None], tf.int32),
        "none": tf.TensorSpec([None, None], tf.int32),
    }

    def __init__(self, name: str, values: pd.Series):
        super().__init__(name="item_values")
        several = values.explode()
        known = several[several.notna()]
        kind = pd.api.types.infer_dtype(known)
        if kind not in (*WHOLE, "string", "empty"):
            raise ValueError(
                "Requests choose by text, numbers, yes or no, or lists of text or whole numbers. "
                f"Received: the attribute {name!r} has {kind} values, the first {known.iloc[0]!r}."
            )
        self.dtype = tf.int64 if kind in WHOLE else tf.string
        self._padding = PADDING_INTEGER if kind in WHOLE else PADDING_STRING
        known = known.astype("int64" if kind in WHOLE else object)
        known = known[known != self._padding]
        item = known.index.to_numpy()
        code, names = pd.factorize(known, sort=True)
        self._items, self._size = len(values), len(names)
        keys = tf.constant(np.asarray(names), self.dtype)
        self._code = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(keys, tf.range(len(names), dtype=tf.int64)),
            default_value=UNKNOWN,
        )
        pairs = pd.DataFrame({"item": item, "code": code}).drop_duplicates()
        own = pairs.sort_values("item", kind="stable")
        counts = np.bincount(own["item"], minlength=len(values))
        pairs = pairs.sort_values(["code", "item"])
        size = np.bincount(pairs["code"], minlength=len(names))
        self.runs_repeat = bool(counts.max(initial=0) > 1)
        self.example = names[int(size.argmax())] if len(names) else None
        self._codes = _constant(own["code"].to_numpy(np.int32), "codes")  # item by item
        self._start = _constant(np.append(0, np.cumsum(counts)), "start")  # of each, and the end
        self.listing = pairs["item"].to_numpy(np.int32)  # value by value
        # One more of each, of no size, for what no item has.
        self._length = _constant(np.append(size, 0).astype(np.int32), "length")
        self._first = _constant(np.append(np.cumsum(size) - size, 0).astype(np.int32), "first")
        self._any, self._none = f"where_{name}", f"where_not_{name}"
        spec = tf.TensorSpec([None, None], self.dtype)
        self.inputs = {self._any: spec, self._none: spec}

    def chosen(self, raw: Mapping[str, tf.Tensor]) -> Choice:
        """What requests choose, as codes [batch, any], each once; -1 is none."""
        return {"any": self._codes_of(raw[self._any]), "none": self._codes_of(raw[self._none])}

    def asked(self, choice: Choice) -> tf.Tensor:
        """Whether a choice names what is wanted, so that `runs` lists it: bool [batch]."""
        return tf.reduce_any(choice["any"] != NO_ROW, axis=1)

    def share(self, choice: Choice) -> tf.Tensor:
        """About which share of the items fits, [batch]; exact where each has one value."""
        wanted = tf.where(self.asked(choice), self._share_of(choice["any"]), 1.0)
        return tf.minimum(wanted, 1.0) * tf.maximum(1.0 - self._share_of(choice["none"]), 0.0)

    def fits(self, choice: Choice, rows: tf.Tensor) -> tf.Tensor:
        """Which items fit: rows [n], the same for all, or [batch, n], to bool [batch, n]."""

        wanted, unwanted = choice["any"], choice["none"]

        def looked_up():
            has = ~self.asked(choice)[:, tf.newaxis] | self._has(wanted, rows)
            return has & ~self._has(unwanted, rows)

        def all_fit():
            return tf.ones([tf.shape(wanted)[0], tf.shape(rows)[-1]], tf.bool)

        chosen = tf.reduce_any(wanted != NO_ROW) | tf.reduce_any(unwanted != NO_ROW)
        return tf.cond(chosen, looked_up, all_fit)

    def runs(self, choice: Choice) -> tuple[tf.Tensor, tf.Tensor]:
        """Where `listing` has the items with a wanted value: firsts and lengths [batch, runs]."""
        code = tf.where(choice["any"] >= 0, choice["any"], self._size)
        return tf.gather(self._first, code), tf.gather(self._length, code)

    def _codes_of(self, raw: tf.Tensor) -> tf.Tensor:
        code = tf.cast(self._code.lookup(raw), tf.int32)
        code = tf.where(raw == tf.constant(self._padding, raw.dtype), NO_ROW, code)
        code = tf.sort(code, axis=1)
        again = tf.pad(code[:, 1:] == code[:, :-1], [[0, 0], [1, 0]])
        return tf.where(again[:, : tf.shape(code)[1]], NO_ROW, code)

    def _share_of(self, code: tf.Tensor) -> tf.Tensor:
        length = tf.gather(self._length, tf.where(code >= 0, code, self._size))
        return tf.cast(tf.reduce_sum(length, axis=1), tf.float32) / self._items

    def _has(self, code: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Which items have one of these values, [batch, n].

        The values of an item are looked at one after the other: of all at once there would be as
        many numbers for each score as the item that has most has values.
        """
        shape = [tf.shape(code)[0], tf.shape(rows)[-1]]
        row = tf.maximum(rows, 0)
        first, end = tf.gather(self._start, row), tf.gather(self._start, row + 1)
        most = tf.reduce_max(tf.pad(tf.reshape(end - first, [-1]), [[0, 1]]))
        most = tf.where(tf.reduce_any(code != NO_ROW), most, 0)

        def next_value(place, has):
            at = first + place
            there = at < end
            own = tf.where(there, tf.gather(self._codes, tf.where(there, at, 0)), NO_ROW)
            own = tf.broadcast_to(own, shape)
            return place + 1, has | (is_in(own, code) & (own >= 0))

        _, has = tf.while_loop(
            lambda place, _: place < most,
            next_value,
            (tf.constant(0, tf.int64), tf.zeros(shape, tf.bool)),
            shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, None])),
            parallel_iterations=1,  # more would hold several values of each item
        )
        return has


class ItemNumbers(tf.Module):
    """An attribute that is a number: a price, a year.

    `min_<name>` and `max_<name>` are the bounds of a request, both within them; NaN is no bound. An
    item without a number is within none. Bounds are rounded to the type of the column, so that what
    is written 9.99 is within 9.99 whatever holds it.

    Args:
        name: of the attribute.
        values: of each item, NaN for none.

    Attributes:
        example: the middle one of the numbers; None where no item has any.
    """

    runs_repeat = False
    choice_specs: ClassVar[dict[str, tf.TensorSpec]] = {
        "least": tf.TensorSpec([None], tf.float64),
        "most": tf.TensorSpec([None], tf.float64),
    }

    def __init__(self, name: str, values: pd.Series):
        super().__init__(name="item_numbers")
        size = getattr(values.dtype, "itemsize", 8)  # bytes
        narrow = pd.api.types.is_float_dtype(values.dtype) and size < 8
        self._held_in = tf.dtypes.as_dtype(f"float{8 * size}") if narrow else tf.float64
        numbers = values.to_numpy("float64", na_value=np.nan)
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
        order = np.argsort(numbers, kind="stable")[: np.isfinite(numbers).sum()]
        self._items = len(numbers)
        self.numbers = _constant(numbers, "numbers")
        self._sorted = _constant(numbers[order], "sorted")
        self.listing = order.astype(np.int32)
        self.example = float(numbers[order[len(order) // 2]]) if len(order) else None
        self._least, self._most = f"min_{name}", f"max_{name}"
        spec = tf.TensorSpec([None], tf.float64)
        self.inputs = {self._least: spec, self._most: spec}

    def chosen(self, raw: Mapping[str, tf.Tensor]) -> Choice:
        bounds = {"least": raw[self._least], "most": raw[self._most]}
        return {
            name: tf.cast(tf.cast(bound, self._held_in), tf.float64)
            for name, bound in bounds.items()
        }

    def asked(self, choice: Choice) -> tf.Tensor:
        return ~tf.math.is_nan(choice["least"]) | ~tf.math.is_nan(choice["most"])

    def share(self, choice: Choice) -> tf.Tensor:
        length = tf.cast(self.runs(choice)[1][:, 0], tf.float32)
        return tf.where(self.asked(choice), length / self._items, 1.0)

    def fits(self, choice: Choice, rows: tf.Tensor) -> tf.Tensor:
        def within():
            number = tf.gather(self.numbers, tf.maximum(rows, 0))
            above = tf.math.is_nan(least) | (number >= least)
            below = tf.math.is_nan(most) | (number <= most)
            return (above & below) | ~self.asked(choice)[:, tf.newaxis]

        def all_fit():
            return tf.ones([tf.shape(least)[0], tf.shape(rows)[-1]], tf.bool)

        least, most = choice["least"][:, tf.newaxis], choice["most"][:, tf.newaxis]
        return tf.cond(tf.reduce_any(self.asked(choice)), within, all_fit)

    def runs(self, choice: Choice) -> tuple[tf.Tensor, tf.Tensor]:
        infinity = tf.constant(np.inf, tf.float64)
        least = tf.where(tf.math.is_nan(choice["least"]), -infinity, choice["least"])
        most = tf.where(tf.math.is_nan(choice["most"]), infinity, choice["most"])
        first = tf.searchsorted(self._sorted, least, side="left")
        end = tf.searchsorted(self._sorted, most, side="right")
        return first[:, tf.newaxis], tf.maximum(end - first, 0)[:, tf.newaxis]


def attributes_of(name: str, values: pd.Series) -> list[ItemValues | ItemNumbers]:
    """What a column of the items lets requests choose by; whole numbers both ways.

    Raises: ValueError for what is neither text, number, yes or no, nor a list of text or integers.
    """
    values = without_categories(values).reset_index(drop=True)
    if pd.api.types.is_bool_dtype(values.dtype):
        return [ItemValues(name, values)]
    if pd.api.types.is_float_dtype(values.dtype):
        return [ItemNumbers(name, values)]
    if pd.api.types.is_integer_dtype(values.dtype):
        return [ItemValues(name, values), ItemNumbers(name, values)]
    if not pd.api.types.is_object_dtype(values.dtype) and not pd.api.types.is_string_dtype(values):
        raise ValueError(
            "Requests choose by text, numbers, or lists of text or whole numbers. "
            f"Received: the attribute {name!r} is of type {values.dtype}."
        )
    return [ItemValues(name, values.map(_listed))]


def _listed(value: Any) -> Any:
    """Arrays and sets of values as lists, which `explode` takes apart."""
    return list(value) if isinstance(value, np.ndarray | set | frozenset | tuple) else value


def _constant(values: np.ndarray, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)
