"""What a feature is: one frozen class a kind, which learns its encoding from a column."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd

from tfrec_recall._keras import saved_by_fields
from tfrec_recall.data import Vocabulary
from tfrec_recall.features.encodings import (
    BucketEncoding,
    Encoding,
    ListEncoding,
    NormalisedEncoding,
    TimeEncoding,
    VectorEncoding,
    VocabularyEncoding,
    WordsEncoding,
    logarithm,
    words_of,
)

SECONDS_AN_HOUR = 3600
# unit in seconds, number of values, shift: 1970-01-01 was a Thursday, and Monday is 0
TIME_PARTS = {"hour": (SECONDS_AN_HOUR, 24, 0), "weekday": (24 * SECONDS_AN_HOUR, 7, 3)}


@dataclasses.dataclass(frozen=True)
class Feature:
    """What all kinds have: the column they read, and the name they have in a batch."""

    column: str
    name: str = ""
    derived: ClassVar[bool] = False

    def __post_init__(self):
        if not self.name:
            object.__setattr__(self, "name", self.column)

    def adapt(self, values: pd.Series) -> Encoding:
        raise NotImplementedError(f"{type(self).__name__} has to say how it learns its encoding.")


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Categorical(Feature):
    """One of a set of values: an id, a country, an occupation.

    Args:
        min_count: rarer values are unknown.
        unknown_rate: the share of values that training replaces by unknown, which teaches the model
            what to do with a value it has never seen. Worth setting on user ids.
    """

    min_count: int = 1
    unknown_rate: float = 0.0

    def adapt(self, values: pd.Series) -> Encoding:
        present = values.dropna()
        if isinstance(present.dtype, pd.CategoricalDtype):
            present = present.astype(present.cat.categories.dtype)
        if pd.api.types.is_bool_dtype(present.dtype):
            present = present.astype("int64")
        if pd.api.types.is_float_dtype(present.dtype):
            present = _whole_numbers(present, self)
        return VocabularyEncoding(Vocabulary.build(present, min_count=self.min_count))


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class MultiValued(Feature):
    """Any number of values from a set: genres, tags, search tokens. A list in each cell."""

    min_count: int = 1

    def adapt(self, values: pd.Series) -> Encoding:
        exploded = values.explode().dropna()
        vocabulary = Vocabulary.build(exploded, min_count=self.min_count)
        return ListEncoding(vocabulary)


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Words(Feature):
    """The words of a text, a title or a description: runs of letters and digits, in lower case.

    Args:
        min_count: rarer words are unknown.
    """

    min_count: int = 1

    def adapt(self, values: pd.Series) -> Encoding:
        words = words_of(values).explode().dropna()
        return WordsEncoding(Vocabulary.build(words, min_count=self.min_count))


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Numeric(Feature):
    """A number: normalised to mean 0 and variance 1, or cut into buckets of equal counts.

    Missing values are 0 after normalisation (the mean), or the padding of the buckets.

    Args:
        buckets: how many buckets; None keeps the number itself.
        log: take log(1 + x) first, for prices and counts.
    """

    buckets: int | None = None
    log: bool = False

    def adapt(self, values: pd.Series) -> Encoding:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
        bad = values.notna().to_numpy() & np.isnan(numbers)
        if bad.any():
            raise ValueError(
                f"Numeric({self.column!r}) needs numbers; {bad.sum():,} values are none, the first "
                f"{values[bad].head(3).tolist()}. Use Categorical, or clean the column."
            )
        numbers = logarithm(numbers, self.log)
        present = numbers[np.isfinite(numbers)]
        if not len(present):
            present = np.zeros(1)
        if self.buckets is None:
            return NormalisedEncoding(float(present.mean()), float(present.std()) or 1.0, self.log)
        inner = np.linspace(0, 1, self.buckets + 1)[1:-1]
        return BucketEncoding(np.unique(np.quantile(present, inner)).astype("float32"), self.log)


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Vector(Feature):
    """A vector that is given, of an image or a text say: as many numbers in each cell.

    They are taken as they are, so scale them to about 1 before. A missing one is zeros.
    """

    def adapt(self, values: pd.Series) -> Encoding:
        present = values.dropna()
        widths = present.map(len).unique()
        if len(widths) != 1:
            raise ValueError(
                f"Vector({self.column!r}) needs a list of as many numbers in each cell. "
                f"Received: {sorted(widths.tolist()) or 'no list'}."
            )
        return VectorEncoding(int(widths[0]))


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class History(Feature):
    """The user's events before the target, oldest first; shares the table of another feature.

    Args:
        column: the event column it lists, `item_id` for the items themselves.
        length: the latest events kept.
    """

    column: str = "item_id"
    name: str = "history"
    length: int = 50


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class TimeOf(Feature):
    """The hour or the weekday of the request, from its time in Unix seconds, UTC.

    Args:
        part: "hour" or "weekday" (Monday first).
    """

    column: str = "timestamp"
    part: str = "hour"
    derived: ClassVar[bool] = True

    def __post_init__(self):
        if self.part not in TIME_PARTS:
            raise ValueError(f"TimeOf takes part 'hour' or 'weekday'. Received: {self.part!r}.")
        if not self.name:
            object.__setattr__(self, "name", self.part)

    def adapt(self, values: pd.Series) -> Encoding:
        return TimeEncoding(*TIME_PARTS[self.part])


def _whole_numbers(values: pd.Series, feature: Categorical) -> pd.Series:
    """Integers with missing values arrive as floats from CSV files; true fractions are an error."""
    if (values % 1 != 0).any():
        raise ValueError(
            f"Categorical({feature.column!r}) found fractions, the first "
            f"{values[values % 1 != 0].head(3).tolist()}. Use Numeric, or turn the column to text."
        )
    return values.astype("int64")
