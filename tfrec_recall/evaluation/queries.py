"""The raw queries of many users, as a retriever's inputs name them, one batch at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.columns.arrow_frames import without_nullable
from tfrec_recall.data.columns.column_types import (
    nullable,
    of_floats,
    with_nullable,
    without_categories,
)
from tfrec_recall.data.columns.times import holds_dates
from tfrec_recall.data.ids import places
from tfrec_recall.retrieval.raw_inputs import padding, whole_seconds

HISTORY = "history"
TIMESTAMP = "timestamp"
OBJECTIVE = "objective"
# Of a target, what nobody knows when its request is made.
CHOSEN = ("item_id", "rating", "weight", "event_type")
TEXT = ("string",)  # pandas' names of what a column holds
NUMBERS = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")


@dataclasses.dataclass(frozen=True)
class Ragged:
    """Rows of unequal length in one tensor: row r is `values[offsets[r]:offsets[r + 1]]`.

    Args:
        values: all rows one after the other, and the padding as the last value.
        offsets: int64 [rows + 1].
        width: keep only the last `width` values of a row; None keeps all.
        codes: where in `values`, then each there once, those of the rows stand, and last a -1 for
            the padding, which is what is missing, too. A string of a tensor takes 24 bytes or more,
            a code 1 to 4.
    """

    values: tf.Tensor
    offsets: np.ndarray
    width: int | None = None
    codes: np.ndarray | None = None

    def padded(self, rows: np.ndarray) -> tf.Tensor:
        """These rows as [rows, width], or as wide as the longest of them, padded on the right."""
        start, end = self.offsets[rows], self.offsets[rows + 1]
        if self.width is not None:
            start = np.maximum(start, end - self.width)
        width = self.width or max(1, int((end - start).max(initial=0)))
        place = start[:, np.newaxis] + np.arange(width)  # [rows, width]
        last = len(self.values if self.codes is None else self.codes) - 1
        place = np.where(place < end[:, np.newaxis], place, last)
        if self.codes is not None:
            place = self.codes[place].astype(np.int64) % len(self.values)  # -1 is the last
        return tf.gather(self.values, place)


class Queries:
    """What a retriever is asked for these users: its inputs, by the names they carry.

    `history` is the raw item ids of a user's events, oldest first; `history_<column>` that column
    of the same events; `timestamp` the time of the request in Unix seconds; `objective` is left
    open (""), which asks for the blend of all; any other name is a column of the users table, or
    of the request's context. Nothing else is known of a user here, so nothing else can leak.

    Args:
        inputs: the retriever's inputs, name -> `tf.TensorSpec` [batch] or [batch, any]. A fixed
            second axis keeps the latest events.
        users: raw user ids, each once: row r of every batch is one of them.
        history: events, oldest first within a user; those of other users are left aside.
        table: the users table; needed only for inputs that are columns of it.
        timestamps: time of each user's request, [users]; needed only when `timestamp` is an input.
        context: what the requests say of themselves, a row for each of `users` in their order;
            needed only for inputs that users have no column of. Missing values are left empty.

    Raises: ValueError when the data lacks what an input needs, or holds it in another type.

    >>> events = pd.DataFrame({"user_id": ["b", "a", "b"], "item_id": ["x", "y", "z"]})
    >>> inputs = {"history": tf.TensorSpec([None, None], tf.string)}
    >>> queries = Queries(inputs, np.array(["a", "b"]), events)
    >>> queries.batch(np.array([1, 0]))["history"].numpy().tolist()
    [[b'x', b'z'], [b'y', b'']]
    """

    def __init__(
        self,
        inputs: Mapping[str, tf.TensorSpec],
        users: np.ndarray,
        history: pd.DataFrame,
        table: pd.DataFrame | None = None,
        timestamps: np.ndarray | None = None,
        context: pd.DataFrame | None = None,
    ):
        self.users = users
        self._context = context
        row = places(pd.Index(users), history["user_id"])
        theirs = np.flatnonzero(row >= 0)
        order = theirs[np.argsort(row[theirs], kind="stable")]
        self.history_length = np.bincount(row[order], minlength=len(users))
        self._offsets = np.concatenate([[0], np.cumsum(self.history_length)])
        self._items = _coded(history["item_id"].iloc[order])
        self._columns: dict[str, tf.Tensor | Ragged] = {}
        for name, spec in inputs.items():
            if name == HISTORY:
                self._columns[name] = self._of_history(self._items, spec, name)
            elif name.startswith(f"{HISTORY}_"):
                column = name.removeprefix(f"{HISTORY}_")
                values = _coded(_column(history, column, name, "events").iloc[order])
                self._columns[name] = self._of_history(values, spec, name)
            elif name == TIMESTAMP:
                if timestamps is None:
                    raise ValueError(
                        "The retriever takes the time of the request, and the data has none."
                    )
                self._columns[name] = tf.constant(np.floor(timestamps).astype(np.int64), spec.dtype)
            elif name == OBJECTIVE:
                self._columns[name] = tf.fill([len(users)], "")
            elif name == "user_id":
                self._columns[name] = raw_tensor(pd.Series(users), spec.dtype, name)
            else:
                self._columns[name] = self._of_table(table, spec, name)
        self._seen: Ragged | None = None

    def __len__(self) -> int:
        return len(self.users)

    def batch(self, rows: np.ndarray) -> dict[str, tf.Tensor]:
        """The raw queries of these rows of `users`."""
        return {
            name: column.padded(rows) if isinstance(column, Ragged) else tf.gather(column, rows)
            for name, column in self._columns.items()
        }

    def seen(self, rows: np.ndarray) -> tf.Tensor:
        """The whole history's raw item ids, [rows, any], to leave out of a ranking."""
        if self._seen is None:
            whole = pd.api.types.is_integer_dtype(self._items.dtype)
            spec = tf.TensorSpec([None, None], tf.int64 if whole else tf.string)
            asked = self._columns.get(HISTORY)
            if isinstance(asked, Ragged) and asked.values.dtype == spec.dtype:
                self._seen = dataclasses.replace(asked, width=None)  # they are held once
            else:
                self._seen = self._of_history(self._items, spec, "item_id")
        return self._seen.padded(rows)

    def seen_pairs(self) -> tuple[np.ndarray, pd.Series]:
        """The row of the user and the raw item, a category if text, of each event of histories."""
        return np.repeat(np.arange(len(self.users)), self.history_length), self._items

    def _of_history(self, values: pd.Series, spec: tf.TensorSpec, name: str) -> Ragged:
        width = spec.shape[1] if spec.shape.rank == 2 else None
        codes = None
        if spec.dtype == tf.string and _of_text(values):
            codes = np.append(values.cat.codes.to_numpy(), np.int8(-1))
            values = pd.Series(values.cat.categories)
        tensor = raw_tensor(values, spec.dtype, name, padded=True)
        return Ragged(tensor, self._offsets, width, codes)

    def _of_table(self, table: pd.DataFrame | None, spec: tf.TensorSpec, name: str):
        table = pd.DataFrame({"user_id": self.users}) if table is None else table
        if self._context is not None and name not in table and name in self._context:
            values = self._context[name]
        else:
            values = _column(table, name, name, "users")
            values = values.astype(nullable(values.dtype))  # floats round, beside a stranger
            values = values.set_axis(pd.Index(table["user_id"])).reindex(self.users)
        if spec.shape.rank != 2:
            return raw_tensor(values, spec.dtype, name)
        return lists_tensor(values, spec, name)


