"""SDM: the latest session beside what came before it, fused by a gate."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    History,
    ItemEmbedding,
    ItemTable,
    SessionSplit,
    example_batches,
)
from tfrec_recall.layers import GatedFusion, L2Normalization, MaskedMean, Tower, UserAttention
from tfrec_recall.models.mixed_softmax import MixedSoftmax
from tfrec_recall.models.next_choice import choices, personal_features
from tfrec_recall.models.recall_model import RecallModel

TIMES = "history_timestamp"


class SDM(RecallModel):
    """LSTM and attention over the latest session, attention over older events, and a gate.

    Source: "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System",
    CIKM 2019: Figure 2, sections 3.1 to 3.5.
    Departs: queries and items meet in a cosine over a temperature, with negatives from the batch
    and evenly drawn; the long term is all of the history, where `past` is not given (a week in the
    paper); every event is a target with its own history, sessions are not trained in one pass.
    `common` and the history's mean in the profile are ours.

    Args:
        features: adapted; `item_id` and a history of it are needed. With a history of the column
            `timestamp` named `history_timestamp`, sessions are cut by time, as the padding of raw
            times is -1; without, the latest `session_events` are the session.
        dim: of the embeddings, the states and the output.
        lstm_layers: how many are stacked.
        heads: of the self-attention; they share dim.
        gap: seconds between two events that end a session.
        session_events: at most, of a session.
        past: seconds that the long term reaches back; None for the whole history.
        common: add the history's mean, even and by recency, to the fused vector.
        dropout: on the session's events and on the fused vector.
        temperature: what divides the cosine.
        uniform_negatives: items drawn evenly a batch, beside the in-batch ones.
    """

    needs: ClassVar[tuple[str, ...]] = ("item_id", "history")

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        lstm_layers: int = 1,
        heads: int = 4,
        gap: float = 600.0,
        session_events: int = 50,
        past: float | None = None,
        common: bool = True,
        dropout: float = 0.2,
        temperature: float = 0.2,
        uniform_negatives: int = 1000,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if features.history is None:
            raise ValueError("SDM needs a history of the column item_id. Received: another one.")
        if dim % heads:
            raise ValueError(f"heads has to divide dim. Received: dim={dim}, heads={heads}.")
        self.length, self.history = features.history.length, features.history.name
        self.times = TIMES in {feature.name for feature in features.histories}
        self.items = ItemTable.of(features.item_table)
        item = features.inputs(features.item)
        fields = FeatureEncoder(features.fields(features.item), dim)(item)  # [items, fields, dim]
        self.count = fields.shape[-2]
        self.field_model = tf.keras.Model(item, tf.keras.layers.Flatten()(fields))
        unit = L2Normalization()(tf.reduce_sum(fields, axis=-2))
        self.candidate_model = tf.keras.Model(item, unit)
        split = SessionSplit(gap, session_events, past)
        self.query_model = self._user_side(split, dim, lstm_layers, heads, common, dropout)
        self.softmax = MixedSoftmax(features.item_counts, uniform_negatives, temperature)

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        features = personal_features(interactions)
        if features.history is None:
            return features
        times = History("timestamp", name=TIMES, length=features.history.length)
        return Features([*features.user, times], features.item)

    def training_data(self, train, batch_size=1024, seed=0, first_epoch=0):
        examples = choices(self.features, train)
        return example_batches(self.features, train, examples, batch_size, seed, first_epoch)

    def _user_side(self, split, dim, lstm_layers, heads, common, dropout):
        user = self.features.inputs(self.features.user)
        ids = user[self.history]
        short, long = split((ids, user[TIMES]) if self.times else ids)
        events = ItemEmbedding(self.items, self.field_model)(ids)  # [batch, history, fields * dim]
        by_field = tf.reshape(events, [-1, self.length, self.count, dim])
        watched = tf.reduce_sum(by_field, axis=2)  # [batch, history, dim]
        pools = [
            layer(watched, mask=ids != 0) for layer in (MaskedMean(), MaskedMean(learned=True))
        ]

        fields = self.features.fields(self.features.user_fields)
        known = [tf.keras.layers.Flatten()(FeatureEncoder(fields, dim)(user))] if fields else []
        profile = Tower((dim,))(tf.concat([*known, *pools], axis=-1))  # [batch, dim]

        states = tf.keras.layers.Dropout(dropout)(events)
        for _ in range(lstm_layers):
            states = tf.keras.layers.LSTM(dim, return_sequences=True)(states, mask=short)
        attention = tf.keras.layers.MultiHeadAttention(heads, dim // heads)
        states = attention(states, states, attention_mask=short[:, tf.newaxis, :])  # keys
        session = UserAttention()((states, profile), mask=[short, None])  # [batch, dim]

        tastes = [
            UserAttention()((by_field[:, :, field], profile), mask=[long, None])
            for field in range(self.count)
        ]
        taste = tf.keras.layers.Dense(dim, "tanh")(tf.concat(tastes, axis=-1))  # [batch, dim]

        fused = GatedFusion()((profile, session, taste))
        fused = Tower((dim,))(tf.keras.layers.Dropout(dropout)(fused))
        return tf.keras.Model(user, L2Normalization()(sum(pools, fused) if common else fused))

    def compute_loss(self, batch, training=False):
        query = self.query(batch, training)
        return self.softmax(
            query,
            batch["item_id"],
            lambda ids: self.candidate_model(self.items(ids), training=training),
            sample_weight=batch["sample_weight"],
            training=training,
        )
