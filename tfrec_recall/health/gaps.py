"""The time between one event of a user and the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.health.bins import counted
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.day import Day

EDGES = {1: "the same second", 10: "10 seconds", 60: "a minute", 300: "5 minutes"}
EDGES |= {1_800: "half an hour", 7_200: "2 hours", 90_000: "a day"}


@dataclasses.dataclass(frozen=True)
class Gaps:
    """The seconds between neighbouring events of a user on a day."""

    group: ClassVar = INPUTS
    comparison: ClassVar = Stability()
    name: ClassVar = "gaps between events"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        if day.timed:
            yield cls()

    def counts(self, seen):
        if not seen.timed:
            return None
        unit, time = seen.unit, seen.events["timestamp"].to_numpy()
        same = unit[1:] == unit[:-1]
        gap = np.diff(time)[same]
        code = np.searchsorted(list(EDGES), gap, side="right")
        return counted(unit[1:][same], code, seen.units, len(EDGES) + 1)

    def told(self, bin):
        return f"less than {list(EDGES.values())[bin]}" if bin else "the same second"
