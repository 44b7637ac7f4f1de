"""The classic two-tower model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    ItemEmbedding,
    ItemTable,
    example_batches,
)
from tfrec_recall.layers import L2Normalization, MaskedMean, SENet, Tower
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.mixed_softmax import MixedSoftmax
from tfrec_recall.models.learning.next_choice import choices, personal_features
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel
from tfrec_recall.models.towers.item_tower import item_tower


@saved_by_config
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
        hidden: widths of the user tower's hidden layers.
        item_hidden: widths of the item tower's; empty leaves the sum of the feature embeddings.
        dropout: on the input of the user tower.
        recency: pool the history by learnt weights of recency, too.
        temperature: what divides the cosine.
        negatives: items drawn evenly a batch, beside the in-batch ones.
        senet: whether SENet weighs the fields of both sides before their towers; None is no here,
            and yes for `SENetTwoTower`.
        channels: how many pairs of SENet and tower are side by side and added.

    With SENet, `user_weights` maps encoded user features to the weights of the user's features and
    of the two pools, [batch, channels, fields].
    """

    with_senet: ClassVar[bool] = False
    compiles: ClassVar[bool] = True

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        hidden: Sequence[int] = (128,),
        item_hidden: Sequence[int] = (),
        dropout: float = 0.2,
        recency: bool = True,
        temperature: float = 0.2,
        negatives: int = 1000,
        senet: bool | None = None,
        channels: int = 1,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if channels < 1:
            raise ValueError(f"channels is at least 1. Received: channels={channels!r}.")
        recency = recency and features.has_order  # the order of rows is never taken for time
        self.items = ItemTable.of(features.item_table)
        self.channels = channels if (self.with_senet if senet is None else senet) else 0
        self.item_model = item_tower(features, dim, item_hidden, self.channels)
        unit = L2Normalization(dtype="float32")  # what is searched, in whatever precision
        self.candidate_model = tf.keras.Model(self.item_model.input, unit(self.item_model.output))
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        self.query_model = self._user_tower(dim, hidden, dropout, recency)
        self.softmax = MixedSoftmax(features.item_counts, negatives, temperature)

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        return personal_features(interactions)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        examples = choices(self.features, train)
        return example_batches(self.features, train, examples, batch_size, seed, first_epoch)

    def _user_tower(
        self, dim: int, hidden: Sequence[int], dropout: float, recency: bool
    ) -> tf.keras.Model:
        user = self.features.inputs(self.features.user)
        parts, pools = [], []  # parts are [batch, fields, dim]
        if self.features.user_fields:
            parts.append(FeatureEncoder(self.features.fields(self.features.user_fields), dim)(user))
        if self.features.history:
            watched = ItemEmbedding(self.items, self.item_model)(user[self.features.history.name])
            means = [MaskedMean(), MaskedMean(learned=True)][: 1 + recency]
            pools = [mean(watched) for mean in means]  # [batch, dim] each
            parts.append(tf.stack(pools, axis=1))
        fields = tf.concat(parts, axis=1)
        channels, weights = [fields], []
        if self.channels:
            weighted = [SENet()(fields, return_weights=True) for _ in range(self.channels)]
            channels, weights = map(list, zip(*weighted, strict=True))
        towers = []
        for channel in channels:
            wide = tf.keras.layers.Flatten()(channel)  # [batch, fields * dim]
            wide = dropped(dropout)(wide)
            towers.append(Tower((*hidden, dim))(wide))
        if weights:
            self.user_weights = tf.keras.Model(user, tf.stack(weights, axis=1))
        unit = L2Normalization(dtype="float32")
        return tf.keras.Model(user, unit(sum(pools, sum(towers[1:], towers[0]))))

    def compute_loss(self, batch, training=False):
        query = self.query(batch, training)
        return self.softmax(
            query,
            batch["item_id"],
            lambda ids: self.candidates(ids, training=training),
            batch.get("seed"),
            sample_weight=batch["sample_weight"],
            training=training,
        )
