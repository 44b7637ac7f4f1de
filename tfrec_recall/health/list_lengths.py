"""How many values the lists of a column have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.data.columns.column_types import LISTS, is_list
from tfrec_recall.health.bins import counted
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.day import Day
from tfrec_recall.health.history_lengths import LENGTHS, of_lengths, told_length


@dataclasses.dataclass(frozen=True)
class ListLengths:
    """The lengths of lists; what is missing has none.

    Args:
        column: with its table.
    """

    column: str

    group: ClassVar = INPUTS
    comparison: ClassVar = Stability()

    @property
    def name(self) -> str:
        return f"lengths of {self.column}"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        for column, (values, _) in day.columns().items():
            if is_list(values):
                yield cls(column)

    def counts(self, seen):
        found = seen.columns().get(self.column)
        if found is None:
            return None
        values, unit = found
        lengths = np.array([len(one) if isinstance(one, LISTS) else 0 for one in values])
        return counted(unit, of_lengths(lengths), seen.units, len(LENGTHS) + 1)

    def told(self, bin):
        return told_length(bin)
