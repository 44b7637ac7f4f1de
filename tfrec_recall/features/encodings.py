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
from tfrec_recall.data.packing import pack, unpack


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
        whole = pd.api.types.is_float_dtype(values.dtype) and self.raw_dtype == tf.int64
        if whole or pd.api.types.is_bool_dtype(values.dtype):
            values = values.astype("Int64")  # as CSV files bring integers with gaps
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


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class ListEncoding(VocabularyEncoding):
    """Lists of raw ids to rows of integers, padded on the right with 0."""

    rank = 2

    def encode(self, values: pd.Series) -> np.ndarray:
        flat = values.reset_index(drop=True).explode()
        flat = flat[flat.notna()]
        codes = self.vocabulary.encode(flat)
        rows = flat.index.to_numpy()
        position = flat.groupby(level=0).cumcount().to_numpy()
        table = np.zeros((len(values), int(position.max(initial=0)) + 1), "int32")
        table[rows, position] = codes
        return table

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None, None], self.raw_dtype)


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class WordsEncoding(ListEncoding):
    """Texts to rows of the integers of their words, in lower case, padded on the right with 0."""

    def encode(self, values: pd.Series) -> np.ndarray:
        return super().encode(words_of(values))

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string)

    def graph(self):
        return WordsLookup(self.vocabulary)


class WordsLookup(tf.Module):
    """The same in TensorFlow operations."""

    def __init__(self, vocabulary: Vocabulary):
        super().__init__()
        self.lookup = IdLookup(vocabulary)

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        lower = tf.strings.lower(raw, encoding="utf-8")
        words = tf.strings.split(tf.strings.regex_replace(lower, r"[^\pL\pN]+", " "))
        return words.with_flat_values(self.lookup(words.flat_values)).to_tensor()


def words_of(values: pd.Series) -> pd.Series:
    """The runs of letters and digits of each text, in lower case; of a missing one, none.

    >>> words_of(pd.Series(["T-Light HOLDER", None])).tolist()
    [['t', 'light', 'holder'], []]
    """
    return values.astype("object").where(values.notna(), "").str.lower().str.findall(r"[^\W_]+")


@saved_by_fields
@dataclasses.dataclass
class NormalisedEncoding:
    """(x - mean) / deviation, the deviation of the population; missing gives 0."""

    mean: float
    deviation: float
    log: bool = False
    size: ClassVar[int] = 0
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.float32

    def encode(self, values: pd.Series) -> np.ndarray:
        numbers = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
        scaled = (logarithm(numbers, self.log) - self.mean) / self.deviation
        return np.where(np.isfinite(scaled), scaled, 0.0).astype("float32")

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.float32)

    def graph(self):
        def normalise(raw):
            raw = tf.math.log1p(raw) if self.log else raw
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
            table[present] = np.stack([np.asarray(values.iloc[row]) for row in present])
        return table

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None, self.width], tf.float32)

    def graph(self):
        return lambda raw: raw


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass
class BucketEncoding:
    """The bucket of a number: 0 missing, 1 unused (unknown elsewhere), 2 the lowest."""

    boundaries: np.ndarray
    log: bool = False
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int32

    @property
    def size(self) -> int:
        return len(self.boundaries) + 3

    def encode(self, values: pd.Series) -> np.ndarray:
        numbers = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
        numbers = logarithm(numbers, self.log).astype("float32")
        bucket = np.searchsorted(self.boundaries, numbers, side="right") + 2
        return np.where(np.isnan(numbers), 0, bucket).astype("int32")

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.float32)

    def graph(self):
        boundaries = tf.constant(self.boundaries, tf.float32)

        def bucketise(raw):
            raw = tf.math.log1p(raw) if self.log else raw
            bucket = tf.searchsorted(boundaries, raw, side="right") + 2
            return tf.where(tf.math.is_nan(raw), 0, bucket)

        return bucketise

    def get_config(self):
        return {"boundaries": pack(self.boundaries), "log": self.log}

    @classmethod
    def from_config(cls, config):
        return cls(unpack(config["boundaries"]), config["log"])


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
        seconds = values.to_numpy(dtype="int64")
        return ((seconds // self.unit + self.shift) % self.count + 2).astype("int32")

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.int64)

    def graph(self):
        return lambda raw: tf.cast((raw // self.unit + self.shift) % self.count + 2, tf.int32)


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SecondsEncoding:
    """Times as whole seconds, int64, plus 1: 0 is padding, which raw times have as -1.

    Never a float of 32 bits: those stand 64 seconds apart in this century.
    """

    size: ClassVar[int] = 0
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int64

    def encode(self, values: pd.Series) -> np.ndarray:
        return np.floor(values.to_numpy()).astype("int64") + 1

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.int64)

    def graph(self):
        return lambda raw: tf.maximum(raw, -1) + 1

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
        text: whether the ids are text, which is hashed, or whole numbers from 0 up.
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
                return tf.maximum(raw, -1) + 1
            hashed = tf.strings.to_hash_bucket_fast(raw, 2**62) + 1
            return tf.where(raw == "", tf.zeros([], tf.int64), hashed)

        return number


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
