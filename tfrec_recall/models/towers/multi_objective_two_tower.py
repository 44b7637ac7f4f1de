"""One two-tower model for several kinds of events: clicked, liked, bought."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions, PartedInteractions
from tfrec_recall.data.arguments import flags, refuse, without_effect
from tfrec_recall.data.notices import tell
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    ItemEmbedding,
    ItemTable,
    Objective,
    Wanted,
    label_of,
    meetings,
    met,
    objectives_of,
)
from tfrec_recall.features.objective import lacking
from tfrec_recall.layers import MaskedMean, Tower
from tfrec_recall.models.learning import replicas
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax, checked_kinds
from tfrec_recall.models.learning.dimension import dim_of
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.next_choice import personal_features
from tfrec_recall.models.learning.served import served
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.models.learning.temperature import temperature_of
from tfrec_recall.models.published import TRAINING, Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.models.towers.arguments import check_towers
from tfrec_recall.models.towers.item_tower import item_tower
from tfrec_recall.models.towers.two_tower import TwoTower
from tfrec_recall.retrieval import EmbeddingRetriever, Exact
from tfrec_recall.retrieval.embedders import ItemEmbedder, QueryEmbedder
from tfrec_recall.retrieval.item_weights import below_all
from tfrec_recall.sampling import Negatives

OBJECTIVES = "a list of Objective(…) or of mappings of their arguments"


@saved_by_config
class MultiObjectiveTwoTower(SoftmaxModel):
    """For each objective a user vector and an item vector of its own, from shared bottoms.

    Source: "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018, Eq. 10 (exp(-s) times a loss, plus s / 2, with s = log σ² learned); the
    towers are those of `TwoTower`.
    Departs:
        - losses have fixed weights: `learn_weights=True`.
        - the history is pooled twice, evenly and by learnt weights of recency: `recency=False`.
        - pools go around the user tower, embeddings around the item's, bottoms around the heads:
          `residual=False`.
        - towers are small, and the item's is its embeddings: `dim=128`, `hidden=(300, 300)`,
          `item_hidden=(300, 300)`.
        - layers are rectified, the last one linear: `activation="tanh"`,
          `final_activation="tanh"`.
        - the input of the user tower is dropped out: `dropout=0.0`.
        - log q is taken off: `correct=False`.
        - negatives are the batch's items and some drawn evenly, but none that the user took:
          `negatives=[Unmet(4)]`, `correct=False`.

    The paper knows no recommender: all but the weights, the training too, is taken back to the
    plain `TwoTower`.

    The score of an objective is a cosine, that of the blend the weighted mean of all cosines. An
    index of the items' vectors side by side serves both: a query has zeros where it does not ask.

    Args:
        features: adapted; `item_id` is needed, a history is used where there is one.
        objectives: `Objective`s or mappings of their arguments; None: those of the features, or
            any event.
        dim: of the embeddings and of each vector; None is 64, and 256 where events have no
            times, so that histories are sets.
        hidden, item_hidden, activation, final_activation, dropout, recency, normalize, temperature,
            negatives, correct, positive_threshold, repeats: as in `TwoTower`.
        residual: lead the pools around the user tower, the embeddings around the item's, and what
            is shared around each objective's own layer, which begins as zeros; one objective alone
            has none.
        weights: of the objectives' losses; all 1 without it.
        learn_weights: learn them, from there.
        blend: weights of the objectives' scores; all equal without it.

    Raises: ValueError, from the first `training_data`, for one of `objectives` that no event is of;
        of an objective of the features this is told.
    """

    PUBLISHED: ClassVar[Published | None] = dataclasses.replace(
        TwoTower.plain_form(),
        paper="CVPR 2018",
        arguments={**TwoTower.plain_form().arguments, "learn_weights": True},
        chosen=TRAINING,
    )
    UNREAD: ClassVar[Unread] = TwoTower.UNREAD

    def __init__(
        self,
        features: Features,
        objectives: Sequence[Objective | Mapping[str, Any]] | None = None,
        dim: int | None = None,
        hidden: Sequence[int] = (128,),
        item_hidden: Sequence[int] = (),
        activation: str = "relu",
        final_activation: str | None = None,
        dropout: float = 0.2,
        recency: bool = True,
        residual: bool = True,
        normalize: bool = True,
        temperature: float | None = None,
        negatives: Negatives = 1000,
        correct: bool = True,
        positive_threshold: float | None = None,
        weights: Sequence[float] | None = None,
        learn_weights: bool = False,
        blend: Sequence[float] | None = None,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, positive_threshold, repeats, **kwargs)
        owner = type(self).__name__
        named = {"activation": activation, "final_activation": final_activation}
        check_towers(owner, dim, hidden, dropout, temperature, item_hidden, **named)
        checked_kinds(owner, features, negatives, correct, repeats)
        self.dim = dim = dim_of(dim, features)
        flags(
            owner,
            learn_weights=learn_weights,
            recency=recency,
            residual=residual,
            normalize=normalize,
        )
        chosen = objectives or features.objectives or [Objective("interaction")]
        if isinstance(chosen, str) or not isinstance(chosen, Sequence):
            refuse(owner, chosen, "objectives", OBJECTIVES, optional=True)
        self.objectives = tuple(Objective(**o) if isinstance(o, Mapping) else o for o in chosen)
        if not all(isinstance(objective, Objective) for objective in self.objectives):
            refuse(owner, chosen, "objectives", OBJECTIVES, optional=True)
        self.names = [objective.name for objective in self.objectives]
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"{owner} has objectives of different names. Received: {self.names}.")
        self.loss_weights = self._weights(weights, "weights")
        self.blend = self._weights(blend, "blend")
        if len(self.names) == 1:
            without_effect(owner, blend, None, "blend", "of several objectives")
        self.log_variances = None
        if learn_weights:
            self.log_variances = tf.Variable(-np.log(self.loss_weights), name="log_variances")
        self.residual, self.normalize = residual, normalize
        recency = recency and features.has_order  # the order of rows is never taken for time

        self.items = ItemTable.of(features.item_table)
        activations = activation, final_activation
        self.item_model, tower = item_tower(features, dim, item_hidden, residual, *activations)
        item = tower.input
        self.item_heads = tf.keras.Model(item, self._heads(tower.output, dim))
        self.item_vectors = ItemEmbedding(self.items, self.item_heads)
        user, bottom = self._user_bottom(dim, hidden, dropout, recency, *activations)
        self.user_heads = tf.keras.Model(user, self._heads(bottom, dim))
        self.candidate_model = tf.keras.Model(item, side_by_side(self.item_heads.output))
        blended = self.user_heads.output * self.blend[:, np.newaxis]
        self.query_model = tf.keras.Model(user, side_by_side(blended))
        self.temperature = temperature_of(temperature, features, normalize)
        self.softmax = CandidateSoftmax(
            owner, features, self.target_share, negatives, self.temperature, correct, repeats
        )

    @classmethod
    def default_features(
        cls,
        interactions: Interactions | PartedInteractions,
        columns: Wanted = None,
        repeats: bool = False,
    ) -> Features:
        chosen = personal_features(interactions, columns, repeats)
        objectives = objectives_of(interactions)
        return Features(chosen.user, chosen.item, objectives, chosen.left_out)

    def training_data(
        self,
        train: Interactions | PartedInteractions,
        batch_size=BATCH_SIZE,
        seed=0,
        first_epoch=0,
    ):
        if not self.has_learnt.numpy():  # later events may lack what was there before
            lack = lacking(train, self.objectives)
            if lack and self.made_with.get("objectives"):
                raise ValueError(lack)
            if lack:  # which another part of the data may have had
                tell(lack)
        return super().training_data(train, batch_size, seed, first_epoch)

    def as_learnt(self, interactions):
        return meetings(interactions, self.objectives)

    @property
    def columns_of_target(self):
        return [label_of(objective) for objective in self.objectives]

    def _weights(self, values: Sequence[float] | None, name: str) -> np.ndarray:
        """As given, or all 1; the blend's add up to 1."""
        try:
            given = np.ones(len(self.objectives)) if values is None else values
            weights = np.array(given, "float64")
        except (TypeError, ValueError):
            weights = np.zeros(0)
        fits = np.isfinite(weights) & (weights > 0)
        if weights.shape != (len(self.objectives),) or not fits.all():
            raise ValueError(
                f"{name} has a positive, finite number for each of the objectives "
                f"{', '.join(self.names)}. Received: {name}={values!r}."
            )
        return (weights / weights.sum() if name == "blend" else weights).astype("float32")

    def _user_bottom(self, dim, hidden, dropout, recency, activation, final_activation):
        user = self.features.inputs(self.features.user)
        fields = self.features.fields(self.features.user_fields)
        known = [tf.keras.layers.Flatten()(FeatureEncoder(fields, dim)(user))] if fields else []
        pools = []
        if self.features.history:
            ids = met(self.features, user[self.features.history.name])
            watched = ItemEmbedding(self.items, self.item_model)(ids)
            means = [MaskedMean(), MaskedMean(learned=True)][: 1 + recency]
            pools = [mean(watched) for mean in means]  # [batch, dim] each
        wide = tf.concat([*known, *pools], axis=-1)
        between = activation if hidden else "relu"  # of no layer
        tower = Tower((*hidden, dim), between, final_activation)(dropped(dropout)(wide))
        return user, sum(pools if self.residual else [], tower)

    def _heads(self, bottom: tf.Tensor, dim: int) -> tf.Tensor:
        """[..., dim] -> [..., objectives, dim]."""
        if self.residual and len(self.names) == 1:
            return served(self.normalize)(bottom[..., tf.newaxis, :])  # a plain two-tower model
        # Zeros where it is added: what is shared comes first.
        begin = "zeros" if self.residual else "glorot_uniform"
        heads = [
            tf.keras.layers.Dense(dim, use_bias=False, kernel_initializer=begin)(bottom)
            for _ in self.names
        ]
        stacked = tf.stack([bottom + h for h in heads] if self.residual else heads, axis=-2)
        return served(self.normalize)(stacked)

    def compute_loss(self, batch, training=False):
        user = {name: batch[name] for name in self.user_heads.input_names}
        query = self.user_heads(user, training=training)  # [batch, objectives, dim]
        found = self.softmax.candidates(
            batch["item_id"], batch.get("user_row"), batch.get("seed"), self.left_out(batch)
        )
        vectors = self.softmax.vectors(  # [candidates, objectives, dim]
            batch["item_id"], found, lambda ids: self.item_vectors(ids, training=training)
        )
        own = None if found.own is None else self.item_vectors(found.own, training=training)
        size = tf.cast(tf.shape(query)[0], tf.float32)

        total = 0.0
        for position, objective in enumerate(self.objectives):
            label = tf.cast(batch[label_of(objective)], tf.float32)  # [batch]
            loss = self.softmax.loss(
                query[:, position],
                found,
                vectors[:, position],
                None if own is None else own[:, :, position],
                sample_weight=self.weight(batch) * label,
                training=training,
            )
            labelled = replicas.total(tf.reduce_sum(label))
            own_part = labelled * replicas.share(tf.size(label))
            mean = tf.math.divide_no_nan(loss * size, own_part)
            total += tf.where(labelled > 0, self._weighted(position, mean), 0.0)
        return total

    def _weighted(self, position: int, loss: tf.Tensor) -> tf.Tensor:
        if self.log_variances is None:
            return self.loss_weights[position] * loss
        log_variance = self.log_variances[position]
        return tf.exp(-log_variance) * loss + log_variance / 2

    def logits_of(self, batch_size, compiled):
        return len(self.objectives) * super().logits_of(batch_size, compiled)

    def retriever(
        self,
        items,
        index=None,
        k=100,
        seed=0,
        tuning_queries=None,
        objective: str | None = None,
    ):
        """As `RecallModel.retriever`; with several objectives, a query has the one it asks for.

        Its raw feature `objective` is a name of `names`; any other, such as "", is the blend.

        Args:
            objective: always ask for this one; queries then have no such feature.
        """
        if objective is not None and objective not in self.names:
            raise ValueError(f"Objectives are {', '.join(self.names)}. Received: {objective!r}.")
        if len(self.names) == 1:
            return super().retriever(items, index, k, seed, tuning_queries)
        vectors = self.embed_items(items)
        return EmbeddingRetriever(
            query_embedder=ObjectiveEmbedder(self, objective),
            item_ids=items["item_id"].to_numpy(),
            vectors=vectors,
            index=index or Exact(),
            k=k,
            item_embedder=ItemEmbedder(self.features, self.candidate_model),
            tuning_queries=tuning_queries,
            bias=below_all(vectors),
            seed=seed,
        ).with_fallback(self.popularity_of(items))


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
