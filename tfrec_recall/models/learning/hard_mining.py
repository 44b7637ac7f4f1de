"""Hard negatives for a model: mined from what it ranks now, before it learns on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfrec_recall.data import Examples, Interactions
from tfrec_recall.data.order import rank
from tfrec_recall.features import example_batches
from tfrec_recall.models.recall_model import RecallModel
from tfrec_recall.sampling import HardNegatives, MineHardNegatives
from tfrec_recall.sampling.hard import Queries

BATCH = 256  # users whose rankings exist at one time


class HardMining(tf.Module):
    """Finds each user's negatives by the latest query of the user, block by block.

    Args:
        model: whose vectors are searched; its `items` are the features by encoded id.
        train: the events.
        examples: what the model learns from; a user's last one is the query.
        negatives: what is refreshed, of the users' rows of `train`.
        every: epochs from one mining to the next; the first epoch of a model that has learnt
            nothing has easy negatives alone.
    """

    def __init__(
        self,
        model: RecallModel,
        train: Interactions,
        examples: Examples,
        negatives: HardNegatives,
        every: int = 1,
    ):
        super().__init__()
        features = model.features
        self.negatives = negatives
        who = rank(examples.events["user_id"])[examples.target]
        latest = np.unique(who[::-1], return_index=True)[1]
        last = examples.take(len(examples) - 1 - latest)
        queries = example_batches(features, train, last, BATCH, seed=None)
        first = 2  # of the encoded ids of items

        def found() -> Iterator[tuple[tf.Tensor, Queries]]:
            for batch in queries:
                yield batch["user_row"], model.query(batch)

        def vectors() -> np.ndarray:
            return model.vectors_of(
                {name: rows.numpy()[first:] for name, rows in model.items.columns.items()}
            )

        self.callback = MineHardNegatives(negatives, found, vectors, every)
