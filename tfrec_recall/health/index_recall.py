"""What the index finds of what exact search finds, for the day's requests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.health.check import INDEX
from tfrec_recall.health.comparisons import Fall
from tfrec_recall.health.day import Day


@dataclasses.dataclass(frozen=True)
class IndexRecall:
    """The recall of the index, against exact search over the export's own item vectors."""

    group: ClassVar = INDEX
    comparison: ClassVar = Fall()
    name: ClassVar = "recall of the index"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        if day.lists is not None and day.lists.found is not None:
            yield cls()

    def counts(self, seen):
        if seen.lists is None or seen.lists.found is None:
            return None
        return np.stack([seen.lists.found, seen.lists.wanted], axis=1).astype(np.float32)

    def told(self, bin):
        return "on the day's requests"
