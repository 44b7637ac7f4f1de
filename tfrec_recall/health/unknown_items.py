"""Events with items that the catalogue lacks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

from tfrec_recall.health.bins import counted
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Rise
from tfrec_recall.health.day import Day


@dataclasses.dataclass(frozen=True)
class UnknownItems:
    """The share of events with an item that is not known; before the export, one new that day."""

    group: ClassVar = INPUTS
    comparison: ClassVar = Rise()
    name: ClassVar = "unknown items"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        yield cls()

    def counts(self, seen):
        return counted(seen.unit, seen.strange_item.astype(int), seen.units, 2)

    def told(self, bin):
        return "of the events"
