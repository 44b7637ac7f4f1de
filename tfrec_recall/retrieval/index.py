"""The seam of indexes: what is chosen (`IndexSettings`) and what searches (`Index`)."""

import contextlib
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.filters import Allowed


class IndexNotice(UserWarning):
    """What a user should know of an index: a recall not reached, or not that of users."""


class Index(tf.Module):
    """Item vectors made searchable by inner product; saved with the graph that uses it.

    `report` says in plain values what the index is and what was measured when it was built.
    """

    report: dict[str, Any]

    def __init__(self, report: dict[str, Any], name: str | None = None):
        super().__init__(name=name)
        # A plain dictionary: a module's own assignment would wrap it to track what it holds.
        object.__setattr__(self, "report", report)

    @property
    def parts(self) -> dict[str, tf.Variable]:
        """What an index over other vectors can go on with; nothing where it is built anew."""
        return {}

    def search(
        self,
        query: tf.Tensor,
        k: tf.Tensor | int,
        exclude: tf.Tensor | None = None,
        present: tf.Tensor | None = None,
        allowed: Allowed | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The k rows with the highest inner product, best first, no row twice.

        Args:
            query: [batch, dim], or [batch, interests, dim]: then a row's score is the maximum
                over the interests.
            k: how many; may exceed the number of items.
            exclude: rows to leave out, int32 [batch, any], -1 for none.
            present: bool [batch, interests]; an interest that is not present never scores.
            allowed: what the filters of each query let through; None lets all.

        Returns: rows int32 [batch, k] and scores float32 [batch, k]; where fewer than k are left,
            row -1 and score -inf.
        """
        raise NotImplementedError

    def ready(self) -> contextlib.AbstractContextManager[None]:
        """Until its end, searches that are traced in one graph, and inside it, share what they are
        made of: a request passes by those that are not for it the sooner."""
        return contextlib.nullcontext()

    def at_once(
        self, query: tf.Tensor, k: tf.Tensor | int, asked: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor] | None:
        """`search` for queries that nothing is left out of, where a look into the index is enough.

        Args:
            query: [batch, dim].
            asked: bool, a scalar; where it is False nothing is searched.

        Returns: rows [batch, k], scores [batch, k], and a bool: whether these are what `search`
            gives, or mean nothing. None from an index that has no such way.
        """
        return None

    def vectors_of(self, rows: tf.Tensor) -> tf.Tensor:
        """The vectors of rows: [...] to [..., dim]; zeros for row -1."""
        raise NotImplementedError


class IndexSettings(Protocol):
    """What a user passes to choose an index: plain values, and how to build it."""

    def build(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> Index:
        """An index over the rows of `vectors`.

        Args:
            vectors: float [items, dim].
            k: the length of list for which an approximate index is tuned.
            queries: vectors of users' requests, [queries, dim] or [queries, interests, dim], to
                tune an approximate index with; without them, item vectors stand in.
            present: bool [queries, interests]; None: all interests are present.
        """
        ...


def checked_vectors(vectors: np.ndarray, items: int | None = None) -> np.ndarray:
    """The item vectors as float32 [items, dim]; ValueError if no index can hold them.

    Args:
        items: how many there are of; None: of any number.
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise ValueError(
            "An index takes item vectors as [items, dim], at least one of each. "
            f"Received: an array of shape {vectors.shape}."
        )
    if items is not None and len(vectors) != items:
        raise ValueError(
            f"There is one vector for each item id. Received: {items} ids, {len(vectors)} vectors."
        )
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise ValueError(
            "Item vectors must be finite: train at a lower rate, or look for an item without "
            f"features. Received: {len(bad)} of {len(vectors)} rows with NaN or infinity, the "
            f"first are rows {bad[:5].tolist()}."
        )
    return vectors


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length one, [items, dim], whose products are cosines; of no length, zeros."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)


def of_length_one(vectors: np.ndarray) -> bool:
    """Whether `unit_vectors` changes none of these vectors."""
    return np.allclose(unit_vectors(vectors), vectors, rtol=0, atol=1e-5)
