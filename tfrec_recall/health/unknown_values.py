"""Values of a column of few values that no event had before."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from tfrec_recall.data.column_types import is_list
from tfrec_recall.health.bins import as_texts, counted, flat, is_number
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Rise
from tfrec_recall.health.day import Day, left_out

MOST = 1_000  # values that a column may have; of free text all are new


@dataclasses.dataclass(frozen=True)
class UnknownValues:
    """The share of present values that are not among those of before.

    Args:
        column: with its table.
        known: the values, as texts.
    """

    column: str
    known: Sequence[str]

    group: ClassVar = INPUTS
    comparison: ClassVar = Rise()

    @property
    def name(self) -> str:
        return f"unknown values of {self.column}"

    @classmethod
    def learn(cls, day: Day, known: Mapping[str, Collection[str]]) -> Iterator[Self]:
        """Of the columns of text.

        Args:
            known: of each column, with its table, all values that were known at the export.
        """
        for column in day.columns():
            values = known.get(column, ())
            if 0 < len(values) <= MOST:
                yield cls(column, tuple(sorted(values)))

    def counts(self, seen):
        found = seen.columns().get(self.column)
        if found is None:
            return None
        values, unit = found
        if is_list(values):
            values = flat(values.reset_index(drop=True))
            unit = unit[values.index.to_numpy()]
        texts = as_texts(values)
        present = texts.notna().to_numpy()
        strange = pd.Index(self.known).get_indexer(pd.Index(texts[present])) < 0
        return counted(unit[present], strange.astype(np.int64), seen.units, 2)

    def told(self, bin):
        return "of the values"


def texts_of(values: pd.Series) -> set[str] | None:
    """The different values of a column of text, or of its lists; None of numbers and dates."""
    if left_out(values):
        return None
    values = (flat(values) if is_list(values) else values).dropna()
    if len(values) and is_number(values):
        return None
    return set(as_texts(values.drop_duplicates()).dropna())
