"""Items whose vectors are not those that the export had."""

from __future__ import annotations

import numpy as np

from tfrec_recall.health.check import VECTORS
from tfrec_recall.health.finding import Finding

SAME = 0.99  # cosine from which a vector is where it was
BOUND = 0.2  # of the items; a catalogue changes, but not so many of its items a day
NAME = "items that have moved"


def moved_vectors(before: np.ndarray, now: np.ndarray) -> Finding:
    """The share of items whose vector points elsewhere, or has another length by a tenth.

    Nothing is drawn here: the same item by the same model has the same vector. The moved ones are
    those whose features have changed, or all of them if the vectors are of another version.

    Args:
        before, now: of the same items, float32 [items, dim].
    """
    length, other = (np.linalg.norm(rows, axis=1) for rows in (before, now))
    product = np.maximum(length * other, 1e-12)
    cosine = np.where(length * other > 0, (before * now).sum(axis=1) / product, length == other)
    longer = np.abs(other - length) > 0.1 * np.maximum(length, 1e-12)
    share = float(((cosine < SAME) | longer).mean())
    return Finding(
        group=VECTORS,
        check=NAME,
        where=f"of {len(before):,} items looked at",
        before="0.0%",
        now=f"{share:.1%}",
        change=share,
        bound=BOUND,
        chance=0.0 if share > 0 else 1.0,
        alarm=share >= BOUND,
    )
