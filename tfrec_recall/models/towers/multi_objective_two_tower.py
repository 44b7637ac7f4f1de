"""One two-tower model for several kinds of events: clicked, liked, bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    ItemEmbedding,
    ItemTable,
    Objective,
    example_batches,
    label_of,
    meetings,
    objectives_of,
)
from tfrec_recall.layers import L2Normalization, MaskedMean, Tower
from tfrec_recall.losses import InBatchSoftmax
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.next_choice import choices, personal_features
from tfrec_recall.models.recall_model import BATCH_SIZE, ItemEmbedder, QueryEmbedder, RecallModel
from tfrec_recall.models.towers.item_tower import item_tower
from tfrec_recall.retrieval import EmbeddingRetriever, Exact
from tfrec_recall.sampling import MixedNegatives


@saved_by_config
class MultiObjectiveTwoTower(RecallModel):
    """For each objective a user vector and an item vector of its own, from shared bottoms.

    Source: "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018, Eq. 10 (exp(-s) times a loss, plus s / 2, with s = log σ² learned); the
    towers are those of `TwoTower`.
    Departs: each head is added to its bottom (a residual).

    The score of an objective is a cosine, that of the blend the weighted mean of all cosines. An
    index of the items' vectors side by side serves both: a query has zeros where it does not ask.

    Args:
        features: adapted; `item_id` is needed, a history is used where there is one.
        objectives: `Objective`s or mappings of their arguments; None: those of the features, or
            any event.
        dim: of the embeddings and of each vector.
        hidden, item_hidden, dropout, temperature, negatives: as in `TwoTower`.
        weights: of the objectives' losses; all 1 without it.
        learn_weights: learn them, from there.
        blend: weights of the objectives' scores; all equal without it.
    """

    compiles: ClassVar[bool] = True

    def __init__(
        self,
        features: Features,
        objectives: Sequence[Objective | Mapping[str, Any]] | None = None,
        dim: int = 64,
        hidden: Sequence[int] = (128,),
        item_hidden: Sequence[int] = (),
        dropout: float = 0.2,
        temperature: float = 0.2,
        negatives: int = 1000,
        weights: Sequence[float] | None = None,
        learn_weights: bool = False,
        blend: Sequence[float] | None = None,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        chosen = objectives or features.objectives or [Objective("interaction")]
        self.objectives = tuple(Objective(**o) if isinstance(o, Mapping) else o for o in chosen)
        self.names = [objective.name for objective in self.objectives]
        self.loss_weights = self._weights(weights, "weights")
        self.blend = self._weights(blend, "blend")
        self.log_variances = None
        if learn_weights:
            self.log_variances = tf.Variable(-np.log(self.loss_weights), name="log_variances")

        self.items = ItemTable.of(features.item_table)
        self.item_model = item_tower(features, dim, item_hidden)
        item = self.item_model.input
        self.item_heads = tf.keras.Model(item, self._heads(self.item_model.output, dim))
        self.item_vectors = ItemEmbedding(self.items, self.item_heads)
        user, bottom = self._user_bottom(dim, hidden, dropout)
        self.user_heads = tf.keras.Model(user, self._heads(bottom, dim))
        self.candidate_model = tf.keras.Model(item, side_by_side(self.item_heads.output))
        blended = self.user_heads.output * self.blend[:, np.newaxis]
        self.query_model = tf.keras.Model(user, side_by_side(blended))
        self.proposal = MixedNegatives(features.item_counts, negatives)
        self.softmax = InBatchSoftmax(temperature=temperature, remove_accidental_hits=True)

    @classmethod
    def default_features(cls, interactions):
        chosen = personal_features(interactions)
        return Features(chosen.user, chosen.item, objectives_of(interactions))

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        train = meetings(train, self.objectives)
        examples = choices(self.features, train)
        labels = [label_of(objective) for objective in self.objectives]
        return example_batches(
            self.features, train, examples, batch_size, seed, first_epoch, columns=labels
        )

    def _weights(self, values: Sequence[float] | None, name: str) -> np.ndarray:
        """As given, or all 1; the blend's add up to 1."""
        weights = np.ones(len(self.objectives)) if values is None else np.array(values, "float64")
        if weights.shape != (len(self.objectives),) or not (weights > 0).all():
            raise ValueError(
                f"{name} has a positive number for each of the objectives "
                f"{', '.join(self.names)}. Received: {values!r}."
            )
        return (weights / weights.sum() if name == "blend" else weights).astype("float32")

    def _user_bottom(self, dim: int, hidden: Sequence[int], dropout: float):
        user = self.features.inputs(self.features.user)
        fields = self.features.fields(self.features.user_fields)
        known = [tf.keras.layers.Flatten()(FeatureEncoder(fields, dim)(user))] if fields else []
        pools = []
        if self.features.history:
            watched = ItemEmbedding(self.items, self.item_model)(user[self.features.history.name])
            pools = [MaskedMean()(watched), MaskedMean(learned=True)(watched)]  # [batch, dim] each
        wide = tf.keras.layers.Concatenate()([*known, *pools])
        tower = Tower((*hidden, dim))(dropped(dropout)(wide))
        return user, sum(pools, tower)

    def _heads(self, bottom: tf.Tensor, dim: int) -> tf.Tensor:
        """[..., dim] -> [..., objectives, dim], of length one."""
        heads = [bottom + tf.keras.layers.Dense(dim, use_bias=False)(bottom) for _ in self.names]
        return L2Normalization(dtype="float32")(tf.stack(heads, axis=-2))

    def compute_loss(self, batch, training=False):
        user = {name: batch[name] for name in self.user_heads.input_names}
        query = self.user_heads(user, training=training)  # [batch, objectives, dim]
        ids = tf.concat([batch["item_id"], self.proposal.sample(batch.get("seed"))], axis=0)
        candidates = self.item_vectors(ids, training=training)
        size = tf.shape(query)[0]
        log_probability = self.proposal.log_probability(ids, size)

        total = 0.0
        for position, objective in enumerate(self.objectives):
            label = tf.cast(batch[label_of(objective)], tf.float32)  # [batch]
            loss = self.softmax(
                query[:, position],
                candidates[:size, position],
                candidate_ids=ids[:size],
                log_probability=log_probability[:size],
                extra_candidates=candidates[size:, position],
                extra_candidate_ids=ids[size:],
                extra_log_probability=log_probability[size:],
                sample_weight=batch["sample_weight"] * label,
                training=training,
            )
            labelled = tf.reduce_sum(label)
            weighted = self._weighted(position, loss / tf.maximum(labelled, 1.0))
            total += tf.where(labelled > 0, weighted, 0.0)
        return total

    def _weighted(self, position: int, loss: tf.Tensor) -> tf.Tensor:
        if self.log_variances is None:
            return self.loss_weights[position] * loss
        log_variance = self.log_variances[position]
        return tf.exp(-log_variance) * loss + log_variance / 2

    def retriever(self, items, index=None, k=100, seed=0, objective: str | None = None):
        """As `RecallModel.retriever`; with several objectives, a query has the one it asks for.

        Its raw feature `objective` is a name of `names`; any other, such as "", is the blend.

        Args:
            objective: always ask for this one; queries then have no such feature.
        """
        if objective is not None and objective not in self.names:
            raise ValueError(f"Objectives are {', '.join(self.names)}. Received: {objective!r}.")
        if len(self.names) == 1:
            return super().retriever(items, index, k, seed)
        return EmbeddingRetriever(
            query_embedder=ObjectiveEmbedder(self, objective),
            item_ids=items["item_id"].to_numpy(),
            vectors=self.embed_items(items),
            index=index or Exact(),
            k=k,
            item_embedder=ItemEmbedder(self.features, self.candidate_model),
            seed=seed,
        )


