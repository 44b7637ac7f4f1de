"""Lists that are spread over groups of items, at an adjustable price in score."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.arguments import number, whole
from tfrec_recall.retrieval.selection import NO_ROW, best


@dataclasses.dataclass(frozen=True, eq=False)
class Diversity:
    """The choice of how much a list is spread over the categories of its items.

    An item is worth its score less `weight` for each item of its category that the list has
    already. Of the `candidates * k` items with the best scores, the list takes the one that is
    worth most, again and again; its scores are what each was worth then. k is the retriever's own
    also where a shorter list is asked for.

    Source: "Controllable Multi-Interest Framework for Recommendation", KDD 2020: section 3.3, Eq.
    11 to 13 and Algorithm 1, whose λ is `weight`: λ for each pair of unequal categories is, up to
    a number that all candidates share, -λ for each pair of equal ones.
    Departs: no loop. Within a category the best score is taken first, so the n-th of a category is
    worth its score less n λ whatever the others are, and the greedy list is a sorting by that.

    Args:
        groups: the category of each item, in the order of the items; a missing one is like no
            other.
        weight: λ, in units of the score.
        candidates: times k, how many items the list is chosen from.
    """

    groups: Sequence[Any] | np.ndarray | pd.Series
    weight: float
    candidates: int = 3

    def __post_init__(self) -> None:
        number("Diversity", self.weight, "weight", least=0)
        whole("Diversity", self.candidates, "candidates")

    def codes(self, items: int) -> np.ndarray:
        """A number for each item's category, int32; a missing category has a number of its own.

        Raises: ValueError unless there are as many categories as items.
        """
        codes, values = pd.factorize(pd.Series(self.groups))
        if len(codes) != items:
            raise ValueError(
                f"Diversity takes one category for each of the {items} items. "
                f"Received: {len(codes)}."
            )
        missing = codes < 0
        codes[missing] = len(values) + np.arange(missing.sum())
        return codes.astype("int32")


def spread(
    rows: tf.Tensor, scores: tf.Tensor, groups: tf.Tensor, k: tf.Tensor | int, weight: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """The k rows worth most, where the n-th of a group (from 0) is worth its score less n weights.

    Args:
        rows: int32 [batch, candidates], best first, none twice; `NO_ROW` is none.
        scores: [batch, candidates].
        groups: int32 [rows of the catalogue].

    >>> rows, scores = tf.constant([[0, 1, 2]]), tf.constant([[0.9, 0.8, 0.7]])
    >>> spread(rows, scores, tf.constant([4, 4, 5]), k=3, weight=0.25)[0].numpy()
    array([[0, 2, 1]], dtype=int32)
    """
    group = tf.where(rows == NO_ROW, NO_ROW, tf.gather(groups, tf.maximum(rows, 0)))
    by_group = tf.argsort(group, axis=1, stable=True)  # within a group, the best first
    ordered = tf.gather(group, by_group, batch_dims=1)
    place = tf.range(tf.shape(ordered)[1]) - tf.searchsorted(ordered, ordered)  # in its group
    place = tf.gather(place, tf.argsort(by_group, axis=1), batch_dims=1)
    worth = scores - weight * tf.cast(place, scores.dtype)
    return best(tf.where(rows == NO_ROW, float("-inf"), worth), k, rows)
