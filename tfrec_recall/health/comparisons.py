"""How far a day is from the days before the export, by the counts of both."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Stability:
    """The population stability index of the shares of bins: any change counts.

    It is the sum over bins of (p - q) ln(p / q); every bin has half a count more than it has, so
    that an empty one has a logarithm.

    Args:
        bound: below, a change means nothing, however sure it is; .1 is where it is usually said to
            begin, and .25 where something has to be done.

    >>> round(float(Stability().measured(np.array([50.0, 50]), np.array([80.0, 20]))), 3)
    0.411
    """

    bound: float = 0.1

    def measured(self, before: np.ndarray, now: np.ndarray) -> np.ndarray:
        """Of counts [..., bins], both float: [...]."""
        p, q = (_shares(counts) for counts in (before, now))
        return ((p - q) * np.log(p / q)).sum(axis=-1)

    def shown(self, before: np.ndarray, now: np.ndarray) -> tuple[str, str]:
        """The shares of the bin that moved most."""
        p, q = (counts / max(counts.sum(), 1) for counts in (before, now))
        most = int(np.argmax(np.abs(p - q)))
        return f"{p[most]:.1%}", f"{q[most]:.1%}"

    def moved(self, before: np.ndarray, now: np.ndarray) -> int:
        """The bin whose share moved most."""
        p, q = (counts / max(counts.sum(), 1) for counts in (before, now))
        return int(np.argmax(np.abs(p - q)))


@dataclasses.dataclass(frozen=True)
class Rise:
    """How much larger a share has become; counts are of what is not, and of what is.

    >>> round(float(Rise().measured(np.array([90.0, 10]), np.array([60.0, 40]))), 3)
    0.3
    """

    bound: float = 0.05

    def measured(self, before: np.ndarray, now: np.ndarray) -> np.ndarray:
        return _share(now) - _share(before)

    def shown(self, before: np.ndarray, now: np.ndarray) -> tuple[str, str]:
        return f"{_share(before):.1%}", f"{_share(now):.1%}"


@dataclasses.dataclass(frozen=True)
class Fall:
    """How much smaller a mean has become; counts are of a sum, and of what it is the sum of.

    >>> round(float(Fall().measured(np.array([9.5, 10]), np.array([18.0, 20]))), 3)
    0.05
    """

    bound: float = 0.02

    def measured(self, before: np.ndarray, now: np.ndarray) -> np.ndarray:
        return _mean(before) - _mean(now)

    def shown(self, before: np.ndarray, now: np.ndarray) -> tuple[str, str]:
        return f"{_mean(before):.3f}", f"{_mean(now):.3f}"


Comparison = Stability | Rise | Fall


def _shares(counts: np.ndarray) -> np.ndarray:
    smoothed = np.asarray(counts, np.float64) + 0.5
    return smoothed / smoothed.sum(axis=-1, keepdims=True)


def _share(counts: np.ndarray) -> np.ndarray:
    return counts[..., 1] / np.maximum(counts.sum(axis=-1), 1)


def _mean(counts: np.ndarray) -> np.ndarray:
    return counts[..., 0] / np.maximum(counts[..., 1], 1)
