"""Exact search: every item is scored, in blocks."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.data.arguments import whole as whole_number
from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.index import Index, checked_vectors
from tfrec_recall.retrieval.listed_search import listed_search
from tfrec_recall.retrieval.query_blocks import apart
from tfrec_recall.retrieval.selection import NO_ROW, best, leave_out


@dataclasses.dataclass(frozen=True)
class Exact:
    """The choice of exact search by matrix product.

    Args:
        block: how many scores of a query exist at one time. A catalogue (times the interests) up
            to this size is one product and one top-k; a larger one is searched block by block.

    >>> index = Exact().build(np.eye(3))
    >>> rows, scores = index.search(tf.constant([[0.1, 0.5, 0.2]]), k=2, exclude=[[1]])
    >>> rows.numpy()
    array([[2, 0]], dtype=int32)
    """

    block: int = 65_536

    def __post_init__(self) -> None:
        whole_number("Exact", self.block, "block")

    def build(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> "ExactIndex":
        return ExactIndex(vectors, self)


class ExactIndex(Index):
    """All items scored by matrix product; see `Exact`."""

    def __init__(self, vectors: np.ndarray, settings: Exact | None = None):
        settings = settings or Exact()
        vectors = checked_vectors(vectors)
        report = {
            "kind": "exact",
            "items": vectors.shape[0],
            "dim": vectors.shape[1],
            "recall": 1.0,
            "settings": dataclasses.asdict(settings),
        }
        super().__init__(report, name="exact_index")
        self.vectors = tf.Variable(vectors, trainable=False, name="vectors")  # [items, dim]
        self._block = settings.block

    def search(self, query, k, exclude=None, present=None, allowed=None):
        return searched_exactly(
            functools.partial(exact_search, self.vectors, block=self._block),
            self.vectors_of,
            self.vectors.shape,
            (query, exclude, present, allowed),
            k,
            self._block,
        )

    def vectors_of(self, rows):
        return gather_or_zeros(self.vectors, rows)


def gather(vectors: tf.Tensor | tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """The vectors of rows: [...] to [..., dim].

    By the value of a variable: once TensorFlow has gathered from a variable itself, all that read
    it whole, as a search of every item and ScaNN's operation do, get a copy each time.
    """
    return tf.gather(tf.convert_to_tensor(vectors), rows)


def gather_or_zeros(vectors: tf.Tensor | tf.Variable, rows: tf.Tensor) -> tf.Tensor:
    """As `gather`, and zeros for row -1."""
    found = gather(vectors, tf.maximum(rows, 0))
    return tf.where((rows >= 0)[..., tf.newaxis], found, 0.0)


def exact_search(
    vectors: tf.Tensor | tf.Variable,
    query: tf.Tensor,
    k: tf.Tensor | int,
    exclude: tf.Tensor | None = None,
    present: tf.Tensor | None = None,
    allowed: Allowed | None = None,
    block: int = 65_536,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`Index.search` over the rows of `vectors`, with at most [batch, block] scores at a time."""
    items, dim = vectors.shape
    query, exclude, present = search_inputs(dim, query, exclude, present)
    interests = query.shape[1]  # None where the graph does not say

    if interests is not None and interests * items <= block:
        return best(leave_out(_scores(query, present, vectors), exclude, 0, allowed), k)

    step = tf.maximum(1, block // tf.maximum(1, tf.shape(query)[1]))

    def next_block(first, rows, scores):
        last = tf.minimum(first + step, items)
        block_scores = _scores(query, present, vectors[first:last])
        block_scores = leave_out(block_scores, exclude, first, allowed)
        block_rows, block_scores = best(block_scores, tf.minimum(k, last - first))
        block_rows = tf.where(block_rows == NO_ROW, NO_ROW, block_rows + first)
        rows, scores = tf.concat([rows, block_rows], 1), tf.concat([scores, block_scores], 1)
        return (last, *best(scores, k, rows))

    nothing = best(tf.zeros([tf.shape(query)[0], 0]), k)
    _, rows, scores = tf.while_loop(
        lambda first, *_: first < items,
        next_block,
        (tf.constant(0), *nothing),
        shape_invariants=(tf.TensorShape([]), *[tf.TensorShape([None, None])] * 2),
        parallel_iterations=1,  # more would hold several blocks of scores
    )
    return rows, scores


Whole = Callable[..., tuple[tf.Tensor, tf.Tensor]]


def searched_exactly(
    whole: Whole,
    vectors_of: Callable[[tf.Tensor], tf.Tensor],
    size: tuple[int, int],
    asked: tuple[Any, ...],
    k: tf.Tensor | int,
    small: int = 0,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Exact search of everything, or of what filters list where that is little: query by query.

    Args:
        whole: `Index.search` of everything, as `exact_search` does.
        vectors_of: as `Index.vectors_of`.
        size: items, and the numbers of each.
        asked: query, exclude, present and allowed, as of `Index.search`.
        small: so many items are always searched whole.
    """
    query, exclude, present, allowed = asked
    items, dim = size
    if allowed is None or items <= small:
        return whole(query, k, exclude, present, allowed)
    query, exclude, present = search_inputs(dim, query, exclude, present)
    return apart(
        allowed.few(items),
        (query, exclude, present, allowed),
        lambda q, e, p, a: listed_search(vectors_of, q, k, e, p, a),
        lambda q, e, p, a: whole(q, k, e, p, a),
        k,
    )


def _scores(query: tf.Tensor, present: tf.Tensor | None, vectors: tf.Tensor) -> tf.Tensor:
    """The maximum over a query's interests of the products with each vector, [batch, vectors]."""
    interests = tf.shape(query)[1]
    flat = tf.reshape(query, [-1, query.shape[2]])
    products = tf.matmul(flat, vectors, transpose_b=True)  # [batch * interests, vectors]
    if query.shape[1] == 1 and present is None:
        return products
    products = tf.reshape(products, [-1, interests, tf.shape(vectors)[0]])
    if present is not None:
        products = tf.where(present[:, :, tf.newaxis], products, float("-inf"))
    return tf.reduce_max(products, axis=1)


def search_inputs(
    dim: int, query: tf.Tensor, exclude: tf.Tensor | None, present: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
    """The arguments of a search in one form: query float32 [batch, interests, dim], exclude int32
    [batch, any], present bool [batch, interests] or None."""
    query = tf.cast(query, tf.float32)
    shape = query.shape
    if shape.rank not in (2, 3) or shape[-1] not in (dim, None):
        raise ValueError(
            f"A query is [batch, dim] or [batch, interests, dim], and the items' dim is {dim}. "
            f"Received: a tensor of shape {shape}."
        )
    query = tf.ensure_shape(query, [None] * (shape.rank - 1) + [dim])
    if shape.rank == 2:
        query = query[:, tf.newaxis, :]  # one interest
    if exclude is None:
        exclude = tf.zeros([tf.shape(query)[0], 0], tf.int32)
    return query, tf.cast(exclude, tf.int32), None if present is None else tf.cast(present, tf.bool)
