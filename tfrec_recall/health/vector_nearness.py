"""How near vectors are to the directions that the export's own take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

from tfrec_recall.health.bins import Bins, counted
from tfrec_recall.health.check import VECTORS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.vector_directions import centres_of, cosines
from tfrec_recall.health.vectors import Vectors, rounded


@dataclasses.dataclass(frozen=True)
class VectorNearness:
    """The cosine with the nearest centre; vectors of another version are far from all of them.

    Args:
        of: "requests" or "items".
        centres: as of `VectorDirections`.
        bins: of the export's own.
    """

    of: str
    centres: Sequence[Sequence[float]]
    bins: Bins

    group: ClassVar = VECTORS
    comparison: ClassVar = Stability()

    @property
    def name(self) -> str:
        return f"nearness of {self.of}"

    @classmethod
    def learn(cls, vectors: Vectors, of: str) -> Iterator[Self]:
        centres = centres_of(vectors)
        if centres:
            nearest = cosines(vectors.rows, centres, of).max(axis=1)
            yield cls(of, centres, Bins.of_quantiles(rounded(nearest)))

    def counts(self, seen):
        vectors = seen if isinstance(seen, Vectors) else seen.vectors
        if vectors is None:
            return None
        nearest = cosines(vectors.rows, self.centres, self.of).max(axis=1)
        code = self.bins.of_numbers(rounded(nearest).astype("float64"))
        return counted(vectors.unit, code, vectors.units, len(self.bins))

    def told(self, bin):
        low = f"cosine from {self.bins.edges[bin - 2]:.2f}" if bin > 1 else "cosine"
        high = f" below {self.bins.edges[bin - 1]:.2f}" if 0 < bin <= len(self.bins.edges) else ""
        return low + high
