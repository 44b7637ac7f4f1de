"""How long vectors are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar, Self

from tfrec_recall.health.bins import Bins, counted
from tfrec_recall.health.check import VECTORS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.vectors import Vectors, rounded


@dataclasses.dataclass(frozen=True)
class VectorNorms:
    """The norms of the vectors of requests, or of items.

    Args:
        of: "requests" or "items".
        bins: of the export's own.
    """

    of: str
    bins: Bins

    group: ClassVar = VECTORS
    comparison: ClassVar = Stability()

    @property
    def name(self) -> str:
        return f"norms of {self.of}"

    @classmethod
    def learn(cls, vectors: Vectors, of: str) -> Iterator[Self]:
        yield cls(of, Bins.of_quantiles(rounded(vectors.norms())))

    def counts(self, seen):
        vectors = seen if isinstance(seen, Vectors) else seen.vectors
        if vectors is None:
            return None
        code = self.bins.of_numbers(rounded(vectors.norms()).astype("float64"))
        return counted(vectors.unit, code, vectors.units, len(self.bins))

    def told(self, bin):
        low = f"from {self.bins.edges[bin - 2]:.3g}" if bin > 1 else ""
        high = f"below {self.bins.edges[bin - 1]:.3g}" if 0 < bin <= len(self.bins.edges) else ""
        return " ".join(part for part in (low, high) if part) or "any norm"
