"""How alike two rows of a sparse matrix are: two items by their users, two users by their items.

A similarity is written once, over sums on what two rows have in common, and works on NumPy arrays
and on tensors: the same formula builds a neighbour table and runs in a served graph.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp

from tfrec_recall._keras import saved_by_fields
from tfrec_recall.data.arguments import number, whole

Moment = tuple[int, int]
"""(p, q) stands for the sum of x^p * y^q over the columns that the rows x and y have in common."""

OVERLAP: Moment = (0, 0)
PRODUCT: Moment = (1, 1)


class Totals(NamedTuple):
    """Of each row: how many entries it has, and the sum of their squares."""

    size: Any
    squares: Any

    @classmethod
    def of(cls, matrix: sp.csr_array) -> Totals:
        size = np.diff(matrix.indptr).astype("float64")
        return cls(size, np.asarray(matrix.power(2).sum(axis=1), "float64").ravel())


class Similarity(Protocol):
    """What `neighbours` and the models ask of a similarity.

    `moments` are the sums it needs; `shift_invariant` says that a number added to all values
    changes nothing. Similarities of 0 and below make no neighbours.
    """

    @property
    def moments(self) -> tuple[Moment, ...]: ...

    @property
    def shift_invariant(self) -> bool: ...

    def column_weight(self, sizes: np.ndarray) -> np.ndarray | None:
        """What a common column counts, by its number of entries; None where each counts 1."""

    def between(self, common: Mapping[Moment, Any], left: Totals, right: Totals, xp=np) -> Any:
        """The similarities, of the shape of the sums; `xp` is numpy or tensorflow."""

    def scales(self, totals: Totals) -> tuple[np.ndarray, np.ndarray] | None:
        """By row: a and b, if the similarity of x and y is a_x b_y times its one moment, or None.

        A power a row, and not two a pair.
        """

    def factors(self, matrix: sp.csr_array) -> tuple[sp.csr_array, sp.csr_array] | None:
        """Matrices L, R whose product L @ R.T is the similarity; None where there are none."""


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class CoCount:
    """Shared columns over the sizes of the rows: |N(i) ∩ N(j)| / (|N(i)|^(1-α) |N(j)|^α).

    Source: "Amazon.com Recommendations: Item-to-Item Collaborative Filtering", 2003, in the
    implicit form with popularity penalty; "Empirical Analysis of Predictive Algorithms for
    Collaborative Filtering", UAI 1998, section 2.2.2, for the weight of active users, and "How
    Powerful is Graph Convolution for Recommendation?", CIKM 2021, section 4, for their power.

    Args:
        alpha: 0 divides by the size of the row asked for, 0.5 is the cosine of sets; more favours
            small neighbours.
        active_penalty: a common column c counts 1 / ln(1 + |N(c)|) instead of 1, or with a number
            p, 1 / |N(c)|^p: a user who took everything says little of what goes together.
        shrinkage: the result is multiplied by n / (n + shrinkage), n being what the common columns
            count.
    """

    alpha: float = 0.0
    active_penalty: bool | float = False
    shrinkage: float = 0.0
    shift_invariant: ClassVar[bool] = False
    moments: ClassVar[tuple[Moment, ...]] = (OVERLAP,)

    def __post_init__(self):
        number("CoCount", self.alpha, "alpha", least=0, most=1)
        if not isinstance(self.active_penalty, bool):
            number("CoCount", self.active_penalty, "active_penalty", least=0)
        _check_shrinkage(self.shrinkage)

    def column_weight(self, sizes):
        if isinstance(self.active_penalty, bool):
            return 1 / np.log1p(np.maximum(sizes, 1)) if self.active_penalty else None
        return np.maximum(sizes, 1.0) ** -self.active_penalty

    def between(self, common, left, right, xp=np):
        overlap = common[OVERLAP]
        penalised = xp.maximum(left.size, 1.0) ** (1 - self.alpha)
        similarity = overlap / (penalised * xp.maximum(right.size, 1.0) ** self.alpha)
        return _shrunk(similarity, overlap, self.shrinkage)

    def scales(self, totals):
        if self.shrinkage:
            return None
        size = np.maximum(totals.size, 1.0)
        return size ** (self.alpha - 1), size**-self.alpha

    def factors(self, matrix):
        if self.shrinkage:
            return None
        size = np.maximum(np.diff(matrix.indptr), 1.0)
        weight = self.column_weight(column_sizes(matrix))
        ones = _like(matrix, np.ones_like(matrix.data))
        left = _scaled(ones, size ** (self.alpha - 1), weight)
        return left, _scaled(ones, size**-self.alpha, None)


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Cosine:
    """Σ x y / (‖x‖ ‖y‖) over the values, missing ones being 0.

    Args:
        shrinkage: as in `CoCount`; n is the number of common columns.
    """

    shrinkage: float = 0.0
    shift_invariant: ClassVar[bool] = False

    def __post_init__(self):
        _check_shrinkage(self.shrinkage)

    @property
    def moments(self) -> tuple[Moment, ...]:
        return (PRODUCT, OVERLAP) if self.shrinkage else (PRODUCT,)

    def column_weight(self, sizes):
        return None

    def between(self, common, left, right, xp=np):
        norms = xp.sqrt(left.squares * right.squares)
        similarity = _ratio(common[PRODUCT], norms, xp)
        return (
            _shrunk(similarity, common[OVERLAP], self.shrinkage) if self.shrinkage else similarity
        )

    def scales(self, totals):
        if self.shrinkage:
            return None
        norm = np.sqrt(totals.squares)
        inverse = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
        return inverse, inverse

    def factors(self, matrix):
        if self.shrinkage:
            return None
        norm = np.sqrt(Totals.of(matrix).squares)
        unit = _scaled(matrix, 1 / np.where(norm > 0, norm, 1.0), None)
        return unit, unit


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Jaccard:
    """|N(i) ∩ N(j)| / |N(i) ∪ N(j)|.

    Args:
        shrinkage: as in `CoCount`.
    """

    shrinkage: float = 0.0
    shift_invariant: ClassVar[bool] = False
    moments: ClassVar[tuple[Moment, ...]] = (OVERLAP,)

    def __post_init__(self):
        _check_shrinkage(self.shrinkage)

    def column_weight(self, sizes):
        return None

    def between(self, common, left, right, xp=np):
        overlap = common[OVERLAP]
        union = left.size + right.size - overlap
        return _shrunk(_ratio(overlap, union, xp), overlap, self.shrinkage)

    def scales(self, totals):
        return None

    def factors(self, matrix):
        return None


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Pearson:
    """The correlation of two rows' values over the columns that both have.

    Source: "GroupLens: An Open Architecture for Collaborative Filtering of Netnews", CSCW 1994;
    the means are those of the common columns. Rows without variance there are not alike: 0. A
    number added to all values changes nothing.

    Args:
        minimum_overlap: with fewer common columns the similarity is 0; two points always correlate.
        shrinkage: as in `CoCount`; n is the number of common columns.
    """

    minimum_overlap: int = 3
    shrinkage: float = 0.0
    shift_invariant: ClassVar[bool] = True  # sums of small numbers round less
    moments: ClassVar[tuple[Moment, ...]] = (OVERLAP, (1, 0), (0, 1), PRODUCT, (2, 0), (0, 2))

    def __post_init__(self):
        _check_shrinkage(self.shrinkage)
        whole("Pearson", self.minimum_overlap, "minimum_overlap", least=2)

    def column_weight(self, sizes):
        return None

    def between(self, common, left, right, xp=np):
        n, x, y = common[OVERLAP], common[1, 0], common[0, 1]
        covariance = n * common[PRODUCT] - x * y
        # n times the sum is far larger than what is left of it: rounding is no variance.
        by_x = _above_rounding(n * common[2, 0] - x * x, n * common[2, 0], xp)
        by_y = _above_rounding(n * common[0, 2] - y * y, n * common[0, 2], xp)
        similarity = _ratio(covariance, xp.sqrt(by_x * by_y), xp)
        similarity = xp.where(n >= self.minimum_overlap, similarity, xp.zeros_like(similarity))
        return _shrunk(similarity, n, self.shrinkage)

    def scales(self, totals):
        return None

    def factors(self, matrix):
        return None


@dataclasses.dataclass(frozen=True)
class Amplified:
    """Another similarity to a power: far neighbours weigh less beside near ones.

    Source: "Empirical Analysis of Predictive Algorithms for Collaborative Filtering", UAI 1998,
    section 2.2.3, case amplification: similarities below 0 stay so, and their size is amplified.

    Args:
        similarity: what is amplified.
        power: ρ; the paper has 2.5.
    """

    similarity: Similarity
    power: float

    def __post_init__(self):
        number("A similarity", self.power, "amplification", above=0)

    @property
    def moments(self) -> tuple[Moment, ...]:
        return self.similarity.moments

    @property
    def shift_invariant(self) -> bool:
        return self.similarity.shift_invariant

    def column_weight(self, sizes):
        return self.similarity.column_weight(sizes)

    def between(self, common, left, right, xp=np):
        similarity = self.similarity.between(common, left, right, xp)
        size = xp.maximum(similarity, -similarity) ** self.power
        return xp.where(similarity < 0, -size, size)

    def scales(self, totals):
        return None

    def factors(self, matrix):
        return None


def column_sizes(matrix: sp.csr_array) -> np.ndarray:
    """How many entries each column has, float64 [columns]."""
    return np.bincount(matrix.indices, minlength=matrix.shape[1]).astype("float64")


def _check_shrinkage(shrinkage: float) -> None:
    number("A similarity", shrinkage, "shrinkage", least=0)


def _shrunk(similarity, overlap, shrinkage: float):
    return similarity * (overlap / (overlap + shrinkage)) if shrinkage else similarity


def _ratio(top, bottom, xp):
    """top / bottom, and 0 where the bottom is."""
    zero = xp.zeros_like(bottom)
    safe = xp.where(bottom > 0, bottom, xp.ones_like(bottom))
    return xp.where(bottom > 0, top / safe, zero)


def _above_rounding(variance, scale, xp):
    # float64 in tables and Spark, float32 in graphs
    rounding = 1e-12 if xp is np else getattr(xp, "ROUNDING", 1e-6)
    return xp.where(variance > rounding * scale, variance, xp.zeros_like(variance))


def _like(matrix: sp.csr_array, values: np.ndarray) -> sp.csr_array:
    return sp.csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def _scaled(
    matrix: sp.csr_array, rows: np.ndarray | None, columns: np.ndarray | None
) -> sp.csr_array:
    """The matrix with its rows and columns multiplied, float32."""
    values = matrix.data.astype("float32")
    if rows is not None:
        values *= np.repeat(rows.astype("float32"), np.diff(matrix.indptr))
    if columns is not None:
        values *= columns.astype("float32")[matrix.indices]
    return _like(matrix, values)
