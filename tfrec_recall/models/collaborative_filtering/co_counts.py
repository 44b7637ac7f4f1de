"""What items have in common by their users, kept so that new events change it."""

from __future__ import annotations

import pathlib
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp

from tfrec_recall.features import Origin
from tfrec_recall.graph import Neighbours, Similarity, interaction_matrix, nearby_counts
from tfrec_recall.graph.nearby import neighbours_by_counts
from tfrec_recall.graph.similarity import Totals, column_sizes

FILE = "co_counts.npz"


class CoCounts(NamedTuple):
    """Sums over users, so that those of other users, or of more events, can be added.

    Attributes:
        sums: what two items have in common, float64 [items, items].
        sizes: how many users an item has, float64 [items].
    """

    sums: sp.csr_array
    sizes: np.ndarray

    @classmethod
    def of(
        cls,
        user: np.ndarray,
        item: np.ndarray,
        items: int,
        similarity: Similarity,
        nearby: float | None,
    ) -> Self:
        """Of all events of these users.

        Args:
            user, item: integers [events]; with `nearby`, each user's together and in order of time.
            items: of the vocabulary.
            nearby: as in `ItemCF`.
        """
        number = np.unique(user, return_inverse=True)[1]
        matrix = interaction_matrix(item, number, (items, number.max(initial=0) + 1))
        weight = similarity.column_weight(column_sizes(matrix))
        sizes = np.diff(matrix.indptr).astype("float64")
        if nearby is not None:
            of_event = None if weight is None else weight[number]
            return cls(nearby_counts(number, item, items, nearby, of_event), sizes)
        matrix = matrix.astype("float64")
        weighted = matrix if weight is None else matrix @ sp.diags_array(weight)
        return cls(sp.csr_array(weighted @ matrix.T), sizes)

    def with_change(self, before: CoCounts, after: CoCounts) -> CoCounts:
        """With what some users' events come to after, in place of what they came to before."""
        sums = self.sums + (after.sums - before.sums)
        return CoCounts(sp.csr_array(sums), self.sizes + (after.sizes - before.sizes))

    def neighbours(self, similarity: Similarity, count: int) -> Neighbours:
        """The best neighbours of each item."""
        totals = Totals(self.sizes, self.sizes)  # every value is 1
        return neighbours_by_counts(self.sums, totals, similarity, count)

    def grown(self, origin: Origin) -> CoCounts:
        """Of a vocabulary that has grown: nothing of an item whose number is another's by now."""
        pairs, size = self.sums.tocoo(), len(origin.same)
        row, column = pairs.coords
        same = origin.same[row] & origin.same[column]
        entries = (pairs.data[same], (row[same], column[same]))
        sizes = np.zeros(size)
        sizes[: len(self.sizes)] = self.sizes
        return CoCounts(
            sp.csr_array(entries, shape=(size, size)), np.where(origin.same, sizes, 0.0)
        )

    def save(self, folder: pathlib.Path) -> None:
        """Writes them into a folder."""
        sp.save_npz(folder / FILE, sp.csr_array(self.sums), compressed=False)
        sp.save_npz(folder / f"sizes_{FILE}", sp.csr_array(self.sizes[np.newaxis]))

    @classmethod
    def load(cls, folder: pathlib.Path) -> Self:
        """Those that `save` wrote."""
        sizes = sp.load_npz(folder / f"sizes_{FILE}")
        return cls(sp.csr_array(sp.load_npz(folder / FILE)), sizes.toarray()[0])
