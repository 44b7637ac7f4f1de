"""How long a request takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

UNMEASURED = 3  # the first requests build the graph
REQUESTS = 60


def latency(
    ask: Callable[[np.ndarray], object], users: int, requests: int = REQUESTS
) -> dict[str, float]:
    """Milliseconds of a request of one user: `p50` and `p95`.

    Args:
        ask: answers these rows of users.
        users: how many there are; they are asked in turn.
    """
    for row in range(UNMEASURED):
        ask(np.array([row % users]))
    seconds = []
    for row in range(requests):
        started = time.perf_counter()
        ask(np.array([row % users]))
        seconds.append(time.perf_counter() - started)
    median, high = 1000 * np.percentile(seconds, [50, 95])
    return {"p50": round(float(median), 3), "p95": round(float(high), 3)}
