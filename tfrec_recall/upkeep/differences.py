"""What a few users tell of the difference between two versions."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

SURE = 0.95
LEAST = 20  # users, of whom anything is sure at all


def difference(before: np.ndarray, after: np.ndarray) -> tuple[float, float] | None:
    """The mean of after less before, and what it may be off by at 95%, by Student's t.

    Args:
        before, after: a figure of the same users, [users].

    Returns: None of fewer than two users, who do not tell how users differ.

    >>> difference(np.array([0.0, 0.5]), np.array([0.5, 0.5]))  # 0.25 * 12.71
    (0.25, 3.1765511840467435)
    """
    change = after - before
    if len(change) < 2:
        return None
    error = student.ppf((1 + SURE) / 2, len(change) - 1) * change.std(ddof=1) / len(change) ** 0.5
    return float(change.mean()), float(error)
