"""Which ids are known, in bounded space."""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np
import pandas as pd

MOST = 65_536  # ids that are kept: 512 KiB
EVERY = np.iinfo(np.uint64).max


@dataclasses.dataclass(frozen=True, eq=False)
class Known:
    """A slice of the known ids: those whose hash is small, all of them where they are few.

    Whether one of a day's ids is known is only asked of ids in the same slice, which is as good as
    a sample of ids at random, and the answer is exact.

    Args:
        hashes: uint64, rising.
        limit: the largest hash of the slice.

    >>> ids = Known.of(pd.Series(["ann", "bob"]))
    >>> ids.strange(pd.Series(["bob", "cid"])).tolist()
    [0.0, 1.0]
    """

    hashes: np.ndarray
    limit: int = int(EVERY)

    @classmethod
    def of(cls, ids: pd.Series, most: int = MOST) -> Self:
        hashes = np.unique(_hashes(ids))
        if len(hashes) <= most:
            return cls(hashes)
        return cls(hashes[:most], int(hashes[most - 1]))

    def joined(self, ids: pd.Series, most: int = MOST) -> Self:
        """The slice of these ids as well."""
        hashes = _hashes(ids)
        every = np.union1d(self.hashes, hashes[hashes <= np.uint64(self.limit)])
        if len(every) <= most:
            return dataclasses.replace(self, hashes=every)
        return type(self)(every[:most], int(every[most - 1]))

    def strange(self, ids: pd.Series) -> np.ndarray:
        """1 for an unknown id and 0 for a known one, float64; NaN for one out of the slice."""
        hashes = _hashes(ids)
        place = np.searchsorted(self.hashes, hashes)
        there = place < len(self.hashes)
        known = np.zeros(len(hashes), bool)
        known[there] = self.hashes[place[there]] == hashes[there]
        return np.where(hashes <= np.uint64(self.limit), 1.0 - known, np.nan)


def _hashes(ids: pd.Series) -> np.ndarray:
    values = ids.to_numpy()
    return pd.util.hash_array(values.astype(object) if values.dtype.kind not in "iu" else values)
