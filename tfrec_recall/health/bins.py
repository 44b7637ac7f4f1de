"""Values sorted into a few bins, which the days before the export decide."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd

MISSING = 0  # the bin of what is not there
QUANTILES = 10
MOST_VALUES = 20  # that have a bin of their own; all others share one


@dataclasses.dataclass(frozen=True)
class Bins:
    """Either the intervals between `edges`, or one bin for each of `values` and one for all others.

    Bin 0 is what is missing, of both.

    Args:
        edges: of numbers, rising; an interval holds its lower edge.
        values: as texts; None for numbers.

    >>> Bins((10.0, 20.0)).codes(pd.Series([None, 5.0, 10.0, 99.0])).tolist()
    [0, 1, 2, 3]
    >>> Bins(values=("a", "b")).codes(pd.Series(["b", "z", None])).tolist()
    [2, 3, 0]
    """

    edges: Sequence[float] = ()
    values: Sequence[str] | None = None

    @classmethod
    def learnt(cls, values: pd.Series, are_codes: bool = False) -> Self:
        """Deciles of numbers that take many values; else the most frequent values.

        Args:
            are_codes: numbers only tell values from each other.
        """
        present = values.dropna()
        if not are_codes and is_number(values) and present.nunique() > MOST_VALUES:
            return cls.of_quantiles(present.to_numpy("float64"))
        counts = as_texts(values).dropna().value_counts(sort=False)
        counts = counts.sort_index().sort_values(ascending=False, kind="stable")
        return cls(values=tuple(counts.index[:MOST_VALUES]))

    @classmethod
    def of_quantiles(cls, numbers: np.ndarray) -> Self:
        """Deciles; equal ones count once."""
        finite = numbers[np.isfinite(numbers)]
        if not len(finite):
            return cls()
        edges = np.unique(np.quantile(finite, np.arange(1, QUANTILES) / QUANTILES))
        return cls(tuple(edges.tolist()))

    @classmethod
    def between(cls, numbers: np.ndarray, whose: pd.Series) -> Self:
        """As `of_quantiles`, each edge where it is nearest between two of those whose they are.

        Their numbers change a little from day to day: an edge among those of one that has many
        would deal them out to both sides by chance.

        Args:
            numbers: finite, [rows].
            whose: of each row.

        >>> Bins.between(np.array([8.0, 9, 8, 9, 2]), pd.Series(["a", "a", "a", "a", "b"])).edges
        (5.25,)
        """
        each = pd.Series(numbers).groupby(whose.to_numpy(), sort=False).agg(["mean", "size"])
        sizes = each.groupby("mean")["size"].sum()  # in the order of the means
        if len(sizes) < 2:
            return cls()
        below = sizes.cumsum().to_numpy()[:-1] / len(numbers)  # the share below an edge
        wanted = np.arange(1, QUANTILES)[:, np.newaxis] / QUANTILES
        place = np.unique(np.abs(below - wanted).argmin(axis=1))
        means = sizes.index.to_numpy("float64")
        return cls(tuple(((means[place] + means[place + 1]) / 2).tolist()))

    def __len__(self) -> int:
        return len(self.edges) + 2 if self.values is None else len(self.values) + 2

    def codes(self, values: pd.Series) -> np.ndarray:
        """The bin of each value, int64; what is no number, where numbers were, counts as missing.

        Of text that was numbers in the days before nothing is left, which is to be seen.
        """
        if self.values is not None:
            texts = as_texts(values)
            code = pd.Index(self.values).get_indexer(pd.Index(texts)) + 1
            code = np.where(code == 0, len(self.values) + 1, code)
            return np.where(texts.isna(), MISSING, code)
        if not is_number(values):
            values = pd.to_numeric(values, errors="coerce")
        return self.of_numbers(values.to_numpy("float64", na_value=np.nan))

    def of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """As `codes`, of floats; NaN is missing."""
        code = np.searchsorted(np.asarray(self.edges, np.float64), numbers, side="right") + 1
        return np.where(np.isnan(numbers), MISSING, code)


def is_number(values: pd.Series) -> bool:
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    return numeric and not pd.api.types.is_bool_dtype(values.dtype)


def as_texts(values: pd.Series) -> pd.Series:
    """Values as texts, 3 and 3.0 the same; "" is missing."""
    if is_number(values):
        numbers = values.to_numpy("float64", na_value=np.nan)
        unique, place = np.unique(numbers, return_inverse=True)
        texts = np.array([f"{one:.15g}" for one in unique], object)
        found = pd.Series(texts[place], values.index, dtype=object)
    else:
        found = values.astype("str").astype(object)
    return found.where(values.notna() & (found != ""), None)


def flat(values: pd.Series) -> pd.Series:
    """The values within lists, each with the index of its list; of an empty list, one missing."""
    return values.explode().infer_objects()


def counted(unit: np.ndarray, code: np.ndarray, units: int, bins: int) -> np.ndarray:
    """How often each unit has each bin, float32 [units, bins].

    >>> counted(np.array([0, 1, 1]), np.array([1, 0, 0]), 2, 2).tolist()
    [[0.0, 1.0], [2.0, 0.0]]
    """
    flat = np.bincount(unit * bins + code, minlength=units * bins)
    return flat.reshape(units, bins).astype(np.float32)