def of_history(name: str) -> bool:
    """Whether an input tells of the events of histories, the same one at each place as the others.

    >>> [of_history(name) for name in ("history", "history_rating", "historian")]
    [True, True, False]
    """
    return name == HISTORY or name.startswith(f"{HISTORY}_")


def lists_tensor(values: pd.Series, spec: tf.TensorSpec, name: str) -> tf.Tensor | Ragged:
    """A column of a list in each cell; a missing list is padding, a missing value is left out.

    Vectors of the width that is taken are copied as they are: taken apart, each of their numbers
    would be an object.

    Raises: ValueError as `raw_tensor`.

    >>> vectors = pd.Series([[0.5, 1.0], None])
    >>> lists_tensor(vectors, tf.TensorSpec([None, 2], tf.float32), "image").numpy().tolist()
    [[0.5, 1.0], [nan, nan]]
    """
    width, cells = spec.shape[1], values.to_numpy(object)
    present = np.flatnonzero(values.notna())
    if (
        width is not None
        and spec.dtype.is_floating
        and all(of_floats(cells[row]) and len(cells[row]) == width for row in present)
    ):
        table = np.full((len(cells), width), np.nan, spec.dtype.as_numpy_dtype)
        for row in present:
            table[row] = cells[row]
        return tf.constant(table, spec.dtype)
    flat = values.reset_index(drop=True).explode().dropna()
    lengths = np.bincount(flat.index.to_numpy(), minlength=len(values))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Ragged(raw_tensor(flat, spec.dtype, name, padded=True), offsets, width)


