"""The classic two-tower model."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfrec_recall.data import Interactions, has_baskets, next_basket, next_item, pairs
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    ItemEmbedding,
    ItemTable,
    example_batches,
    infer,
)
from tfrec_recall.layers import L2Normalization, MaskedMean, Tower
from tfrec_recall.losses import InBatchSoftmax
from tfrec_recall.models.recall_model import RecallModel
from tfrec_recall.sampling import MixedNegatives


class TwoTower(RecallModel):
    """A tower for the user and one for the item, whose unit vectors meet in a cosine.

    Source: "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data",
    CIKM 2013: Figure 1 and Eq. 4 and 5; "Sampling-Bias-Corrected Neural Modeling for Large Corpus
    Item Recommendations", RecSys 2019: section 3, with counted instead of streamed frequencies.
    Departs: the history is pooled twice, evenly and by learnt weights of recency, with the item
    tower's own vectors; both pools go around the user tower as well (a residual).

    Args:
        features: adapted; `item_id` is needed, a history is used where there is one.
        dim: of the embeddings and of both outputs.
        user_hidden: widths of the user tower's hidden layers.
        item_hidden: widths of the item tower's; empty leaves the sum of the feature embeddings.
        dropout: on the input of the user tower.
        temperature: what divides the cosine.
        uniform_negatives: items drawn evenly a batch, beside the in-batch ones.
    """

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        user_hidden: Sequence[int] = (128,),
        item_hidden: Sequence[int] = (),
        dropout: float = 0.2,
        temperature: float = 0.2,
        uniform_negatives: int = 1000,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        self.items = ItemTable.of(features.item_table)
        self.item_model, self.candidate_model = self._item_tower(dim, item_hidden)
        self.query_model = self._user_tower(dim, user_hidden, dropout)
        self.negatives = MixedNegatives(features.item_counts, uniform_negatives)
        self.softmax = InBatchSoftmax(
            temperature=temperature, remove_accidental_hits=True, reduction="mean"
        )

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        features = infer(interactions)
        # The id of a customer learns what that customer has bought; the next basket's news are
        # what has not been bought, and validation is better without it.
        return features.without("user_id") if has_baskets(interactions) else features

    def training_data(self, train, batch_size=1024, seed=0, first_epoch=0):
        history = self.features.history
        if history is None:
            examples = pairs(train)
        elif has_baskets(train):
            # A wholesaler's basket of hundreds of items would outweigh the others.
            examples = next_basket(train, history.length, basket_weight_power=-0.5)
        else:
            examples = next_item(train, history.length)
        return example_batches(self.features, train, examples, batch_size, seed, first_epoch)

    def _item_tower(self, dim: int, hidden: Sequence[int]):
        item = self.features.inputs(self.features.item)
        fields = FeatureEncoder(self.features.fields(self.features.item), dim)(item)
        vector = tf.reduce_sum(fields, axis=-2)  # [items, fields, dim] -> [items, dim]
        if hidden:
            vector = vector + Tower((*hidden, dim))(vector)
        unit = L2Normalization()(vector)
        return tf.keras.Model(item, vector), tf.keras.Model(item, unit)

    def _user_tower(self, dim: int, hidden: Sequence[int], dropout: float) -> tf.keras.Model:
        user = self.features.inputs(self.features.user)
        fields = FeatureEncoder(self.features.fields(self.features.user_fields), dim)(user)
        parts = [tf.keras.layers.Flatten()(fields)]  # [batch, fields * dim]
        pools = []
        if self.features.history:
            watched = ItemEmbedding(self.items, self.item_model)(user[self.features.history.name])
            pools = [MaskedMean()(watched), MaskedMean(learned=True)(watched)]  # [batch, dim] each
        tower = tf.keras.layers.Concatenate()([*parts, *pools])
        tower = tf.keras.layers.Dropout(dropout)(tower)
        tower = Tower((*hidden, dim))(tower)
        return tf.keras.Model(user, L2Normalization()(sum(pools, tower)))

    def compute_loss(self, batch, training=False):
        query = self.query(batch, training)
        ids = tf.concat([batch["item_id"], self.negatives.sample()], axis=0)
        candidates = self.candidate_model(self.items(ids), training=training)
        size = tf.shape(query)[0]
        log_probability = self.negatives.log_probability(ids, size)
        return self.softmax(
            query,
            candidates[:size],
            candidate_ids=ids[:size],
            log_probability=log_probability[:size],
            extra_candidates=candidates[size:],
            extra_candidate_ids=ids[size:],
            extra_log_probability=log_probability[size:],
            sample_weight=batch["sample_weight"],
            training=training,
        )
