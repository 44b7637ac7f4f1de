"""How many events a user has on a day."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.health.bins import counted
from tfrec_recall.health.check import INPUTS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.day import Day

LENGTHS = (1, 2, 3, 4, 6, 9, 13, 20, 35, 75)  # where bins begin


def of_lengths(lengths: np.ndarray) -> np.ndarray:
    """The bin of each length.

    >>> of_lengths(np.array([0, 1, 5, 1000])).tolist()
    [0, 1, 4, 10]
    """
    return np.searchsorted(LENGTHS, lengths, side="right")


def told_length(bin: int) -> str:
    """In words.

    >>> told_length(0), told_length(4), told_length(10)
    ('length 0', 'length 4 to 5', 'length 75 and more')
    """
    if bin == 0:
        return "length 0"
    if bin == len(LENGTHS):
        return f"length {LENGTHS[-1]} and more"
    low, high = LENGTHS[bin - 1], LENGTHS[bin] - 1
    return f"length {low}" if low == high else f"length {low} to {high}"


@dataclasses.dataclass(frozen=True)
class HistoryLengths:
    """Events of a user on a day: all that the day itself says of a history."""

    group: ClassVar = INPUTS
    comparison: ClassVar = Stability()
    name: ClassVar = "events of a user"

    @classmethod
    def learn(cls, day: Day) -> Iterator[Self]:
        if day.timed:
            yield cls()

    def counts(self, seen):
        if not seen.timed:
            return None
        lengths = np.bincount(seen.unit, minlength=seen.units)
        return counted(np.arange(seen.units), of_lengths(lengths), seen.units, len(LENGTHS) + 1)

    def told(self, bin):
        return told_length(bin)
