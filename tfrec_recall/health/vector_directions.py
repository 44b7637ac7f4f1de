"""Where vectors point."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

import numpy as np

from tfrec_recall.health.bins import counted
from tfrec_recall.health.check import VECTORS
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.vectors import Vectors
from tfrec_recall.retrieval.index import unit_vectors
from tfrec_recall.retrieval.k_means import leaves_of

CENTRES = 16
UNITS_A_CENTRE = 20  # at least: of fewer the shares say little


@dataclasses.dataclass(frozen=True)
class VectorDirections:
    """The nearest by cosine of some centres, the means of the export's own vectors.

    Args:
        of: "requests" or "items".
        centres: of length one, [centres][dim].
    """

    of: str
    centres: Sequence[Sequence[float]]

    group: ClassVar = VECTORS
    comparison: ClassVar = Stability()

    @property
    def name(self) -> str:
        return f"directions of {self.of}"

    @classmethod
    def learn(cls, vectors: Vectors, of: str) -> Iterator[Self]:
        centres = centres_of(vectors)
        if centres:
            yield cls(of, centres)

    def counts(self, seen):
        vectors = seen if isinstance(seen, Vectors) else seen.vectors
        if vectors is None:
            return None
        code = np.round(cosines(vectors.rows, self.centres, self.of), 3).argmax(axis=1)
        return counted(vectors.unit, code, vectors.units, len(self.centres))

    def told(self, bin):
        return f"nearest to centre {bin + 1} of {len(self.centres)}"


def centres_of(vectors: Vectors) -> tuple[tuple[float, ...], ...]:
    """The means of k-means over directions, of length one, to four digits; none for no vectors."""
    units = unit_vectors(vectors.rows)
    units = units[units.any(axis=1)]
    if not len(units):
        return ()
    wanted = int(np.clip(vectors.units // UNITS_A_CENTRE, 1, CENTRES))
    leaf = leaves_of(units, min(wanted, len(units)))  # some of the leaves are cut in two
    means = np.stack([units[leaf == one].mean(axis=0) for one in range(int(leaf.max()) + 1)])
    means = unit_vectors(means[means.any(axis=1)])
    return tuple(map(tuple, np.round(means, 4).tolist()))


def cosines(rows: np.ndarray, centres: Sequence[Sequence[float]], of: str) -> np.ndarray:
    """The cosine of each vector with each centre, [rows, centres].

    Raises: ValueError for vectors of another length.
    """
    directions = np.asarray(centres, np.float32)
    if directions.shape[1] != rows.shape[1]:
        raise ValueError(
            f"Vectors of {of} are as long as those of the export, {directions.shape[1]}. "
            f"Received: {rows.shape[1]}."
        )
    return unit_vectors(rows) @ directions.T
