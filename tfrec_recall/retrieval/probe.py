"""Queries whose exact answers are known, to measure an approximate index with."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.exact import exact_search

SAME = 3e-7  # of a score: what rounding makes of equal ones


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """Query vectors, as users ask them.

    Args:
        vectors: float32 [queries, interests, dim].
        present: bool [queries, interests]; an interest that is not present never scores.
    """

    vectors: np.ndarray
    present: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    @classmethod
    def of(cls, dim: int, vectors: np.ndarray, present: np.ndarray | None = None) -> Asked:
        """The queries that ask for something: finite, of some length, with an interest present.

        Args:
            vectors: [queries, dim] or [queries, interests, dim].

        Raises: ValueError for vectors of another length than the items'.
        """
        vectors = np.asarray(vectors, np.float32)
        if vectors.shape[-1:] != (dim,) or vectors.ndim not in (2, 3):
            raise ValueError(
                f"Queries to tune with are as long as the items' vectors, [..., {dim}]. "
                f"Received: an array of shape {vectors.shape}."
            )
        if vectors.ndim == 2:
            vectors = vectors[:, np.newaxis]
        present = np.ones(vectors.shape[:2], bool) if present is None else np.asarray(present, bool)
        if present.shape != vectors.shape[:2]:
            raise ValueError(
                "present says of each interest of a query whether it counts. "
                f"Received: present of shape {present.shape}, queries {vectors.shape}."
            )
        finite = np.isfinite(vectors).all(axis=2)
        present = present & finite
        vectors = np.where(finite[:, :, np.newaxis], vectors, 0)
        asks = (present & vectors.any(axis=2)).any(axis=1)
        return cls(vectors[asks], present[asks])

    def take(self, rows: np.ndarray | slice) -> Asked:
        return Asked(self.vectors[rows], self.present[rows])

    def halves(self) -> tuple[Asked, Asked]:
        """The first half, which is the larger, and the second."""
        middle = -(-len(self) // 2)
        return self.take(slice(middle)), self.take(slice(middle, None))

    def and_(self, other: Asked) -> Asked:
        return Asked(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.present, other.present]),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Probe:
    """Queries, and their exact answers over some items.

    Args:
        items: the vectors, float32 [items, dim].
        truth: the exact rows, int32 [queries, k].
    """

    items: np.ndarray
    asked: Asked
    truth: np.ndarray

    @classmethod
    def of(cls, items: np.ndarray, asked: Asked, k: int) -> Probe:
        k = min(k, len(items))
        rows, _ = exact_search(tf.constant(items), asked.vectors, k, present=asked.present)
        return cls(items, asked, rows.numpy())

    @property
    def k(self) -> int:
        return self.truth.shape[1]

    def recall(self, rows: np.ndarray) -> np.ndarray:
        """The share of the k best that is in `rows`, for each query.

        A row that scores as the last of the best does is one of the best: which of equal rows
        exact search puts first means nothing.
        """
        found = np.full_like(self.truth, -1)
        found[:, : rows.shape[1]] = rows[:, : self.k]
        both = np.concatenate([self.truth, found], axis=1)
        order = np.argsort(both, axis=1, kind="stable")
        sorted_rows = np.take_along_axis(both, order, axis=1)
        again = np.zeros(both.shape, bool)
        again[:, 1:] = (sorted_rows[:, 1:] == sorted_rows[:, :-1]) & (sorted_rows[:, 1:] >= 0)
        hit = np.zeros(both.shape, bool)
        np.put_along_axis(hit, order, again, axis=1)
        hit = hit[:, self.k :]
        query, place = np.nonzero(~hit & (found >= 0))
        least = self._scores(np.arange(len(self.truth)), self.truth[:, -1])[query]
        score = self._scores(query, found[query, place])
        hit[query, place] = score >= least - SAME * np.abs(least)
        return hit.sum(axis=1) / self.k

    def _scores(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        vectors, present = self.asked.vectors[query], self.asked.present[query]
        scores = np.einsum("nid,nd->ni", vectors, self.items[rows])
        return np.where(present, scores, -np.inf).max(axis=1)
