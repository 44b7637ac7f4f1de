"""A small world that holds the odd cases, and a retriever whose right answers are known."""

import types

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, chronological
from tfrec_recall.data.splits import Part, Split
from tfrec_recall.retrieval import Retriever

USERS, ITEMS = 25, 31
MINUTE = 60


@pytest.fixture(scope="session")
def split():
    """25 users, 31 items. u00 has no history, u01 has had all items but four, u02 wants one item
    twice; i30 is in no event, i29 only a target. Histories are of very different lengths."""
    generator = np.random.default_rng(5)
    parts = {"train": [], "validation": [], "test": []}
    for user in range(USERS):
        history = 0 if user == 0 else 27 if user == 1 else int(generator.integers(1, 20))
        items = generator.permutation(29)
        wanted = [*items[history : history + 3], 29] if user % 4 == 1 else items[history:][:4]
        if user == 2:
            wanted = [*wanted[:2], wanted[0]]
        times = 1_700_000_000 + np.arange(40) * MINUTE + user
        rows = [(f"u{user:02d}", f"i{item:02d}") for item in [*items[:history], *wanted]]
        for place, (row, time) in enumerate(zip(rows, times, strict=False)):
            name = "train" if place < history - 2 else "validation" if place < history else "test"
            parts[name].append((*row, int(time), float(place % 5)))
    columns = ["user_id", "item_id", "timestamp", "rating"]
    tables = {name: pd.DataFrame(rows, columns=columns) for name, rows in parts.items()}
    everything = Interactions(
        pd.concat(tables.values()),
        users=pd.DataFrame(
            {
                "user_id": [f"u{user:02d}" for user in reversed(range(USERS))],
                "age": [float(20 + user) for user in reversed(range(USERS))],
                "tags": [["a", "b"][: user % 3] for user in reversed(range(USERS))],
            }
        ),
        items=pd.DataFrame({"item_id": [f"i{item:02d}" for item in reversed(range(ITEMS))]}),
    )
    ordered = {name: table.iloc[chronological(table)] for name, table in tables.items()}
    past = pd.concat([tables["train"], tables["validation"]])
    return Split(
        name="small world",
        interactions=everything,
        train=everything.with_events(tables["train"]),
        validation=Part(ordered["train"], ordered["validation"]),
        test=Part(past.iloc[chronological(past)], ordered["test"]),
        left=past.iloc[:0],
    )


class Known(Retriever):
    """Answers from a table of scores, user by item; keeps the queries it is asked."""

    __setattr__ = object.__setattr__  # it is no module: nothing that it holds is tracked

    def __init__(self, scores: pd.DataFrame, inputs=None, answers=None, user_type=tf.string):
        self.table = scores
        self.inputs = {"user_id": tf.TensorSpec([None], user_type), **(inputs or {})}
        self.item_ids = scores.columns.to_numpy()
        self.k = 100
        self.asked = []
        self.answers = answers or (lambda ranked: ranked)
        self.padding = "" if self.item_ids.dtype == object else -1

    def __call__(self, queries, k=None, exclude=None):
        self.asked.append(types.SimpleNamespace(queries=queries, k=k, exclude=exclude))
        users = [self._plain(user) for user in queries["user_id"].numpy()]
        left_out = [[]] * len(users) if exclude is None else exclude.numpy()
        item_ids = np.full((len(users), k), self.padding, dtype=self.item_ids.dtype)
        scores = np.full((len(users), k), -np.inf, "float32")
        for row, user in enumerate(users):
            seen = {self._plain(item) for item in left_out[row]}
            best = self.table.loc[user].drop(seen & set(self.item_ids)).sort_values(ascending=False)
            ranked = self.answers(best.index.tolist())[:k]
            item_ids[row, : len(ranked)] = ranked
            scores[row, : len(ranked)] = best.reindex(ranked).to_numpy()
        return tf.constant(item_ids), tf.constant(scores)

    @staticmethod
    def _plain(value):
        return value.decode() if isinstance(value, bytes) else int(value)


@pytest.fixture(scope="session")
def scores(split):
    """Distinct scores for every user and item; rows and columns in an order of their own."""
    generator = np.random.default_rng(6)
    users = split.interactions.users["user_id"].to_numpy(dtype=object)
    items = generator.permutation(split.interactions.items["item_id"].to_numpy(dtype=object))
    values = generator.permutation(len(users) * len(items)).reshape(len(users), len(items))
    return pd.DataFrame(values.astype(float), index=users, columns=items)


@pytest.fixture
def known(scores):
    return Known(scores)