class ObjectiveEmbedder(QueryEmbedder):
    """Raw user features to the query vector of an objective: this one, or the one asked for."""

    def __init__(self, model: MultiObjectiveTwoTower, objective: str | None):
        super().__init__(model.features, model.user_heads)
        if objective is None and "objective" in self.inputs:
            raise ValueError(
                "A request names its objective in `objective`: give the feature of this name "
                f"another. Received: features {', '.join(self.inputs)}."
            )
        self.objective = objective
        if objective is None:
            spec = tf.TensorSpec([None], tf.string, name="objective")
            self.inputs = {**self.inputs, "objective": spec}
        self.names = tf.constant(model.names)
        self.weights = tf.constant(np.vstack([np.eye(len(model.names)), model.blend]), tf.float32)

    def __call__(self, raw):
        heads = super().__call__(raw)  # [batch, objectives, dim]
        fixed = tf.fill(tf.shape(heads)[:1], self.objective or "")
        wish = raw["objective"] if self.objective is None else fixed
        asked = wish[:, tf.newaxis] == self.names  # [batch, objectives]
        known = tf.reduce_any(asked, axis=1)
        row = tf.where(known, tf.argmax(asked, axis=1), tf.size(self.names, tf.int64))
        return side_by_side(heads * tf.gather(self.weights, row)[:, :, tf.newaxis])


def side_by_side(vectors: tf.Tensor) -> tf.Tensor:
    """[batch, objectives, dim] -> [batch, objectives * dim]."""
    return tf.reshape(vectors, [-1, vectors.shape[1] * vectors.shape[2]])
