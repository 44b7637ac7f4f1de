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
    pass_batches,
)
from tfrec_recall.layers import (
    FusedLSTM,
    GatedFusion,
    L2Normalization,
    RunningMean,
    Tower,
    UserAttention,
)
from tfrec_recall.models.learning.mixed_softmax import MixedSoftmax
from tfrec_recall.models.learning.next_choice import choices, personal_features
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel

TIMES = "history_timestamp"
LENGTH = 100  # of the history in `default_features`: a session, and as much before it
WEEK = 7 * 24 * 3600.0


class SDM(RecallModel):
    """LSTM and attention over the latest session, attention over older events, and a gate.

    A session is gone through once, for the next items of all of its events: the LSTM, the
    attentions and the means look back only, so that after each event they are what they would be
    had the history ended there.

    Source: "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System",
    CIKM 2019: Figure 2, sections 3.1 to 3.5.
    Departs: queries and items meet in a cosine over a temperature, with negatives from the batch,
    but for those of the same session, and evenly drawn ones. `residual`, and the history's means in
    the profile, are ours.

    Args:
        features: adapted; `item_id` and a history of it are needed. With a history of the column
            `timestamp` named `history_timestamp`, sessions are cut by time, as the padding of raw
            times is -1; without, the latest `session_events` are the session.
        dim: of the embeddings, the states and the output.
        lstm_layers: how many are stacked.
        heads: of the self-attention; they share dim.
        gap: seconds between two events that end a session.
        session_events: at most, of a session.
        past: seconds before the session that the long term reaches back; None for all of the
            history. Without times it is all of the history.
        residual: add the history's means, even and by recency, to the fused vector.
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
        past: float | None = WEEK,
        residual: bool = True,
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
        self.history, length = features.history.name, features.history.length
        self.times = TIMES in {feature.name for feature in features.histories}
        self.gap, self.session_events = gap, min(session_events, length)
        self.items = ItemTable.of(features.item_table)
        item = features.inputs(features.item)
        fields = FeatureEncoder(features.fields(features.item), dim)(item)  # [items, fields, dim]
        self.count = fields.shape[-2]
        self.field_model = tf.keras.Model(item, tf.keras.layers.Flatten()(fields))
        unit = L2Normalization()(tf.reduce_sum(fields, axis=-2))
        self.candidate_model = tf.keras.Model(item, unit)
        split = SessionSplit(gap, self.session_events, past if self.times else None)
        self.place_model = self._user_side(split, dim, lstm_layers, heads, residual, dropout)
        self.query_model = self._at_the_end()
        self.softmax = MixedSoftmax(features.item_counts, uniform_negatives, temperature)

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        features = personal_features(interactions)
        if features.history is None:
            return features
        histories = [
            History(length=LENGTH),
            History("timestamp", name=TIMES, length=LENGTH),
        ]
        return Features([*features.user_fields, *histories], features.item)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        return pass_batches(
            self.features,
            train,
            choices(self.features, train),
            batch_size,
            gap=self.gap if self.times else float("inf"),
            most=self.session_events,
            seed=seed,
            first_epoch=first_epoch,
        )

    def _user_side(self, split, dim, lstm_layers, heads, residual, dropout):
        """User features and places in the history to a vector for each place."""
        user = self.features.inputs(self.features.user)
        places = tf.keras.Input((None,), dtype="int32", name="places")  # [batch, places]
        ids = user[self.history]
        short, long = split((ids, user[TIMES]) if self.times else ids)
        events = ItemEmbedding(self.items, self.field_model)(ids)  # [batch, history, fields * dim]
        by_field = tf.split(events, self.count, axis=2)
        watched = sum(by_field[1:], by_field[0])  # [batch, history, dim]
        means = [
            layer((watched, places), mask=[ids != 0, None])  # [batch, places, dim]
            for layer in (RunningMean(), RunningMean(learned=True))
        ]
        known = []
        fields = self.features.fields(self.features.user_fields)
        if fields:
            flat = tf.keras.layers.Flatten()(FeatureEncoder(fields, dim)(user))
            known = [tf.repeat(flat[:, tf.newaxis], tf.shape(places)[1], axis=1)]
        profile = Tower((dim,))(tf.concat([*known, *means], axis=-1))  # [batch, places, dim]

        begin = tf.argmax(short, axis=1, output_type=tf.int32)[:, tf.newaxis]  # 0 if there is none
        steps = tf.range(self.session_events)
        rows = tf.minimum(begin + steps, ids.shape[1] - 1)  # [batch, session]
        states = tf.gather(events, rows, batch_dims=1)  # the session, and what follows it
        states = tf.keras.layers.Dropout(dropout)(states)
        for _ in range(lstm_layers):
            states = FusedLSTM(dim)(states)
        attention = tf.keras.layers.MultiHeadAttention(heads, dim // heads)
        states = attention(states, states, attention_mask=steps <= steps[:, tf.newaxis])
        reached = steps <= (places - begin)[:, :, tf.newaxis]  # [batch, places, session]
        session = UserAttention()((states, profile), mask=[reached, None])  # [batch, places, dim]

        tastes = [UserAttention()((field, profile), mask=[long, None]) for field in by_field]
        taste = tf.keras.layers.Dense(dim, "tanh")(tf.concat(tastes, axis=-1))

        flat = [tf.reshape(part, [-1, dim]) for part in (profile, session, taste)]
        fused = GatedFusion()(tuple(flat))  # [batch * places, dim]
        fused = Tower((dim,))(tf.keras.layers.Dropout(dropout)(fused))
        fused = tf.reshape(fused, tf.shape(profile))
        vectors = L2Normalization()(sum(means, fused) if residual else fused)
        return tf.keras.Model({**user, "places": places}, vectors)

    def _at_the_end(self):
        """User features to the vector after the newest event."""
        user = self.features.inputs(self.features.user)
        events = tf.cast(user[self.history] != 0, tf.int32)
        last = tf.reduce_sum(events, axis=1, keepdims=True) - 1
        return tf.keras.Model(user, self.place_model({**user, "places": last})[:, 0])

    def compute_loss(self, batch, training=False):
        inputs = {name: batch[name] for name in self.place_model.input_names}
        vectors = self.place_model(inputs, training=training)
        query = tf.gather(tf.reshape(vectors, [-1, vectors.shape[-1]]), batch["place"])
        # The other targets of a session are what its user wants next, no negatives.
        passed = batch["place"] // tf.shape(batch["places"])[1]
        other = passed[:, tf.newaxis] != passed
        negatives = tf.ones([tf.size(passed), self.softmax.negatives.uniform], tf.bool)
        return self.softmax(
            query,
            batch["item_id"],
            lambda ids: self.candidate_model(self.items(ids), training=training),
            sample_weight=batch["sample_weight"],
            score_mask=tf.concat([other, negatives], axis=1),
            training=training,
        )
