"""Graph models that learn pairs of items by their neighbourhoods."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import Features, History, Rows, Start, Wanted, infer
from tfrec_recall.layers.tables import is_far
from tfrec_recall.models.fitting.table_steps import of_items
from tfrec_recall.models.graphs.item_pairs import Steps
from tfrec_recall.models.graphs.node_encoder import NodeEncoder
from tfrec_recall.models.item_embeddings.item_space import known_counts
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel
from tfrec_recall.models.recall_model import BATCH_SIZE


class NodeModel(ItemSpaceModel):
    """A model whose item vectors a `NodeEncoder` makes.

    Attributes:
        nodes: the encoder.
        steps: the seed of each training step, and the epoch it is in.
        neighbours_of_hops: how many a node has at each convolution, the outermost hop first.

    Raises: ValueError in the scope of parameter servers.
    """

    nodes: NodeEncoder
    steps: Steps
    neighbours_of_hops: Sequence[int]

    def __init__(self, features: Features, **kwargs):
        if is_far():
            name = type(self).__name__
            raise ValueError(
                f"{name} holds a graph whose size its variables do not say, which parameter "
                "servers do not take. Train it on one machine or under "
                "MultiWorkerMirroredStrategy; where tables need parameter servers, take TwoTower "
                f"or YouTubeDNN. Received: {name} in the scope of "
                f"{type(tf.distribute.get_strategy()).__name__}."
            )
        super().__init__(features, **kwargs)

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        found = infer(interactions, words=5, columns=columns, of_users=False)
        return Features([History(length=50)], found.item, left_out=found.left_out)

    def feature_rows(self):
        """An id that is new adds nothing, as it did before: the row of unknown ones is not learnt,
        as an item without a known id is its other features.
        """
        rows = super().feature_rows()
        table = self.nodes.encoder.tables.get("item_id")
        return rows if table is None else [*rows, Rows(table, "item_id", Start.zero)]

    def embedded(self, batch_size: int) -> int:
        """How many items the loss of so many pairs embeds, at most."""
        raise NotImplementedError(f"{type(self).__name__} does not say how many items it embeds.")

    def looked_up(self, batch_size):
        """As of any model; with each item go its neighbours, and so on."""
        items = hop = self.embedded(batch_size)
        for neighbours in reversed(self.neighbours_of_hops):
            hop *= neighbours
            items += hop
        return of_items(self.features, items)

    def update(self, recent, epochs=1, batch_size=BATCH_SIZE, seed=0):
        """Gives new items their neighbours among the recent events; by these, and by their
        features, the convolutions that were learnt embed them. Nothing is trained, and the
        neighbours of other items stay.
        """
        self.add_neighbours(recent.interactions)
        self.taken.assign(known_counts(self.features))
        self.settle()

    def add_neighbours(self, train: Interactions) -> None:
        """Gives items that have no neighbours those that these events show."""
        raise NotImplementedError(f"{type(self).__name__} does not say how a graph is added to.")

    def vectors_of(self, encoded):
        vectors = self.nodes.of_items(encoded)
        return vectors if self.shrunk is None else self.shrunk.of_all(vectors, encoded)

    def settle(self):
        if self.shrunk is not None:
            self.shrunk.settle(self.taken.numpy(), self.nodes.layer_wise().__getitem__)
