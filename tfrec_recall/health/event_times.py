"""At which time of the day events are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

from tfrec_recall.health.bins import counted
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.day import SECONDS, Day

PARTS = 8  # of a day


@dataclasses.dataclass(frozen=True)
class EventTimes:
    """The three hours of the day, UTC, that events fall in."""

    group: ClassVar = INPUTS
    comparison: ClassVar = Stability(0.25)  # a week has its Sundays
    name: ClassVar = "times of events"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        if day.timed:
            yield cls()

    def counts(self, seen):
        if not seen.timed:
            return None
        part = seen.events["timestamp"].to_numpy() % SECONDS * PARTS // SECONDS
        return counted(seen.unit, part.astype(int), seen.units, PARTS)

    def told(self, bin):
        hours = 24 // PARTS
        return f"{bin * hours:02d}:00 to {(bin + 1) * hours:02d}:00 UTC"
