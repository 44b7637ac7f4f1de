"""How popular the items in lists are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.health.bins import Bins, counted
from tfrec_recall.health.check import LISTS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.day import Day, Lists
from tfrec_recall.health.popularity_of_events import told_popularity


@dataclasses.dataclass(frozen=True)
class PopularityOfLists:
    """The events of the items in lists.

    Args:
        bins: of the lists of the days before.
    """

    bins: Bins

    group: ClassVar = LISTS
    comparison: ClassVar = Stability()
    name: ClassVar = "popularity of what is listed"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        if day.lists is not None:
            there = day.lists.rows >= 0
            yield cls(Bins.of_quantiles(day.lists.popularity[there]))

    def counts(self, seen):
        return None if seen.lists is None else self.of_lists(seen.lists)

    def of_lists(self, lists: Lists) -> np.ndarray:
        """What is counted of lists, float32 [requests, bins]."""
        there = lists.rows >= 0
        unit, _ = np.nonzero(there)
        code = self.bins.of_numbers(lists.popularity[there].astype(np.float64))
        return counted(unit, code, len(there), len(self.bins))

    def told(self, bin):
        return told_popularity(self.bins, bin)
