"""What changes the scores of items in the lists of queries, and of nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf


class ItemWeights(tf.Module):
    """score = lift · ⟨query, item⟩ + bias: a product of vectors again, of one number more.

    Where nothing is added but below 0 to items without a vector, of which nothing is known, a query
    longer than 1 adds as many times as much: they stay below all others, however long queries are.

    Args:
        lift: above 0 and finite, [items]; None is 1 for all.
        bias: finite, [items]; None is 0 for all.
        order: which item each row of the index is.
        vectors: of the rows, if they are known, [items, dim].
    """

    def __init__(self, lift: Any, bias: Any, order: np.ndarray, vectors: np.ndarray | None = None):
        super().__init__(name="item_weights")
        self._lift = self._bias = None
        self._by_length = False
        if lift is not None:
            self._lift = _constant(checked_lift(lift, len(order))[order], "lift")
        if bias is not None:
            self._bias = _constant(_checked_bias(bias, len(order))[order], "bias")
            if vectors is not None:
                added = self._bias.numpy()[:, 0] != 0
                self._by_length = not (added & ~self.unknown(vectors)).any()

    @property
    def of_items(self) -> dict[str, tf.Variable]:
        """Those that there are, by the names of the arguments, [items, 1] each."""
        weights = {"lift": self._lift, "bias": self._bias}
        return {name: weight for name, weight in weights.items() if weight is not None}

    def searched(self, vectors: np.ndarray) -> np.ndarray:
        """What the index holds of these vectors of the rows."""
        if self._lift is not None:
            vectors = vectors * self._lift.numpy()
        return vectors if self._bias is None else np.hstack([vectors, self._bias.numpy()])

    def unknown(self, vectors: np.ndarray) -> np.ndarray:
        """Of which rows nothing is known: of zeros, and put below others by their bias; bool."""
        if self._bias is None:
            return np.zeros(len(vectors), bool)
        below = self._bias.numpy()[:, 0] < 0
        return np.logical_and(below, ~vectors.any(axis=1))

    def asked(self, query: tf.Tensor) -> tf.Tensor:
        """What the index is asked with, [..., dim] to [..., dim or one more]."""
        if self._bias is None:
            return query
        one = tf.ones_like(query[..., :1])
        if self._by_length:
            one = tf.maximum(one, tf.norm(query, axis=-1, keepdims=True))
        return tf.concat([query, one], axis=-1)

    def given(self, found: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """The vectors as they were given, of those that the index holds of rows."""
        if self._bias is not None:
            found = found[..., :-1]
        return found if self._lift is None else found / tf.gather(self._lift, tf.maximum(rows, 0))


def below_all(vectors: np.ndarray, lift: np.ndarray | None = None) -> np.ndarray | None:
    """What is added to the scores of items that have no vector, [items]; None where all have one.

    A score of 0 would be above those of items that are unlike what the user wants.

    Args:
        vectors: [items, dim]; a query is no longer than the longest, or than one, or what is added
            goes by its length, as of `ItemWeights`.
        lift: what the scores of items are multiplied by; None is 1 for all.
    """
    vectors = np.asarray(vectors)
    without = ~vectors.any(axis=1)
    if not without.any():
        return None
    largest = max(1.0, float(np.einsum("id,id->i", vectors, vectors).max()))  # of a product
    if lift is not None:
        largest *= float(np.max(lift))
    return np.where(without, -2 * largest, 0.0)


def checked_lift(lift: Any, items: int) -> np.ndarray:
    """A factor for each item's vector, float32 [items, 1]."""
    lift = np.asarray(lift, "float32")
    fits = (lift > 0) & np.isfinite(lift)
    if lift.shape != (items,) or not fits.all():
        raise ValueError(
            "lift has a finite number above 0 for each item. "
            f"Received: shape {lift.shape}, {(~fits).sum()} that are not."
        )
    return lift[:, np.newaxis]


def _checked_bias(bias: Any, items: int) -> np.ndarray:
    bias = np.asarray(bias, "float32")
    if bias.shape != (items,) or not np.isfinite(bias).all():
        raise ValueError(
            "bias has a finite number for each item. "
            f"Received: shape {bias.shape}, {(~np.isfinite(bias)).sum()} that are not finite."
        )
    return bias[:, np.newaxis]


def _constant(values: np.ndarray, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)
