"""A retriever's answers for every user, checked against the rules, as positions of items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.feeding.like_lengths import like_lengths
from tfrec_recall.evaluation.pairs import Pairs
from tfrec_recall.evaluation.queries import Queries

if TYPE_CHECKING:
    from tfrec_recall.retrieval import Retriever

NONE = -1  # the position that stands for "no item"
_SCORES_AT_ONCE = 1 << 23  # of a batch that is ranked whole, to pick the candidates out of it


class Items:
    """The split's catalogue, and after it the items that only the retriever holds, by position."""

    def __init__(self, catalogue: pd.Series, retriever: Retriever):
        self.catalogue = pd.Index(catalogue)
        theirs = pd.Index(_text(np.asarray(retriever.item_ids)))
        if not self.catalogue.isin(theirs).any():
            raise ValueError(
                "The retriever and the split have no item in common: measure it on the data it was "
                f"built for. Received: items {self.catalogue[:3].tolist()} in the split, "
                f"{theirs[:3].tolist()} in the retriever."
            )
        self.all = self.catalogue.append(theirs.difference(self.catalogue, sort=False))
        self.held = self.all.isin(theirs)
        # TensorFlow gives strings back as bytes: they are looked up as such, and never decoded.
        keys = self.all.to_numpy()
        if not pd.api.types.is_integer_dtype(self.all.dtype):
            keys = np.array([item.encode() for item in keys], dtype=object)
        self._position = pd.Index(keys)

    def positions(self, item_ids: tf.Tensor) -> np.ndarray:
        """Raw ids [batch, k] as positions; -1 for the padding."""
        array = item_ids.numpy()
        return self._position.get_indexer(array.ravel()).reshape(array.shape)


def _text(item_ids: np.ndarray) -> np.ndarray:
    """Item ids as an export may hold them, strings as bytes, to ids as pandas holds them."""
    if item_ids.dtype.kind in "iu":
        return item_ids
    return np.array([i.decode() if isinstance(i, bytes) else i for i in item_ids], dtype=object)


Ranked = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Batches of: rows of users [batch], positions of items [batch, k], scores [batch, k]."""


def whole_catalogue(
    retriever: Retriever,
    queries: Queries,
    items: Items,
    k: int,
    batch_size: int,
    left_out: Pairs | None,
) -> Ranked:
    """Ranks all items but those of the histories, `left_out`; None ranks these like all others."""
    for rows in like_lengths(queries.history_length, batch_size):
        exclude = None if left_out is None else queries.seen(rows)
        item_ids, scores = retriever(queries.batch(rows), k=k, exclude=exclude)
        position, scores = _k_wide(items.positions(item_ids), np.asarray(scores), k)
        nothing = np.zeros(position.shape, bool)
        broken = nothing if left_out is None else left_out.holds(rows, position)
        _refuse_broken_rules(position, broken, queries.users[rows])
        yield rows, position, scores


def among(
    chosen: Pairs,
    retriever: Retriever,
    queries: Queries,
    items: Items,
    k: int,
    batch_size: int,
) -> Ranked:
    """Ranks everything and keeps the chosen items in their order, batches small enough for it."""
    everything = len(retriever.item_ids)
    expected = chosen.of_held(items.held).counts(len(queries))
    at_once = min(batch_size, 1 + _SCORES_AT_ONCE // everything)
    for rows in like_lengths(queries.history_length, at_once):
        item_ids, scores = retriever(queries.batch(rows), k=everything)
        position, scores = items.positions(item_ids), np.asarray(scores)
        kept = chosen.holds(rows, position)
        found = kept.sum(axis=1)
        if (found < expected[rows]).any():
            raise ValueError(
                "An approximate index does not score every candidate: use a retriever with an "
                f"Exact() index. Received: {int(found.sum())} of {int(expected[rows].sum())} "
                "candidates scored in a batch."
            )
        first = np.argsort(~kept, axis=1, kind="stable")[:, :k]
        kept = np.take_along_axis(kept, first, axis=1)
        position = np.where(kept, np.take_along_axis(position, first, axis=1), NONE)
        scores = np.where(kept, np.take_along_axis(scores, first, axis=1), -np.inf)
        yield rows, *_k_wide(position, scores, k)


def _k_wide(position: np.ndarray, scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    missing = k - position.shape[1]  # a catalogue smaller than k
    if missing > 0:
        position = np.pad(position, [(0, 0), (0, missing)], constant_values=NONE)
        scores = np.pad(scores, [(0, 0), (0, missing)], constant_values=-np.inf)
    return position[:, :k], scores[:, :k]


def _refuse_broken_rules(position: np.ndarray, seen: np.ndarray, users: np.ndarray) -> None:
    """A retriever that repeats an item, or recommends what the user has had, has no figures."""
    ordered = np.sort(position, axis=1)
    twice = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NONE)).any(axis=1)
    for broken, what in ((twice, "an item twice"), (seen.any(axis=1), "an item of the history")):
        if broken.any():
            raise ValueError(
                f"The retriever returned {what}; its lists break the rules of the measurement. "
                f"Received: such lists for {int(broken.sum())} of {len(users)} users of a batch, "
                f"the first {users[broken][:3].tolist()}."
            )
