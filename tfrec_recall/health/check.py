"""The seam of checks: a figure of a day, as counts that are held to those of the days before."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from tfrec_recall.health.comparisons import Comparison

INPUTS, VECTORS, INDEX, LISTS = "inputs", "vectors", "index", "lists"


class Check(Protocol):
    """A figure; a frozen dataclass of plain values, which the export keeps.

    Its `learn` makes the checks of its kind that the days before the export allow.
    """

    @property
    def group(self) -> str:
        """INPUTS, VECTORS, INDEX or LISTS."""
        ...

    @property
    def comparison(self) -> Comparison:
        """How far the counts of a day are from those of before."""
        ...

    @property
    def name(self) -> str:
        """What is looked at, in words."""
        ...

    def counts(self, seen: Any) -> np.ndarray | None:
        """What each unit adds, float32 [units, bins]; None where the day lacks what it takes.

        Args:
            seen: a `Day`; of checks of items, their `Vectors`.
        """
        ...

    def told(self, bin: int) -> str:
        """What is in a bin, in words."""
        ...
