"""Learnt mappings from raw values to what an embedding layer takes, each one twice.

`encode` works in bulk with NumPy for training; `graph` gives the same mapping in TensorFlow ops,
for the served graph that takes raw values. A test holds the two together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar, Protocol

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_fields
from tfrec_recall.data import Vocabulary
from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.data.columns.times import holds_dates, seconds
from tfrec_recall.data.packing import pack, unpack

# What groups digits beside each decimal sign: blanks, also those that do not break, and the other.
_GROUPING = {".": ", \u00a0\u202f", ",": ". \u00a0\u202f"}


class Encoding(Protocol):
    """A learnt mapping from raw values to what the embedding layer takes; 0 is padding.

    `size` is the number of rows an embedding table needs, or 0 where the value itself is the input;
    `rank` is 1 for one value a row and 2 for a list of values a row.
    """

    @property
    def size(self) -> int: ...

    @property
    def rank(self) -> int: ...

    @property
    def dtype(self) -> tf.DType: ...

    def encode(self, values: pd.Series) -> np.ndarray: ...

    def raw_spec(self) -> tf.TensorSpec: ...

    def graph(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """A callable from the raw tensor to the encoded one, made once and kept with the model."""


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass
class VocabularyEncoding:
    """Raw ids to integers: 0 padding, 1 unknown."""

    vocabulary: Vocabulary
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int32

    @property
    def size(self) -> int:
        return len(self.vocabulary)

    @property
    def raw_dtype(self) -> tf.DType:
        return tf.string if isinstance(self.vocabulary.padding, str) else tf.int64

    def encode(self, values: pd.Series) -> np.ndarray:
        values = without_categories(values)
        if is_truth(values):
            values = values.astype("boolean").astype("Int64")
        elif pd.api.types.is_float_dtype(values.dtype) and self.raw_dtype == tf.int64:
            # As CSV files bring integers with gaps; a fraction was never seen.
            whole = (values % 1 == 0) & (values.abs() < 2.0**63)
            values = values.where(whole).astype("Int64")
        return self.vocabulary.encode(values)

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], self.raw_dtype)

    def graph(self):
        return IdLookup(self.vocabulary)

    def get_config(self):
        return {"vocabulary": self.vocabulary.get_config()}

    @classmethod
    def from_config(cls, config):
        return cls(Vocabulary.from_config(config["vocabulary"]))


class IdLookup(tf.Module):
    """The vocabulary's lookup as a module, so that a SavedModel finds its table."""

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self.lookup = vocabulary.lookup()

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        return tf.cast(self.lookup(raw), tf.int32)


@dataclasses.dataclass
class NumberEncoding:
    """What encodings of numbers share: how they are read from raw values.

    Args:
        log: log(1 + x) is taken first.
        decimal: the decimal sign of numbers that come as texts; None where they are numbers.
    """

    log: bool = False
    decimal: str | None = None

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.float32 if self.decimal is None else tf.string)

    def read(self, values: pd.Series) -> np.ndarray:
        """float64 [values], NaN where there is none."""
        return logarithm(numbers_of(values, self.decimal), self.log)

    def read_in_graph(self, raw: tf.Tensor) -> tf.Tensor:
        """The same in TensorFlow operations, float32."""
        if self.decimal is not None:
            raw = tf.strings.regex_replace(raw, f"[{_GROUPING[self.decimal]}]", "")
            raw = tf.strings.regex_replace(raw, f"[{self.decimal}]", ".")
            raw = tf.strings.to_number(tf.where(raw == "", "nan", raw), tf.float32)
        return tf.math.log1p(raw) if self.log else raw


@saved_by_fields
@dataclasses.dataclass
class NormalisedEncoding(NumberEncoding):
    """(x - mean) / deviation, the deviation of the population; missing gives 0."""

    mean: float = 0.0
    deviation: float = 1.0
    size: ClassVar[int] = 0
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.float32

    def encode(self, values: pd.Series) -> np.ndarray:
        scaled = (self.read(values) - self.mean) / self.deviation
        return np.where(np.isfinite(scaled), scaled, 0.0).astype("float32")

    def graph(self):
        def normalise(raw):
            raw = self.read_in_graph(raw)
            scaled = (raw - self.mean) / self.deviation
            return tf.where(tf.math.is_finite(scaled), scaled, 0.0)

        return normalise


@saved_by_fields
@dataclasses.dataclass
class VectorEncoding:
    """Given vectors of one width, as they are; missing ones are zeros."""

    width: int
    size: ClassVar[int] = 0
    rank: ClassVar[int] = 2
    dtype: ClassVar[tf.DType] = tf.float32

    def encode(self, values: pd.Series) -> np.ndarray:
        table = np.zeros((len(values), self.width), "float32")
        present = np.flatnonzero(values.notna())
        wrong = [row for row in present if len(values.iloc[row]) != self.width]
        if wrong:
            raise ValueError(
                f"Vectors have {self.width} numbers each, as in training. Received: "
                f"{len(wrong):,} others, the first of {len(values.iloc[wrong[0]])}."
            )
        if len(present):
            table[present] = np.stack([np.asarray(values.iloc[row], float) for row in present])
        absent = ~np.isfinite(table).all(axis=1)
        if absent.any():
            raise ValueError(
                f"Vectors hold finite numbers; leave a vector out whole where one is missing. "
                f"Received: {absent.sum():,} others, the first {table[absent][0].tolist()}."
            )
        return table

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None, self.width], tf.float32)

    def graph(self):
        return lambda raw: tf.where(tf.math.is_finite(raw), raw, 0.0)


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass
class BucketEncoding(NumberEncoding):
    """The bucket of a number: 0 missing, 1 unused (unknown elsewhere), 2 the lowest."""

    boundaries: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, "float32"))
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int32

    @property
    def size(self) -> int:
        return len(self.boundaries) + 3

    def encode(self, values: pd.Series) -> np.ndarray:
        numbers = self.read(values).astype("float32")
        bucket = np.searchsorted(self.boundaries, numbers, side="right") + 2
        return np.where(np.isnan(numbers), 0, bucket).astype("int32")

    def graph(self):
        boundaries = tf.constant(self.boundaries, tf.float32)

        def bucketise(raw):
            raw = self.read_in_graph(raw)
            bucket = tf.searchsorted(boundaries, raw, side="right") + 2
            return tf.where(tf.math.is_nan(raw), 0, bucket)

        return bucketise

    def get_config(self):
        return {
            "log": self.log,
            "decimal": self.decimal,
            "boundaries": pack(self.boundaries),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "boundaries": unpack(config["boundaries"])})


