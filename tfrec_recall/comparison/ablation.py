"""What each feature is worth to a trained model: its recall with that of somebody else instead."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.comparison.asked import queries_of
from tfrec_recall.comparison.facts import Measured
from tfrec_recall.data.columns.column_types import with_nullable
from tfrec_recall.data.feeding.like_lengths import like_lengths
from tfrec_recall.evaluation import Queries
from tfrec_recall.evaluation.item_features import ItemFeatures
from tfrec_recall.evaluation.metrics import bootstrap_interval
from tfrec_recall.evaluation.queries import HISTORY, OBJECTIVE, TIMESTAMP, of_history
from tfrec_recall.evaluation.ranking import NONE, Items
from tfrec_recall.retrieval import EmbeddingRetriever, Retriever

if TYPE_CHECKING:
    from tfrec_recall.data import Split

CUT = 50
USERS = 1000  # that are asked, or more where their recall is low
MOST = 20_000
CERTAIN, LITTLE = 3.0, 0.02  # as `advice.silent_features` needs it
SPARE = 1.2
BATCH = 256
EMBEDDED = 4096  # items at a time


def ablation(
    retriever: Retriever, split: Split, repeats: bool = False, seed: int = 0
) -> list[dict[str, Any]]:
    """Recall@50 on test with the values of one feature shuffled among users, or among items.

    The history and its columns count as one feature; the time and the objective of a request are
    looked at by none. Features of items are looked at where the retriever embeds both sides.

    Args:
        seed: of the shuffles, and of the users where there are more than 1,000. Where recall is so
            low that these cannot tell 2% of it, as many are asked as can, up to 20,000.

    Returns: of each feature `side`, `name` (of a user's that of its column, as a request has it),
        `recall` as it is, and `lost` without it, with the 95% interval over users, `low` and
        `high`, and how many `users` these are; what says most first.
    """
    measured = Measured.of(split, repeats)
    generator = np.random.default_rng(seed)
    users = generator.permutation(len(measured.users))
    catalogue = split.interactions.items["item_id"]

    def of_users(count: int) -> tuple[_Asked, np.ndarray]:
        rows = np.sort(users[:count])
        queries = queries_of(retriever, split, measured.users[rows])
        ask = _Asked(queries, rows, measured, catalogue, repeats)
        return ask, ask.recall(retriever)

    ask, whole = of_users(USERS)
    enough = _enough(float(whole.mean()), len(users))
    if enough > len(whole):
        ask, whole = of_users(enough)
    found: list[dict[str, Any]] = []
    other = generator.permutation(np.arange(len(whole)))
    for name, columns in _features(retriever.inputs).items():
        without = ask.recall(retriever, columns, other)
        found.append(_lost("user", name, whole, without))
    if retriever.report.get("kind") == "embedding" and len(retriever.item_inputs) > 1:
        table = split.interactions.items
        rebuilt = _Rebuilt(retriever, table)
        whole = ask.recall(rebuilt.retriever())
        place = generator.permutation(len(retriever.item_ids))
        for name in retriever.item_inputs:
            found.append(_lost("item", name, whole, ask.recall(rebuilt.retriever(name, place))))
    return sorted(found, key=lambda one: -one["lost"])


def _enough(recall: float, users: int) -> int:
    """How many users tell a feature that says nothing: a share of 3 / n of n may always gain, at
    95%. 0 where those who are asked anyway do, or so many are not there, or too many to ask.

    Args:
        recall: of some of them; of more, it may be less.
        users: that there are.
    """
    if not recall:
        return 0
    least = CERTAIN / (LITTLE * recall)
    if least <= USERS:
        return 0
    asked = min(math.ceil(SPARE * least), users, MOST)
    return asked if asked >= least else 0


class _Asked:
    """The same users, asked of several retrievers.

    Args:
        queries: of these users alone.
        rows: theirs, among those who are measured.
    """

    def __init__(
        self,
        queries: Queries,
        rows: np.ndarray,
        measured: Measured,
        catalogue: pd.Series,
        repeats: bool,
    ):
        self.queries, self.rows, self.measured = queries, rows, measured
        self.catalogue, self.repeats = catalogue, repeats

    def recall(
        self, retriever: Retriever, columns: Sequence[str] = (), other: np.ndarray | None = None
    ) -> np.ndarray:
        """Recall of each user, with what the queries say, or some columns of the other user."""
        items, pairs = Items(self.catalogue, retriever), self.measured.targets.pairs
        found, lengths = np.empty(len(self.rows)), self.queries.history_length
        if other is not None:
            lengths = np.maximum(lengths, lengths[other])
        for own in like_lengths(lengths, BATCH):
            exclude = None if self.repeats else self.queries.seen(own)
            asked = self.queries.batch(own)
            if other is not None:
                theirs = self.queries.batch(other[own])
                asked |= {name: theirs[name] for name in columns}
            ids, _ = retriever(asked, k=min(CUT, len(retriever.item_ids)), exclude=exclude)
            positions = items.positions(ids)
            positions = np.where(positions < len(self.catalogue), positions, NONE)
            found[own] = pairs.holds(self.rows[own], positions).sum(axis=1)
        return found / self.measured.targets.counts[self.rows]


class _Rebuilt:
    """Exact search over the items' vectors as `embed_item` gives them."""

    def __init__(self, retriever: Retriever, table: pd.DataFrame):
        self._given = retriever
        rows = with_nullable(table.set_index("item_id", drop=False)).reindex(retriever.item_ids)
        rows["item_id"] = retriever.item_ids
        rows = rows.reset_index(drop=True)
        self._features = ItemFeatures(rows, retriever.item_inputs, retriever.item_columns)

    def retriever(self, shuffled: str | None = None, place: np.ndarray | None = None) -> Retriever:
        """With the values of one feature of the items in another order."""
        weights = {name: w.numpy().reshape(-1) for name, w in self._given.of_items.items()}
        return EmbeddingRetriever(
            self._given.interests,
            self._given.item_ids,
            self._vectors(shuffled, place),
            inputs=self._given.inputs,
            k=CUT,
            shortened=self._given.report.get("shortened", False),
            **weights,
        )

    def _vectors(self, shuffled: str | None, place: np.ndarray | None) -> np.ndarray:
        """In blocks: the lists of all items would be padded to the longest of all."""
        ids, parts = self._given.item_ids, []
        for start in range(0, len(ids), EMBEDDED):
            block = slice(start, start + EMBEDDED)
            features = self._features.of(ids[block])
            if shuffled is not None and place is not None:
                features |= self._features.of(ids[place[block]], [shuffled])
            parts.append(self._given.item_vectors(features).numpy())
        return np.concatenate(parts)


def _features(inputs: Mapping[str, tf.TensorSpec]) -> dict[str, list[str]]:
    """The inputs that are one feature, by its name, but what no column tells of a request."""
    found: dict[str, list[str]] = {}
    for name in inputs:
        if name in (OBJECTIVE, TIMESTAMP):
            continue
        found.setdefault(HISTORY if of_history(name) else name, []).append(name)
    return found


def _lost(side: str, name: str, whole: np.ndarray, without: np.ndarray) -> dict[str, Any]:
    low, high = bootstrap_interval(whole - without)
    return {
        "side": side,
        "name": name,
        "recall": round(float(whole.mean()), 4),
        "lost": round(float((whole - without).mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "users": len(whole),
    }
