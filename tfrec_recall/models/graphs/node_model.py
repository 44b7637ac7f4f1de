"""Graph models that learn pairs of items by their neighbourhoods."""

from __future__ import annotations

from tfrec_recall.data import Interactions
from tfrec_recall.features import Features, History, Wanted, infer
from tfrec_recall.models.graphs.item_pairs import Steps
from tfrec_recall.models.graphs.node_encoder import NodeEncoder
from tfrec_recall.models.item_embeddings.item_space_model import ItemSpaceModel


class NodeModel(ItemSpaceModel):
    """A model whose item vectors a `NodeEncoder` makes.

    Attributes:
        nodes: the encoder.
        steps: the seed of each training step, and the epoch it is in.
    """

    nodes: NodeEncoder
    steps: Steps

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        found = infer(interactions, words=5, columns=columns, of_users=False)
        return Features([History(length=50)], found.item, left_out=found.left_out)

    def vectors_of(self, encoded):
        return self.nodes.of_items(encoded)
