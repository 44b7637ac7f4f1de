"""Choosing the best rows: leaving out, cutting to k, merging several answers."""

from typing import Protocol

import tensorflow as tf

NO_ROW = -1
"""The row that stands for "none": in lists to leave out, and where fewer than k are left."""


class Fit(Protocol):
    """What lets rows through; see `filters.Allowed`."""

    def fit(self, rows: tf.Tensor) -> tf.Tensor:
        """Which rows are let through: [n] or [batch, n] to bool [batch, n]."""


def leave_out(
    scores: tf.Tensor,
    exclude: tf.Tensor,
    first: tf.Tensor | int = 0,
    allowed: Fit | None = None,
) -> tf.Tensor:
    """Scores with the excluded rows, and those that are not allowed, at -inf.

    Args:
        scores: [batch, rows], the scores of rows `first`, `first + 1`, and so on.
        exclude: rows to leave out, [batch, any]; `NO_ROW` and rows outside are none, and a row
            may come several times.
        allowed: what lets rows through; None lets all.

    >>> leave_out(tf.constant([[1.0, 2.0, 3.0]]), tf.constant([[2, -1, 2]])).numpy()
    array([[  1.,   2., -inf]], dtype=float32)
    """
    column = exclude - first
    inside = (column >= 0) & (column < tf.shape(scores)[1])
    at = tf.where(inside)  # [hits, 2]: the query, and the place in its list
    column = tf.cast(tf.gather_nd(column, at), tf.int64)
    cells = tf.stack([at[:, 0], column], axis=1)  # [hits, 2]: the query, and the score's column
    gone = tf.fill(tf.shape(column), tf.constant(float("-inf"), scores.dtype))
    left = tf.tensor_scatter_nd_update(scores, cells, gone)
    if allowed is None:
        return left
    rows = tf.range(first, first + tf.shape(scores)[1])
    return tf.where(allowed.fit(rows), left, float("-inf"))


def unwanted(rows: tf.Tensor, exclude: tf.Tensor, allowed: Fit | None = None) -> tf.Tensor:
    """Which candidates are excluded, not allowed, or `NO_ROW`: bool [batch, candidates].

    Args:
        rows: int32 [batch, candidates].
        exclude: int32 [batch, any].
        allowed: what lets rows through; None lets all.
    """
    out = is_in(rows, exclude)
    return out if allowed is None else out | ~allowed.fit(rows)


def is_in(rows: tf.Tensor, exclude: tf.Tensor) -> tf.Tensor:
    """Which rows are in the list beside them, or are `NO_ROW`: bool [batch, candidates].

    For candidates that are few beside the catalogue; by bisection, so that lists may be long.

    Args:
        rows: int32 [batch, candidates].
        exclude: int32 [batch, any].

    >>> is_in(tf.constant([[7, 5, -1]]), tf.constant([[5, 9]])).numpy()
    array([[False,  True,  True]])
    """
    listed = tf.sort(tf.pad(exclude, [[0, 0], [1, 0]], constant_values=NO_ROW), axis=1)
    place = tf.searchsorted(listed, rows)
    place = tf.minimum(place, tf.shape(listed)[1] - 1)  # beyond the last
    return tf.gather(listed, place, batch_dims=1) == rows


def best(
    scores: tf.Tensor, k: tf.Tensor | int, rows: tf.Tensor | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """The k best rows of each query and their scores, best first; the earlier row wins a tie.

    Args:
        scores: [batch, candidates]; -inf is a candidate that does not count.
        rows: the row of each candidate, [batch, candidates]; by default its position.

    Returns: rows int32 [batch, k] and scores [batch, k]; `NO_ROW` and -inf where fewer are left.

    >>> [part.numpy().tolist() for part in best(tf.constant([[1.0, 3.0, 2.0]]), k=2)]
    [[[1, 2]], [[3.0, 2.0]]]
    """
    available = tf.minimum(k, tf.shape(scores)[1])
    score, position = tf.math.top_k(scores, available)
    row = position if rows is None else tf.gather(rows, position, batch_dims=1)
    row = tf.where(score > float("-inf"), row, NO_ROW)
    missing = [[0, 0], [0, k - available]]
    return (
        tf.pad(row, missing, constant_values=NO_ROW),
        tf.pad(score, missing, constant_values=float("-inf")),
    )


def merge_by_maximum(
    rows: tf.Tensor, scores: tf.Tensor, k: tf.Tensor | int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The k best of several answers to the same query, each row once, at its highest score.

    The result is exact when each answer held the k best of its own scores: a row that is among
    the k best by its maximum is among the k best of the answer that gave the maximum.

    Args:
        rows: int32 [batch, candidates], all answers beside each other; `NO_ROW` is none.
        scores: [batch, candidates].

    >>> rows, scores = tf.constant([[7, 5, 7, 4]]), tf.constant([[1.0, 0.2, 0.1, 0.5]])
    >>> [part.numpy().tolist() for part in merge_by_maximum(rows, scores, k=2)]
    [[[7, 4]], [[1.0, 0.5]]]
    """
    scores = tf.where(rows == NO_ROW, float("-inf"), scores)
    score, order = tf.math.top_k(scores, tf.shape(scores)[1])
    row = tf.gather(rows, order, batch_dims=1)

    # Equal rows become neighbours, the best of them first: the sort is stable.
    by_row = tf.argsort(row, axis=1, stable=True)
    neighbours = tf.gather(row, by_row, batch_dims=1)
    repeated = tf.pad(neighbours[:, 1:] == neighbours[:, :-1], [[0, 0], [1, 0]])
    back = tf.argsort(by_row, axis=1)
    repeated = tf.gather(repeated, back, batch_dims=1)
    return best(tf.where(repeated, float("-inf"), score), k, row)


def is_best(rows: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Which candidates have the best score of their row, the earlier one of equal scores.

    Args:
        rows: int32 [batch, candidates], all answers beside each other.
        scores: [batch, candidates].

    Returns: bool [batch, candidates]; one for each row, `NO_ROW` like any other.

    >>> is_best(tf.constant([[7, 5, 7, 5]]), tf.constant([[1.0, 0.2, 1.0, 0.5]])).numpy()
    array([[ True, False, False,  True]])
    """
    order = tf.argsort(scores, axis=1, direction="DESCENDING", stable=True)
    by_row = tf.argsort(tf.gather(rows, order, batch_dims=1), axis=1, stable=True)
    order = tf.gather(order, by_row, batch_dims=1)  # by rows, the best of each first
    listed = tf.gather(rows, order, batch_dims=1)
    again = tf.pad(listed[:, 1:] == listed[:, :-1], [[0, 0], [1, 0]])
    return ~tf.gather(again, tf.argsort(order, axis=1), batch_dims=1)
