"""Ids by their hashes, for vocabularies of millions."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_fields
from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.data.ids import PADDING_INTEGER, PADDING_STRING
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features.encodings import is_truth


@saved_by_fields
@dataclasses.dataclass
class HashEncoding:
    """Raw ids to one of so many rows: nothing is kept of them, and those that share a row share
    its vector. An id that training never saw has the row of others.

    Args:
        text: whether ids are text, or integers.
        buckets: rows, beside those of padding and of what training does not show.

    >>> encoding = HashEncoding(text=True, buckets=1)
    >>> encoding.encode(pd.Series(["a", None, "b"])), encoding.size
    (array([2, 0, 2], dtype=int32), 3)
    """

    text: bool
    buckets: int
    rank: ClassVar[int] = 1
    dtype: ClassVar[tf.DType] = tf.int32

    @property
    def size(self) -> int:
        return self.buckets + FIRST_KNOWN

    def encode(self, values: pd.Series) -> np.ndarray:
        values = without_categories(values)
        if is_truth(values):
            values = values.astype("boolean").astype("Int64")
        codes, found = pd.factorize(values)
        uniques = pd.Series(found)
        if len(uniques):
            uniques = self._checked(uniques)
        raw = uniques.to_numpy(dtype=object if self.text else "int64")
        rows = self.graph()(tf.constant(raw, self.raw_spec().dtype)).numpy()
        return np.append(rows, 0).astype("int32")[codes]  # factorize gives -1 to missing values

    def _checked(self, uniques: pd.Series) -> pd.Series:
        kind = pd.api.types.infer_dtype(uniques)
        if kind == "floating" and not self.text and (uniques % 1 == 0).all():
            return uniques.astype("int64")  # as CSV files bring integers with gaps
        if kind != ("string" if self.text else "integer"):
            known, remedy = ("texts", "str") if self.text else ("integers", "int64")
            raise ValueError(
                f"these ids were {known} in training: use .astype({remedy!r}) if they are the same "
                f"ids. Received: {kind}, the first {uniques.head(3).tolist()}."
            )
        return uniques

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string if self.text else tf.int64)

    def graph(self):
        padding = PADDING_STRING if self.text else PADDING_INTEGER

        def row(raw):
            text = raw if self.text else tf.strings.as_string(raw)
            bucket = tf.strings.to_hash_bucket_fast(text, self.buckets)
            return tf.where(raw == padding, 0, tf.cast(bucket, tf.int32) + FIRST_KNOWN)

        return row