@saved_by_fields
@dataclasses.dataclass
class TimeEncoding:
    """A part of the calendar by arithmetic: (t // unit + shift) mod count, from 2 upwards."""

    unit: int
    count: int
    shift: int
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int32

    @property
    def size(self) -> int:
        return self.count + 2

    def encode(self, values: pd.Series) -> np.ndarray:
        column = str(values.name or "time")
        numbers = values
        # Times of the events are checked, and of an order any; ticks of a moment are no seconds.
        if column != "timestamp" or not pd.api.types.is_numeric_dtype(values.dtype):
            numbers, _ = seconds(values.to_frame(column), column=column)
        whole = np.floor(numbers.to_numpy()).astype("int64")
        return ((whole // self.unit + self.shift) % self.count + 2).astype("int32")

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.int64)

    def graph(self):
        return lambda raw: tf.cast((raw // self.unit + self.shift) % self.count + 2, tf.int32)


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SecondsEncoding:
    """Times as whole seconds, int64, plus 1: 0 is padding, which raw times have as -1.

    Never a float of 32 bits: those stand 64 seconds apart in this century. Numbers of an order may
    be negative; one of -1 is told from padding by the item beside it.
    """

    size: ClassVar[int] = 0
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int64

    def encode(self, values: pd.Series) -> np.ndarray:
        return np.floor(values.to_numpy()).astype("int64") + 1

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.int64)

    def graph(self):
        return lambda raw: raw + 1

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls()


@saved_by_fields
@dataclasses.dataclass
class SessionEncoding:
    """Ids of sessions to numbers that tell them apart, those too that training never saw; 0 is
    padding.

    Args:
        text: whether the ids are text, which is hashed, or whole numbers, of which -1 is none.
    """

    text: bool
    size: ClassVar[int] = 0
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int64

    def encode(self, values: pd.Series) -> np.ndarray:
        raw = values.astype(str if self.text else "int64").to_numpy()
        return self.graph()(tf.constant(raw)).numpy()

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string if self.text else tf.int64)

    def graph(self):
        def number(raw):
            if not self.text:
                return raw + 1  # the largest becomes the least: no two are the same
            hashed = tf.strings.to_hash_bucket_fast(raw, 2**62) + 1
            return tf.where(raw == "", tf.zeros([], tf.int64), hashed)

        return number


def is_truth(values: pd.Series) -> bool:
    """Whether these are True and False, beside missing values."""
    if values.dtype == object:
        return pd.api.types.infer_dtype(values, skipna=True) == "boolean"
    return pd.api.types.is_bool_dtype(values.dtype)


def holds_times(values: pd.Series) -> bool:
    """Whether these are moments, days, periods or durations, in types of their own.

    >>> holds_times(pd.Series(pd.to_timedelta([None, "1 day"]))), holds_times(pd.Series([86_400]))
    (True, False)
    """
    dtype = without_categories(values).dtype
    return holds_dates(values) or dtype.kind in "mM" or isinstance(dtype, pd.PeriodDtype)


def numbers_of(values: pd.Series, decimal: str | None) -> np.ndarray:
    """Numbers as float64, NaN where there is none.

    Args:
        decimal: the decimal sign of numbers in texts; None where they are numbers.

    Raises: ValueError for what is no number, and for times, whose ticks are of any unit.

    >>> numbers_of(pd.Series(["1.234,5", " 7", None]), ",").tolist()
    [1234.5, 7.0, nan]
    """
    numbers = values
    if holds_times(values):
        raise ValueError(
            f"numbers are expected, and these are times ({values.dtype}): make a column of numbers "
            f"of them before, as .dt.year does. Received: {values.head(3).astype(str).tolist()}."
        )
    if decimal is not None:
        text = values.astype("str").str.replace(f"[{_GROUPING[decimal]}]", "", regex=True)
        numbers = text.str.replace(decimal, ".", regex=False)
        numbers = numbers.mask(numbers == "")
    found = pd.to_numeric(numbers, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    bad = numbers.notna().to_numpy() & np.isnan(found)
    if bad.any():
        raise ValueError(
            f"numbers are expected; {bad.sum():,} values are none, the first "
            f"{values[bad].head(3).tolist()}. Use Categorical, or clean the column."
        )
    return found


def logarithm(numbers: np.ndarray, log: bool) -> np.ndarray:
    """log(1 + x) where it is asked for; numbers of -1 and below are an error."""
    if not log:
        return numbers
    if np.nanmin(numbers, initial=0.0) <= -1:
        raise ValueError(
            "A numeric feature with log=True takes log(1 + x) of numbers above -1. "
            f"Received: a minimum of {np.nanmin(numbers)}."
        )
    return np.log1p(numbers)
