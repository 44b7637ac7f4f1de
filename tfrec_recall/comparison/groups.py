"""Groups of items by how often training has them, and of users by how much they had."""

from __future__ import annotations

import dataclasses

import numpy as np

NEW, RARE, MIDDLE, FREQUENT = "new", "rare", "middle", "frequent"
NAMES = (NEW, RARE, MIDDLE, FREQUENT)
RARE_SHARE, FREQUENT_SHARE = 0.2, 0.5  # of the training events


@dataclasses.dataclass(frozen=True, eq=False)
class ItemGroups:
    """Each item's group: new items are in no training event; of the others, the frequent ones hold
    half of the training events, the rare ones the last fifth.

    Args:
        of: the place in `NAMES` of each item, [items].
        popularity: training events of each item, [items].

    >>> groups = ItemGroups.by(np.array([50, 30, 10, 10, 0]))
    >>> [NAMES[group] for group in groups.of]
    ['frequent', 'middle', 'rare', 'rare', 'new']
    """

    of: np.ndarray
    popularity: np.ndarray

    @classmethod
    def by(cls, popularity: np.ndarray) -> ItemGroups:
        """By the training events of each item; items with equal counts are in one group."""
        total = popularity.sum()
        more = np.sort(popularity)[::-1]
        events = np.concatenate([[0], np.cumsum(more)])
        # Events of the items that have more than this one.
        before = events[np.searchsorted(-more, -popularity, side="left")]
        of = np.full(len(popularity), NAMES.index(MIDDLE))
        of[before < FREQUENT_SHARE * total] = NAMES.index(FREQUENT)
        of[before >= (1 - RARE_SHARE) * total] = NAMES.index(RARE)
        of[popularity == 0] = NAMES.index(NEW)
        return cls(of, popularity)

    def described(self) -> list[dict[str, object]]:
        """Of each group: its name, how many items it has, and their training events."""
        found = []
        for place, name in enumerate(NAMES):
            counts = self.popularity[self.of == place]
            low, high = (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)
            found.append(
                {
                    "name": name,
                    "items": len(counts),
                    "events": int(counts.sum()),
                    "least": low,
                    "most": high,
                }
            )
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class HistoryGroups:
    """Each user's group by the length of the history: a third of the users in each, ties together.

    >>> HistoryGroups.by(np.array([0, 1, 3, 9, 9, 50])).names
    ('0 to 1', '3 to 9', '50')
    """

    of: np.ndarray  # [users]
    names: tuple[str, ...]

    @classmethod
    def by(cls, lengths: np.ndarray) -> HistoryGroups:
        edges = np.quantile(lengths, [1 / 3, 2 / 3], method="lower")
        of = np.searchsorted(edges, lengths, side="left")
        names, kept = [], np.unique(of)
        for group in kept:
            own = lengths[of == group]
            low, high = int(own.min()), int(own.max())
            names.append(f"{low}" if low == high else f"{low} to {high}")
        return cls(np.searchsorted(kept, of), tuple(names))
