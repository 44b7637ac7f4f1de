"""What a feature is: one frozen class a kind, which learns its encoding from a column."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd

from tfrec_recall._keras import saved_by_fields
from tfrec_recall.data import Vocabulary
from tfrec_recall.data.arguments import flag, kind, number, refuse, whole
from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.data.ids import PADDING_INTEGER
from tfrec_recall.data.notices import tell
from tfrec_recall.features.encodings import (
    BucketEncoding,
    Encoding,
    NormalisedEncoding,
    TimeEncoding,
    VectorEncoding,
    VocabularyEncoding,
    is_truth,
    logarithm,
    numbers_of,
)
from tfrec_recall.features.hash_encoding import HashEncoding
from tfrec_recall.features.list_encodings import (
    ListEncoding,
    SplitEncoding,
    WordsEncoding,
    length_for,
    split_at,
    words_of,
)

SECONDS_AN_HOUR = 3600
HISTORIES = "history_"  # and the name of an event column: what a request calls it
ROUNDING = 1e-12  # of the largest number: what differs by no more is one number
# unit in seconds, number of values, shift: 1970-01-01 was a Thursday, and Monday is 0
TIME_PARTS = {"hour": (SECONDS_AN_HOUR, 24, 0), "weekday": (24 * SECONDS_AN_HOUR, 7, 3)}


@dataclasses.dataclass(frozen=True)
class Feature:
    """What all kinds have: the column they read, and the name they have in a batch.

    Raises: ValueError, by name, for a field that cannot have such a value.
    """

    column: str
    name: str = ""
    derived: ClassVar[bool] = False

    def __post_init__(self):
        for value, name in ((self.column, "column"), (self.name or self.column, "name")):
            if not isinstance(value, str) or not value:
                refuse(self._owner, value, name, "a text")
        if not self.name:
            object.__setattr__(self, "name", self.column)

    @property
    def _owner(self) -> str:
        return f"{type(self).__name__}({self.column!r})"

    @property
    def source(self) -> str:
        """What a request calls the column that a user's feature reads, whatever its own name."""
        return self.column

    def adapt(self, values: pd.Series) -> Encoding:
        """The encoding that these values teach.

        Raises: ValueError that names the column, whatever it is that fails.
        """
        try:
            return self.learn(values)
        except Exception as error:
            raise ValueError(
                f"{type(self).__name__}({self.column!r}) cannot be learnt: {error}"
            ) from error

    def learn(self, values: pd.Series) -> Encoding:
        """As `adapt`, which names what fails here."""
        raise NotImplementedError(f"{type(self).__name__} has to say how it learns its encoding.")

    def values_in(self, cells: pd.Series) -> pd.Series:
        """The values that a vocabulary has of these cells, one after the other."""
        raise NotImplementedError(f"{type(self).__name__} has no vocabulary.")

    def told(self, encoding: Encoding) -> str:
        """What a reader should know of how it is encoded, beside its kind."""
        return ""


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Categorical(Feature):
    """One of a set of values: an id, a country, an occupation.

    Args:
        min_count: rarer values are unknown.
        unknown_rate: the share of values that training replaces by unknown, which teaches the model
            what to do with a value it has never seen. Worth setting on user ids.
        hash_buckets: rows that values share by their hashes, for millions of values: none is kept,
            and none is unknown. Not for item ids, which lists have to name.
    """

    min_count: int = 1
    unknown_rate: float = 0.0
    hash_buckets: int | None = None

    def __post_init__(self):
        super().__post_init__()
        whole(self._owner, self.min_count, "min_count")
        number(self._owner, self.unknown_rate, "unknown_rate", least=0, below=1)
        whole(self._owner, self.hash_buckets, "hash_buckets", optional=True)
        if self.hash_buckets is not None and self.min_count != 1:
            raise ValueError(
                f"{self._owner} counts no values that it hashes: give hash_buckets "
                f"or min_count. Received: hash_buckets={self.hash_buckets}, "
                f"min_count={self.min_count}."
            )

    def values_in(self, cells: pd.Series) -> pd.Series:
        present = without_categories(cells.dropna())
        if is_truth(present):
            present = present.astype("int64")
        if pd.api.types.is_float_dtype(present.dtype):
            present = _whole_numbers(present)
        return present

    def learn(self, values: pd.Series) -> Encoding:
        present = self.values_in(values)
        nothing = (present == PADDING_INTEGER).sum() if present.dtype.kind in "iu" else 0
        if nothing:
            tell(
                f"{self.column}: {nothing:,} of {len(present):,} values are {PADDING_INTEGER}, "
                "which stands for no value among integers: .astype('str') makes it one like others."
            )
        if self.hash_buckets is not None:
            return self._hashed(present)
        return VocabularyEncoding(_vocabulary(present, self.min_count))

    def adapt_counts(self, counts: pd.Series) -> Encoding:
        """As `adapt`, of values that were counted before: by value, how often it is there."""
        try:
            index = counts.index
            if is_truth(pd.Series(index)):
                index = index.astype("int64")
            if pd.api.types.is_float_dtype(index.dtype):
                index = pd.Index(_whole_numbers(pd.Series(index)))
            if self.hash_buckets is not None:
                return self._hashed(index)
            vocabulary = Vocabulary.of_counts(pd.Series(counts.to_numpy(), index), self.min_count)
            _check_any(vocabulary, self.min_count, int(counts.sum()))
            return VocabularyEncoding(vocabulary)
        except Exception as error:
            raise ValueError(f"Categorical({self.column!r}) cannot be learnt: {error}") from error

    def _hashed(self, values: pd.Series | pd.Index) -> Encoding:
        return HashEncoding(not pd.api.types.is_integer_dtype(values.dtype), self.hash_buckets or 0)


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class MultiValued(Feature):
    """Any number of values from a set: genres, tags, search tokens.

    A list in each cell, or with `separator` a text: "Action|Drama". A text that is written as
    Python and JSON write lists, "['new', 'red']", has the separator ",".

    Args:
        min_count: rarer values are unknown.
        length: values of a list that are kept, the first ones. None keeps all as long as the table
            has no more than 8 cells a value, so that one list of thousands does not widen the
            table of millions: then as many as that allows, and as 99 of 100 lists need.
        separator: what stands between the values of a text.
    """

    min_count: int = 1
    length: int | None = None
    separator: str | None = None

    def __post_init__(self):
        super().__post_init__()
        whole(self._owner, self.min_count, "min_count")
        whole(self._owner, self.length, "length", optional=True)
        kind(self._owner, self.separator, "separator", str, "what stands between values")
        if self.separator == "":
            raise ValueError(
                f"{self._owner} needs a separator of one character at least. "
                "Received: separator=''."
            )

    def learn(self, values: pd.Series) -> Encoding:
        present = values.dropna()
        texts = present[present.map(lambda cell: isinstance(cell, str))]
        if self.separator is None and len(texts):
            raise ValueError(
                f"it takes a list in each cell, and {len(texts):,} are texts: say what separates "
                f"their values, separator='|'. Received: {texts.iloc[0]!r}."
            )
        vocabulary = _vocabulary(self.values_in(values), self.min_count)
        length, longer = length_for(self._lists(values), self.length)
        if self.separator is None:
            return ListEncoding(vocabulary, length, longer)
        return SplitEncoding(vocabulary, length, longer, self.separator)

    def values_in(self, cells: pd.Series) -> pd.Series:
        return self._lists(cells).explode().dropna()

    def _lists(self, cells: pd.Series) -> pd.Series:
        return cells if self.separator is None else split_at(self.separator, cells)

    def told(self, encoding: Encoding) -> str:
        apart = "" if self.separator is None else f"split at {self.separator!r}, "
        return apart + _lengths_told(encoding)


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Words(Feature):
    """The words of a text, a title or a description: runs of letters and digits, in lower case.

    Args:
        min_count: rarer words are unknown.
        length: words of a text that are kept, the first ones; None as for `MultiValued`.
    """

    min_count: int = 1
    length: int | None = None

    def __post_init__(self):
        super().__post_init__()
        whole(self._owner, self.min_count, "min_count")
        whole(self._owner, self.length, "length", optional=True)

    def learn(self, values: pd.Series) -> Encoding:
        vocabulary = _vocabulary(self.values_in(values), self.min_count)
        return WordsEncoding(vocabulary, *length_for(words_of(values), self.length))

    def values_in(self, cells: pd.Series) -> pd.Series:
        return words_of(cells).explode().dropna()

    def told(self, encoding: Encoding) -> str:
        return _lengths_told(encoding)


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Numeric(Feature):
    """A number: normalised to mean 0 and variance 1, or cut into buckets of equal counts.

    Missing values are 0 after normalisation (the mean), or the padding of the buckets.

    Args:
        buckets: how many buckets, 2 at least; None keeps the number itself.
        log: take log(1 + x) first, for prices and counts.
        decimal: the decimal sign, "." or ",", of numbers that are written as texts, "1.234,50";
            None where they are numbers.
    """

    buckets: int | None = None
    log: bool = False
    decimal: str | None = None

    def __post_init__(self):
        super().__post_init__()
        whole(self._owner, self.buckets, "buckets", least=2, optional=True)
        flag(self._owner, self.log, "log")
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"{self._owner} takes decimal='.' or ','. Received: {self.decimal!r}.")

    def learn(self, values: pd.Series) -> Encoding:
        numbers = logarithm(numbers_of(values, self.decimal), self.log)
        present = numbers[np.isfinite(numbers)]
        if not len(present):
            present = np.zeros(1)
        if self.buckets is None:
            mean, deviation = float(present.mean()), float(present.std())
            if np.ptp(present) <= ROUNDING * np.abs(present).max():
                mean, deviation = float(present[0]), 1.0
            return NormalisedEncoding(self.log, self.decimal, mean, deviation)
        inner = np.linspace(0, 1, self.buckets + 1)[1:-1]
        boundaries = np.unique(np.quantile(present, inner)).astype("float32")
        return BucketEncoding(self.log, self.decimal, boundaries)

    def told(self, encoding: Encoding) -> str:
        kept = "the number itself" if self.buckets is None else f"{self.buckets} buckets"
        sign = "" if self.decimal is None else f", written with {self.decimal!r}"
        return f"{kept}{', its logarithm' if self.log else ''}{sign}"


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Vector(Feature):
    """A vector that is given, of an image or a text say: as many numbers in each cell.

    They are taken as they are, so scale them to about 1 before. A missing one is zeros.
    """

    def learn(self, values: pd.Series) -> Encoding:
        present = values.dropna()
        texts = [cell for cell in present.head() if isinstance(cell, str) or np.ndim(cell) != 1]
        if texts:
            raise ValueError(f"it needs a list of numbers in each cell. Received: {texts[0]!r}.")
        widths = present.map(len).unique()
        if len(widths) != 1:
            raise ValueError(
                "it needs a list of as many numbers in each cell. "
                f"Received: {sorted(widths.tolist()) or 'no list'}."
            )
        encoding = VectorEncoding(int(widths[0]))
        encoding.encode(values)  # all of them are finite
        return encoding

    def told(self, encoding: Encoding) -> str:
        return f"{getattr(encoding, 'width', 0)} numbers, as they are"


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

    def __post_init__(self):
        super().__post_init__()
        whole(self._owner, self.length, "length")

    @property
    def source(self) -> str:
        return "history" if self.column == "item_id" else HISTORIES + self.column

    def told(self, encoding: Encoding) -> str:
        return f"the latest {self.length:,}"


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
        super().__post_init__()

    def learn(self, values: pd.Series) -> Encoding:
        return TimeEncoding(*TIME_PARTS[self.part])


def _vocabulary(values: pd.Series, min_count: int) -> Vocabulary:
    """The vocabulary of these values, which has one at least."""
    vocabulary = Vocabulary.build(values, min_count=min_count)
    _check_any(vocabulary, min_count, len(values))
    return vocabulary


def _check_any(vocabulary: Vocabulary, min_count: int, values: int) -> None:
    if not len(vocabulary.ids):
        raise ValueError(
            f"no value is there {min_count:,} times among the users or items of the events: leave "
            f"the feature out, or lower min_count. Received: {values:,} values."
        )


def _whole_numbers(values: pd.Series) -> pd.Series:
    """Integers with missing values arrive as floats from CSV files; true fractions are an error."""
    fractions = values[values % 1 != 0]
    if len(fractions):
        raise ValueError(
            f"there are fractions, the first {fractions.head(3).tolist()}. Use Numeric, or turn "
            "the column to text."
        )
    return values.astype("int64")


def _lengths_told(encoding: Encoding) -> str:
    if not isinstance(encoding, ListEncoding):
        return ""
    if not encoding.longer:
        return f"up to {encoding.length:,} values"
    return f"the first {encoding.length:,} values ({encoding.longer:,} lists have more)"
