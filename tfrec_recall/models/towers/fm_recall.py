"""A factorization machine as a vector for the user and one for the item."""

from __future__ import annotations

from typing import ClassVar

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    Field,
    FieldSum,
    ItemEmbedding,
    ItemTable,
    example_batches,
)
from tfrec_recall.layers import FMInteraction, MaskedMean
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.mixed_softmax import MixedSoftmax
from tfrec_recall.models.learning.next_choice import choices, personal_features
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel


@saved_by_config
class FMRecall(RecallModel):
    """A factorization machine of the user's and the item's features, served as inner products.

    Of one user's scores, all that is the same for every item is left out. What remains is
    `[Σ v_user, 1] · [Σ v_item, Σ w_item + pairs within the item]`, so the vectors rank exactly as
    the machine does; `score` is the machine itself.

    Source: "Factorization Machines", ICDM 2010: Eq. 1; the history is the indicator of a set whose
    values sum to one, section V.B (SVD++).
    Departs: the history is there twice, once with equal values and once with values that halve
    every `half_life` events; a softmax instead of a loss a pair.

    Args:
        features: adapted; `item_id` is needed, a history is used where there is one.
        dim: of the factors.
        half_life: how many events newer doubles the value of a watched item.
        dropout: of the user's summed factors.
        temperature: what divides the scores.
        negatives: items drawn evenly a batch, beside the in-batch ones.
    """

    compiles: ClassVar[bool] = True

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        half_life: float = 3.0,
        dropout: float = 0.3,
        temperature: float = 1.0,
        negatives: int = 1000,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        self.items = ItemTable.of(features.item_table)
        self.user_fields = self._user_fields(dim, half_life)
        self.item_fields = self._item_fields(dim)
        self.machine = FMInteraction(first_order=True, dtype="float32")
        # The same for every item, so that a softmax does not learn it.
        self.constant = tf.Variable(0.0, trainable=False, name="constant")
        self.query_model = self._query_model(dropout)
        self.candidate_model = self._candidate_model()
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        self.softmax = MixedSoftmax(features.item_counts, negatives, temperature)

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        return personal_features(interactions)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        examples = choices(self.features, train)
        return example_batches(self.features, train, examples, batch_size, seed, first_epoch)

    def _item_fields(self, dim: int) -> tf.keras.Model:
        """Item features to [items, fields, dim + 1]; the last number is the first-order term."""
        item = self.features.inputs(self.features.item)
        return tf.keras.Model(
            item, FeatureEncoder(self.features.fields(self.features.item), dim + 1)(item)
        )

    def _user_fields(self, dim: int, half_life: float) -> tf.keras.Model:
        """User features to [batch, fields, dim + 1]; each history is two fields."""
        user = self.features.inputs(self.features.user)
        parts = []
        if self.features.user_fields:
            fields = self.features.fields(self.features.user_fields)
            parts.append(FeatureEncoder(fields, dim + 1)(user))
        for history in self.features.histories:
            ids, size = user[history.name], self.features.encodings[history.name].size
            for name, pool in (
                (f"{history.name}_all", MaskedMean()),
                (f"{history.name}_latest", MaskedMean(half_life=half_life)),
            ):
                watched = FeatureEncoder([Field(history.name, size)], dim + 1, name=name)
                vectors = watched({history.name: ids})[:, :, 0]  # [batch, history, dim + 1]
                parts.append(pool(vectors, mask=tf.not_equal(ids, 0))[:, tf.newaxis])
        return tf.keras.Model(user, tf.concat(parts, axis=1))

    def _query_model(self, dropout: float) -> tf.keras.Model:
        user = self.features.inputs(self.features.user)
        total = FieldSum(dtype="float32")(self.user_fields(user)[:, :, :-1])  # [batch, dim]
        total = dropped(dropout, dtype="float32")(total)
        return tf.keras.Model(user, tf.concat([total, tf.ones_like(total[:, :1])], axis=1))

    def _candidate_model(self) -> tf.keras.Model:
        item = self.features.inputs(self.features.item)
        fields = self.item_fields(item)
        total = FieldSum(dtype="float32")(fields[:, :, :-1])  # [items, dim]
        own = FMInteraction(first_order=True, dtype="float32")(fields)  # [items, 1]
        return tf.keras.Model(item, tf.concat([total, own], axis=1))

    def score(self, user: dict[str, tf.Tensor], item: dict[str, tf.Tensor]) -> tf.Tensor:
        """The whole machine for rows of encoded user and item features, [batch]."""
        fields = tf.concat([self.user_fields(user), self.item_fields(item)], axis=1)
        return self.machine(fields)[:, 0] + self.constant

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
