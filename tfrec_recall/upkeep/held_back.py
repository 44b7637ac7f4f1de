"""Which of the new events are held back, to measure with what is learnt of the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfrec_recall.data.columns.times import ORDER

DAY = 24 * 3600
SHARE = 0.2  # of events, where no day is held back
MOST = 0.5  # of events: with fewer to learn, the model that is measured is the one before
LEAST = 0.25  # of what a day has: fewer are stragglers, and no day to measure with
NEWEST_DAY = "the newest day"
LAST_FIFTH = "the last fifth of the events"
DRAWN = "a drawn fifth of the events"


def held_back(
    times: np.ndarray | None, unit: str | None, count: int, seed: int | Sequence[int] = 0
) -> tuple[np.ndarray, str]:
    """Which events are held back, bool [events], and what these are in words.

    They are those of the newest day; where that is no whole day, or most of the events, the last
    fifth; and where times do not tell which come last, as many that are drawn. Of one or two events
    of one time, none is.

    Args:
        times: of the events; None without times.
        unit: of the times; numbers of order have no days.
        count: of the events.
        seed: of what is drawn.

    >>> held_back(np.arange(5), "order", 5)
    (array([False, False, False, False,  True]), 'the last fifth of the events')
    """
    if times is not None and count:
        for held, called in ((of_newest_day(times, unit), NEWEST_DAY), (of_end(times), LAST_FIFTH)):
            if 0 < held.sum() <= MOST * count:
                return held, called
    held = np.zeros(count, bool)
    held[np.random.default_rng(seed).permutation(count)[: round(SHARE * count)]] = True
    return held, DRAWN


def of_newest_day(times: np.ndarray, unit: str | None) -> np.ndarray:
    """Which events are of the newest 24 hours; none where these are fewer than a part of a day."""
    newest = times > times.max() - DAY
    days = max((times.max() - times.min()) / DAY, 1.0)
    if unit == ORDER or newest.sum() < LEAST * len(times) / days:
        return np.zeros(len(times), bool)
    return newest


def of_end(times: np.ndarray) -> np.ndarray:
    """Which events are of the last fifth; those of one time stay together, with the later ones."""
    begin = np.quantile(times, 1 - SHARE)
    return times >= begin if begin > times.min() else times > begin
