"""Learnt mappings from lists of raw values, also those written in a text, to rows of integers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Vocabulary
from tfrec_recall.data.columns.text_lists import split_at
from tfrec_recall.features.encodings import IdLookup, VocabularyEncoding

WASTE = 8  # a table of lists has at most so many cells a value ...
WHOLE = 0.99  # ... unless it would have to cut more than the rest of the lists
_BRACKETS = r"(?s)^[ \t\r\n]*\[(.*)\][ \t\r\n]*$"  # as Python and JSON write a list
_MARKS = "[ \t\r\n'\"]+"
_BY_LOCALE = "\u0130\u00cc\u00cd\u0128\u012e"  # beside I and J: with a dot, accents, a hook


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass
class ListEncoding(VocabularyEncoding):
    """Lists of raw ids to rows of integers, padded on the right with 0.

    Args:
        length: values of a list that are kept, the first ones.
        longer: how many of the lists it was learnt from have more.
    """

    length: int = 1
    longer: int = 0
    rank = 2

    def get_config(self):
        return {**super().get_config(), "length": self.length, "longer": self.longer}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "vocabulary": Vocabulary.from_config(config["vocabulary"])})

    def encode(self, values: pd.Series) -> np.ndarray:
        flat = self.lists(values).reset_index(drop=True).explode()
        flat = flat[flat.notna()]
        codes = self.vocabulary.encode(flat)
        rows, codes = flat.index.to_numpy()[codes != 0], codes[codes != 0]
        position = pd.Series(rows).groupby(rows).cumcount().to_numpy()
        kept = position < self.length
        width = min(self.length, int(position.max(initial=0)) + 1)
        table = np.zeros((len(values), width), "int32")
        table[rows[kept], position[kept]] = codes[kept]
        return table

    def lists(self, values: pd.Series) -> pd.Series:
        """A list in each cell, of what the cells hold."""
        return values

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None, None], self.raw_dtype)

    def graph(self):
        return ListLookup(self.vocabulary, self.length)


class ListLookup(tf.Module):
    """The same in TensorFlow operations; padding may be anywhere."""

    def __init__(self, vocabulary: Vocabulary, length: int):
        super().__init__()
        self.lookup = IdLookup(vocabulary)
        self.length = length

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        return self.encoded(tf.RaggedTensor.from_tensor(raw))

    def encoded(self, values: tf.RaggedTensor) -> tf.Tensor:
        ids = values.with_flat_values(self.lookup(values.flat_values))
        return tf.ragged.boolean_mask(ids, ids != 0)[:, : self.length].to_tensor()


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass
class SplitEncoding(ListEncoding):
    """Texts that list values, "Action|Drama", to rows of the integers of these.

    Args:
        separator: what stands between the values.
    """

    separator: str = "|"

    def get_config(self):
        return {**super().get_config(), "separator": self.separator}

    def lists(self, values: pd.Series) -> pd.Series:
        return split_at(self.separator, values)

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string)

    def graph(self):
        return SplitLookup(self.vocabulary, self.length, self.separator)


class SplitLookup(ListLookup):
    """The same in TensorFlow operations."""

    def __init__(self, vocabulary: Vocabulary, length: int, separator: str):
        super().__init__(vocabulary, length)
        self.separator = separator

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        inner = tf.strings.regex_replace(raw, _BRACKETS, r"\1")
        parts = tf.strings.split(inner, self.separator)
        values = tf.strings.regex_replace(parts.flat_values, f"^{_MARKS}|{_MARKS}$", "")
        return self.encoded(parts.with_flat_values(values))


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass
class WordsEncoding(ListEncoding):
    """Texts to rows of the integers of their words, in lower case, padded on the right with 0."""

    def lists(self, values: pd.Series) -> pd.Series:
        return words_of(values)

    def raw_spec(self) -> tf.TensorSpec:
        return tf.TensorSpec([None], tf.string)

    def graph(self):
        return WordsLookup(self.vocabulary, self.length)


class WordsLookup(ListLookup):
    """The same in TensorFlow operations."""

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        lower = tf.strings.lower(without_locale(raw), encoding="utf-8")
        return self.encoded(tf.strings.split(tf.strings.regex_replace(lower, r"[^\pL\pN]+", " ")))


def without_locale(texts: tf.Tensor) -> tf.Tensor:
    """Texts without the capitals that TensorFlow would lower as the locale of a server has it.

    In that of Turkey the I of TITLE would become a letter without a dot, which no English word has,
    and in that of Lithuania \u00cd would become an i with two marks, which part the word.
    """
    texts = tf.strings.lower(texts)  # A to Z alone, whatever the locale
    for capital in _BY_LOCALE:
        texts = tf.strings.regex_replace(texts, capital, capital.lower())
    return texts


def words_of(values: pd.Series) -> pd.Series:
    """The runs of letters and digits of each text, in lower case; of a missing one, none.

    >>> words_of(pd.Series(["T-Light HOLDER", None])).tolist()
    [['t', 'light', 'holder'], []]
    """
    return values.astype("object").where(values.notna(), "").str.lower().str.findall(r"[^\W_]+")


def length_for(lists: pd.Series, length: int | None) -> tuple[int, int]:
    """How many values of a list are kept, and how many lists have more.

    Without a length, all; but where that would make a table of more than `WASTE` cells a value, no
    more than that allows and 99 of 100 lists need. One list of thousands does not widen millions.

    Args:
        lists: a list in each cell.

    >>> length_for(pd.Series([["a", "b"]] * 999 + [["a"] * 500]), None)
    (19, 1)
    """
    sizes = lists.reset_index(drop=True).explode().dropna().groupby(level=0).size().to_numpy()
    if not len(sizes):
        return length or 1, 0
    if length is None:
        affordable = WASTE * int(sizes.sum()) // len(lists)
        needed = int(np.quantile(sizes, WHOLE, method="inverted_cdf"))
        length = min(int(sizes.max()), max(affordable, needed))
    return length, int((sizes > length).sum())
