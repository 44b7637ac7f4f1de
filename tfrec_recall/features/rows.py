"""Tables of weights whose rows are values of a feature, and where rows begin that are new."""

from __future__ import annotations

import enum
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfrec_recall.data.vocabulary import FIRST_KNOWN, UNKNOWN
from tfrec_recall.data.vocabulary_growth import kept
from tfrec_recall.features.encodings import BucketEncoding, Encoding, VocabularyEncoding


class Start(enum.Enum):
    """Where the row of a new value begins; half of a divided bucket begins as the whole was, unless
    all is given.

    unknown: as the row that the value had before, which is that of unknown values: what the model
        answers stays the same.
    zero: as zeros, which the layer gives of unknown values, or which mean that nothing was counted.
    fresh: as the constructor draws it; the layer knows that it has learnt nothing.
    given: all rows, old and new, are what the constructor took from the features.
    """

    unknown = enum.auto()
    zero = enum.auto()
    fresh = enum.auto()
    given = enum.auto()


class Rows(NamedTuple):
    """A weight whose rows are the encoded values of a feature.

    Attributes:
        weight: [values, ...]
        feature: its name; none of what is given.
        start: of new rows.
    """

    weight: tf.Variable
    feature: str = ""
    start: Start = Start.unknown


class Origin(NamedTuple):
    """Where the rows of a grown encoding come from.

    Attributes:
        row: of the encoding before, int64 [size].
        same: whether it stands for the same value as before, bool [size].
    """

    row: np.ndarray
    same: np.ndarray

    @property
    def divided(self) -> np.ndarray:
        """Which are new buckets, made of one that was known: known items may have them at once."""
        return ~self.same & (self.row >= FIRST_KNOWN)

    @classmethod
    def of(cls, before: Encoding, after: Encoding) -> Origin:
        """That of an encoding which `Features.grow` made of another one."""
        row = np.arange(after.size)
        if isinstance(before, VocabularyEncoding) and isinstance(after, VocabularyEncoding):
            same = kept(before.vocabulary, after.vocabulary)
            return cls(np.where(same, row, UNKNOWN), same)
        if isinstance(before, BucketEncoding):
            return cls(np.minimum(row, before.size - 1), row < before.size)
        return cls(row, np.ones(after.size, bool))