def first_of_each(targets: pd.DataFrame, users: np.ndarray) -> pd.DataFrame:
    """What came with the first target of each of these users, by time where there is one.

    Nothing that follows from the choice is among it: no item, no rating.

    Args:
        targets: events; those that come first in the table come first among equals.

    Returns: a row a user, in their order.

    >>> targets = pd.DataFrame({"user_id": ["b", "b"], "timestamp": [9, 5], "page": ["x", "y"]})
    >>> first_of_each(targets, np.array(["a", "b"]))["page"].tolist()
    [nan, 'y']
    """
    if TIMESTAMP in targets:
        targets = targets.sort_values(TIMESTAMP, kind="stable")
    known = targets.drop(columns=[name for name in CHOSEN if name in targets])
    known = with_nullable(known.drop_duplicates("user_id").set_index("user_id"))
    return without_nullable(known.reindex(users))


def raw_tensor(
    values: pd.Series, dtype: tf.DType, name: str = "values", padded: bool = False
) -> tf.Tensor:
    """A raw column as a tensor; missing values become "", False, -1 or, of fractions, NaN.

    Dates become whole Unix seconds where int64 is taken, which parts of times are read from.

    Args:
        padded: append one padding value.

    Raises: ValueError when the column is text and the tensor is not, or the reverse, and for dates
        outside 1980 to 2100.

    >>> raw_tensor(pd.Series([3.0, None]), tf.int64, padded=True).numpy()
    array([ 3, -1, -1])
    """
    values = without_categories(values)
    if dtype == tf.int64 and holds_dates(values):
        values = whole_seconds(values, name)
    present = values[values.notna()]
    kind = pd.api.types.infer_dtype(present)
    if len(present) and kind not in (TEXT if dtype == tf.string else NUMBERS):
        expected = "text" if dtype == tf.string else "numbers"
        raise ValueError(
            f"The retriever takes {name!r} as {expected} ({dtype.name}); convert the column to "
            f"what it was in training. Received: {kind} values, the first {present.iloc[0]!r}."
        )
    missing = padding(dtype)
    if len(present) < len(values):
        fractions = isinstance(values.dtype, np.dtype) and values.dtype.kind == "f"
        if fractions and dtype != tf.string:
            values = values.fillna(missing)  # objects would take four times the space
        else:
            values = values.astype(object).where(values.notna(), missing)
    array = values.to_numpy(dtype=dtype.as_numpy_dtype)
    if padded:
        array = np.append(array, np.array([missing], dtype=array.dtype))
    return tf.constant(array, dtype)


def _coded(values: pd.Series) -> pd.Series:
    """Text as categories, in the order in which they come; anything else as it is."""
    if not isinstance(values.dtype, pd.StringDtype):
        return values
    codes, found = pd.factorize(values)
    return pd.Series(pd.Categorical.from_codes(codes, found), values.index, name=values.name)


def _of_text(values: pd.Series) -> bool:
    """Whether these are categories, all of them text."""
    of = values.dtype
    return isinstance(of, pd.CategoricalDtype) and isinstance(of.categories.dtype, pd.StringDtype)


def _column(table: pd.DataFrame, column: str, name: str, kind: str) -> pd.Series:
    if column not in table.columns:
        raise ValueError(
            f"The retriever takes {name!r}, and the {kind} have no column {column!r}. "
            f"Received: {', '.join(map(str, table.columns))}."
        )
    return table[column]
