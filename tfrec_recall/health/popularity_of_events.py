"""How popular the items of a day's events were on other days."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.health.bins import Bins, counted
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.day import Day


@dataclasses.dataclass(frozen=True)
class PopularityOfEvents:
    """The events that the items of a day's events have on other days.

    Args:
        bins: of the days before.
    """

    bins: Bins

    group: ClassVar = INPUTS
    comparison: ClassVar = Stability(0.25)  # tastes move from one week to the next
    name: ClassVar = "popularity of what is taken"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        yield cls(Bins.between(day.popularity, day.events["item_id"]))

    def counts(self, seen):
        code = self.bins.of_numbers(seen.popularity.astype(np.float64))
        return counted(seen.unit, code, seen.units, len(self.bins))

    def told(self, bin):
        return told_popularity(self.bins, bin)


def told_popularity(bins: Bins, bin: int) -> str:
    low = f" from {bins.edges[bin - 2]:,.0f}" if bin > 1 else ""
    high = f" below {bins.edges[bin - 1]:,.0f}" if 0 < bin <= len(bins.edges) else ""
    return f"items with{low}{high} events" if low or high else "items with any events"
