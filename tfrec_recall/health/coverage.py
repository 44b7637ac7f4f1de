"""How much of the catalogue lists show."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from tfrec_recall.health.shuffles import Figure, dealt

NAME = "items in lists"
BOUND = 0.25  # of the items shown before


def coverage(before: np.ndarray, now: np.ndarray, seed: int = 0) -> tuple[Figure, int, int] | None:
    """How many different items equally many lists show, and by which share they are fewer.

    Args:
        before, now: rows of the catalogue, [requests, k], -1 for none.
        seed: of the ways of dealing the lists out.

    Returns: the figure, and the numbers of items; None where there is no list.
    """
    requests = min(len(before), len(now))
    rows = np.concatenate([before[:requests], now[:requests]])
    there = rows >= 0
    if not requests or not there.any():
        return None
    request, _ = np.nonzero(there)
    _, item = np.unique(rows[there], return_inverse=True)
    ones = np.ones(len(item), np.float32)
    shape = (int(item.max()) + 1, 2 * requests)
    shown = scipy.sparse.csr_matrix((ones, (item, request)), shape)

    def measured(labels: np.ndarray) -> np.ndarray:
        new = (shown @ labels.T > 0).sum(axis=0)
        old = (shown @ (1 - labels).T > 0).sum(axis=0)
        return np.stack([old, new], axis=1)

    seen = np.zeros((1, 2 * requests), np.float32)
    seen[:, requests:] = 1
    old, new = measured(seen)[0]
    ways = np.concatenate(dealt(requests, requests, (), measured, seed=seed))
    figure = Figure(1 - new / max(old, 1), 1 - ways[:, 1] / np.maximum(ways[:, 0], 1))
    return figure, int(old), int(new)
