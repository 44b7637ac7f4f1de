"""The values of a column, of events or of their users or items."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.data.columns.column_types import is_list
from tfrec_recall.health.bins import MISSING, Bins, counted, flat
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.day import NO_VALUES, Day


@dataclasses.dataclass(frozen=True)
class Values:
    """How the values of a column are spread; of lists, those within them.

    A column that has disappeared is one whose values are all missing.

    Args:
        column: with its table, `items.price`.
        bins: of the days before.
        lists: its cells are lists.
    """

    column: str
    bins: Bins
    lists: bool

    group: ClassVar = INPUTS
    comparison: ClassVar = Stability()

    @property
    def name(self) -> str:
        return f"values of {self.column}"

    @classmethod
    def learn(cls, day: Day, coded: Collection[str]) -> Iterator[Self]:
        """Of every column.

        Args:
            coded: the columns whose values a vocabulary tells from each other, numbers too.
        """
        for column, (values, _) in day.columns().items():
            lists = is_list(values)
            bins = Bins.learnt(flat(values) if lists else values, column in coded)
            yield cls(column, bins, lists)

    def counts(self, seen):
        table, _, name = self.column.partition(".")
        if getattr(seen, f"of_{table}", seen.events) is None:
            return None
        if table == "events" and name in NO_VALUES:  # an export of an earlier version counted it
            return None
        found = seen.columns().get(self.column)
        if found is None:
            if self.lists and self.bins.values is None and seen.leaves_out(self.column):
                return None  # an export of an earlier version counted their numbers
            rows = seen.units if table == "users" else len(seen.events)
            unit = np.arange(rows) if table == "users" else seen.unit
            return counted(unit, np.full(rows, MISSING), seen.units, len(self.bins))
        values, unit = found
        if is_list(values):
            values = flat(values.reset_index(drop=True))
            unit = unit[values.index.to_numpy()]
        return counted(unit, self.bins.codes(values), seen.units, len(self.bins))

    def told(self, bin):
        if bin == MISSING:
            return "missing"
        if self.bins.values is not None:
            return self.bins.values[bin - 1] if bin <= len(self.bins.values) else "other values"
        low = f"from {self.bins.edges[bin - 2]:.4g}" if bin > 1 else ""
        high = f"below {self.bins.edges[bin - 1]:.4g}" if bin <= len(self.bins.edges) else ""
        return " ".join(part for part in (low, high) if part) or "any number"
