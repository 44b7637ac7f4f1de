"""Users that the training has not seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Rise
from tfrec_recall.health.day import Day


@dataclasses.dataclass(frozen=True)
class UnknownUsers:
    """The share of a day's users that are not known; before the export, who came on that day."""

    group: ClassVar = INPUTS
    comparison: ClassVar = Rise()
    name: ClassVar = "unknown users"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        yield cls()

    def counts(self, seen):
        strange = seen.strange_user
        asked = ~np.isnan(strange)
        return np.stack([asked & (strange == 0), asked & (strange == 1)], axis=1).astype(np.float32)

    def told(self, bin):
        return "of the users"
