"""Hard negatives for a model: mined from what it ranks now, before it learns on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Examples, Interactions
from tfrec_recall.features import example_batches
from tfrec_recall.models.recall_model import RecallModel
from tfrec_recall.sampling import HardNegatives, MineHardNegatives, UnmetNegatives

BATCH = 1024


class HardMining(tf.Module):
    """Each user's negatives from a window of ranks, found by the latest query of the user.

    Args:
        model: whose vectors are searched.
        train: the events; an item that a user met is no negative of that user.
        examples: what the model learns from; a user's last one is the query.
        window: of ranks, as in `HardNegatives`.
        every: epochs from one mining to the next; the first epoch has easy negatives alone.
    """

    def __init__(
        self,
        model: RecallModel,
        train: Interactions,
        examples: Examples,
        window: tuple[int, int],
        every: int = 1,
    ):
        super().__init__()
        features = model.features
        users = pd.Index(train.users["user_id"])
        met = UnmetNegatives(
            users.get_indexer(train.events["user_id"]),
            features.encodings["item_id"].encode(train.events["item_id"]),
            len(features.item_vocabulary),
        )
        self.negatives = HardNegatives(met, len(users), window, ratio=1.0)
        who = examples.events["user_id"].to_numpy()[examples.target]
        latest = np.unique(who[::-1], return_index=True)[1]
        last = examples.take(len(examples) - 1 - latest)
        queries = example_batches(features, train, last, BATCH, seed=None)
        ids = tf.range(2, len(features.item_vocabulary))

        def found() -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
            for batch in queries:
                yield batch["user_row"], model.query(batch)

        def vectors() -> np.ndarray:
            return model.candidate_model(model.items(ids), training=False).numpy()

        self.callback = MineHardNegatives(self.negatives, found, vectors, every)

    def sample(self, user: tf.Tensor, number: int) -> tf.Tensor:
        """Encoded ids [batch, number] for rows of the users' table [batch]."""
        seed = tf.random.uniform([2], maxval=tf.int32.max, dtype=tf.int32)
        return self.negatives.sample(user, number, seed)
