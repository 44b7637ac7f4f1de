"""Values of a column that were not known at the export."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from tfrec_recall.data import Vocabulary
from tfrec_recall.data.columns.column_types import is_list
from tfrec_recall.data.columns.text_lists import split_at
from tfrec_recall.health.bins import as_texts, counted, flat, is_number
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Rise
from tfrec_recall.health.day import Day, left_out
from tfrec_recall.health.known import EVERY, Known

MOST = 1_000  # values that are kept as they are; of other free text all are new
SLICE = 4_096  # of more, so many are kept by their hashes
TRUTHS = {"0": "False", "1": "True"}  # a vocabulary has them as numbers

# By column, with its table, the values that an export tells from each other, and what stands
# between those of a text; as `Features.coded_columns` gives them.
Coded = Mapping[str, tuple[Vocabulary, str | None]]


@dataclasses.dataclass(frozen=True)
class UnknownValues:
    """The share of present values that are not among those of before.

    Args:
        column: with its table.
        known: the values, as texts.
        hashes, limit: of more than 1,000 values, a slice of them instead, as `Known` has it.
        separator: what stands between the values of a text; None: a text is a value.
    """

    column: str
    known: Sequence[str] = ()
    hashes: Sequence[int] = ()
    limit: int = int(EVERY)
    separator: str | None = None

    group: ClassVar = INPUTS
    comparison: ClassVar = Rise()

    @property
    def name(self) -> str:
        return f"unknown values of {self.column}"

    @classmethod
    def learn(cls, day: Day, known: Mapping[str, Collection[str]], coded: Coded) -> Iterator[Self]:
        """Of the columns of a vocabulary, whatever their type; of others, those of text.

        Args:
            known: of each column, with its table, all values that were known at the export.
            coded: the vocabularies of the export.
        """
        for column in day.columns():
            values = known.get(column, ())
            if column in coded:
                yield cls.of_vocabulary(column, *coded[column])
            elif 0 < len(values) <= MOST:
                yield cls(column, tuple(sorted(values)))

    @classmethod
    def of_vocabulary(cls, column: str, values: Vocabulary, separator: str | None) -> Self:
        texts = set(as_texts(pd.Series(values.ids)))
        if values.holds_integers:
            texts |= {str(values.padding), *(TRUTHS[one] for one in texts & TRUTHS.keys())}
        if len(texts) <= MOST:
            return cls(column, tuple(sorted(texts)), separator=separator)
        some = Known.of(pd.Series(sorted(texts), dtype=object), SLICE)
        return cls(column, (), tuple(some.hashes.tolist()), some.limit, separator)

    def counts(self, seen):
        found = seen.columns().get(self.column)
        if found is None:
            return None
        values, unit = found
        if self.separator is not None and not is_list(values):
            values = split_at(self.separator, values)
        if self.separator is not None or is_list(values):
            values = flat(values.reset_index(drop=True))
            unit = unit[values.index.to_numpy()]
        texts = as_texts(values)
        present = texts.notna().to_numpy()
        strange = self._strange(texts[present])
        told = ~np.isnan(strange)
        unit, strange = unit[present][told], strange[told].astype(np.int64)
        return counted(unit, strange, seen.units, 2)

    def _strange(self, texts: pd.Series) -> np.ndarray:
        """1 for an unknown value and 0 for a known one, float64; NaN for one out of the slice."""
        if len(self.hashes):
            return Known(np.asarray(self.hashes, np.uint64), self.limit).strange(texts)
        known = pd.Index(np.asarray(self.known, dtype=object))
        return (known.get_indexer(pd.Index(texts)) < 0).astype(float)

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
