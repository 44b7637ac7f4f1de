"""Vectors of requests or of items, and which unit each is of."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Vectors:
    """Rows of vectors; a request of several interests has several.

    Args:
        rows: float32 [rows, dim].
        unit: of each row.
        units: how many there are.
    """

    rows: np.ndarray
    unit: np.ndarray
    units: int

    def norms(self) -> np.ndarray:
        return np.linalg.norm(self.rows, axis=1)


def rounded(numbers: np.ndarray) -> np.ndarray:
    """To three digits: the arithmetic of two machines differs in the last ones.

    >>> rounded(np.array([0.99999994, 123456.0, 0.0])).tolist()
    [1.0, 123000.0, 0.0]
    """
    size = np.where(numbers == 0, 1.0, np.abs(numbers))
    step = 10.0 ** (np.floor(np.log10(size)) - 2)
    return np.round(numbers / step) * step
