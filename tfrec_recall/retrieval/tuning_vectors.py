"""The vectors that users' requests had when an index was tuned, kept for the next one."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class TuningVectors:
    """Requests as vectors: what tunes an index over other items, and tells nobody's history.

    Args:
        queries: float32 [queries, dim] or [queries, interests, dim].
        present: bool [queries, interests]; None: all are.
    """

    queries: np.ndarray
    present: np.ndarray | None = None
