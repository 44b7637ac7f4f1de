"""What chance makes of a figure: the units of two days, dealt out again and again.

Units (a user on a day, or an item) are what is drawn independently; a user's events are not. If the
day is one like those before, which of the two a unit came from says nothing, and any other way of
dealing them out is as good as the one that happened. So the share of ways with a figure as far out
as the one seen is its exact p-value, whatever the figure is and however few units there are. Where
many figures are looked at, each is held to the largest of all in each way, in units of what it
reaches by chance itself: then the chance of any alarm, on a day like those before, is the one that
was asked for.

Source: "Resampling-Based Multiple Testing", Westfall and Young 1993: the single-step maximum.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

WAYS = 999
HIGH = 0.99  # a figure is told in units of what one in a hundred ways reaches
AT_A_TIME = 250  # ways, of which the labels are in memory


@dataclasses.dataclass(frozen=True, eq=False)
class Figure:
    """What was seen of a figure, and what it is by chance.

    Args:
        seen: on the day.
        by_chance: the same in other ways of dealing the units out, [ways].
    """

    seen: float
    by_chance: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        """The figure above its median by chance, what was seen first: [1 + ways]."""
        values = np.concatenate([[self.seen], self.by_chance])
        middle = np.median(values)
        spread = np.quantile(values, HIGH) - middle
        if spread <= 1e-12:  # the same in nearly all ways
            spread = max(float(values.std()), 1e-12)
        return (values - middle) / spread


def chances(figures: Sequence[Figure]) -> np.ndarray:
    """For each figure, how likely it is by chance that any of them is so far out, [figures]."""
    excess = np.stack([figure.excess for figure in figures])  # [figures, 1 + ways]
    largest = excess.max(axis=0)[1:]
    as_far = (largest >= excess[:, :1]).sum(axis=1)
    return (1 + as_far) / (1 + len(largest))


def dealt(
    before: int,
    now: int,
    strata: Sequence[int],
    measure: Callable[[np.ndarray], np.ndarray],
    ways: int = WAYS,
    seed: int = 0,
) -> list[np.ndarray]:
    """What `measure` gives for ways of dealing the units out.

    Some figures are of the first units alone. Units are dealt out within strata, so that as many of
    the first are of the day in each way.

    Args:
        before, now: units of the days before, and of the day, which follow them.
        strata: rising: units of each of the two up to here are one stratum.
        measure: takes float32 labels [ways, before + now], 1 for the day, and gives [ways, ...].
    """
    generator = np.random.default_rng(seed)
    groups = _strata(before, now, strata)
    found = []
    for first in range(0, ways, AT_A_TIME):
        some = min(AT_A_TIME, ways - first)
        labels = np.zeros((some, before + now), np.float32)
        for rows, mine in groups:
            drawn = generator.random((some, len(rows)), dtype=np.float32)
            if 0 < mine < len(rows):  # the rows that drew the least are the day's
                order = np.argpartition(drawn, mine, axis=1)[:, :mine]
            else:
                order = np.tile(np.arange(mine), (some, 1))
            np.put_along_axis(labels, rows[order], 1.0, axis=1)
        found.append(measure(labels))
    return found


def _strata(before: int, now: int, strata: Sequence[int]) -> list[tuple[np.ndarray, int]]:
    """The rows of each stratum, and how many of them are the day's."""
    edges = [0, *strata, max(before, now)]
    found = []
    for low, high in itertools.pairwise(edges):
        old = np.arange(min(low, before), min(high, before))
        new = np.arange(min(low, now), min(high, now))
        if len(old) + len(new):
            found.append((np.concatenate([old, before + new]), len(new)))
    return found
