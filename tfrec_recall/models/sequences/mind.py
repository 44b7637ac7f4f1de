"""MIND: several interests of a user, each of which searches the items."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.arguments import flags, number, whole, widths, without_effect
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    FieldSum,
    ItemEmbedding,
    ItemTable,
    KnownItems,
    OfKnown,
)
from tfrec_recall.layers import (
    CapsuleRouting,
    LabelAwareAttention,
    MaskedMean,
    SelfAttentiveInterests,
    Tower,
)
from tfrec_recall.layers.activations import activation_of
from tfrec_recall.layers.capsule_routing import events_after
from tfrec_recall.layers.draws import normal
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax, checked_kinds
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.served import served
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.models.learning.temperature import temperature_of
from tfrec_recall.models.published import Published, Such, Unread
from tfrec_recall.models.sequences.arguments import check_sequence_model
from tfrec_recall.retrieval import Diversity, EmbeddingRetriever, Exact
from tfrec_recall.retrieval.embedders import ItemEmbedder
from tfrec_recall.retrieval.item_weights import below_all
from tfrec_recall.sampling import LogUniform, Negatives

DRAW = ".draw"  # an input beside the user's features, by a name that none of them has
# Read by it alone.
ROUTING = ("iterations", "deviation", "adaptive", "identity", "recency", "stop_gradient")


def is_fraction(power: Any) -> bool:
    """Whether no score below 0 can be raised to it."""
    return isinstance(power, Real) and power != float("inf") and bool(power % 1)


@saved_by_config
class MIND(SoftmaxModel):
    """Capsules of the history beside the user's profile, through one tower; the best one scores.

    Source: "Multi-Interest Network with Dynamic Routing for Recommendation at Tmall", CIKM 2019:
    Figure 3, Eq. 3 (scores by the best interest), sections 3.2 to 3.5. `self_attentive` is
    ComiRec-SA, "Controllable Multi-Interest Framework for Recommendation", KDD 2020, section 3.2.
    Departs:
        - queries and items meet in a cosine over a temperature, and not in an inner product:
          `normalize=False`, `temperature=1.0`.
        - negatives are the batch's other items and some drawn evenly, but none that the user took;
          the paper draws for a sampled softmax, and does not say how many:
          `negatives=LogUniform(1000)`.
        - the interest goes around its tower: `residual=False`.
        - the tower's output is not activated: `output_activation="relu"`.
        - an item is the sum of its features' embeddings, and not their mean: `average_fields=True`.
        - the bilinear map S begins as the identity: `identity=False`.
        - events weigh by their recency in the routing: `recency=False`.
        - the history's mean is in every interest: `common=False`.
        - gradients pass through the routing's last iteration alone: `stop_gradient=False`.
        - the tower's input is dropped out: `dropout=0.0`.
        - the label-aware attention multiplies scores by the power, where Eq. 10 raises them to it:
          `raised=True`.
        - all interests learn the target, and not the best alone: `power=float("inf")`.

    Without `recency` and `common`, and where events have no times, the order of the history means
    nothing, as in the paper. Items of a history that training never saw are no behaviours.

    Args:
        features: adapted; `item_id` and a history of it are needed.
        dim: of the embeddings, the interests and the output.
        interests: at most, K; a history of n events has `max(1, min(K, ⌊log2 n⌋))`.
        iterations, deviation, adaptive, identity, stop_gradient: of the routing; see
            `CapsuleRouting`.
        recency: weigh the events in the routing by learnt factors of how recent they are.
        common: add the history's mean, even and by recency, to every interest.
        self_attentive: extract interests by attention instead of routing; all users then have K.
        hidden: widths of the tower's hidden layers.
        output_activation: of the tower's output; None leaves it linear.
        residual: add the interest to the tower's output.
        average_fields: an item's vector is the mean of its features' embeddings, or else their sum.
        dropout: on the input of the tower.
        power: of the attention by which the interests make the vector that learns the target, from
            0 (their mean) to infinity (the best one). On both data sets, Recall@50 on validation
            is .04 higher with 1 than with 10, where interests soon learn the targets by heart.
        raised: raise scores to that power instead of multiplying them; see `LabelAwareAttention`.
        normalize: vectors of length one on both sides.
        temperature: what divides the scores; None is 0.2 (2000 / n)^¼ of n items,
            between .05 and .2, and 1 with `normalize=False`.
        negatives: items drawn evenly a batch, beside the in-batch ones, but none that the user took
            (with `repeats`, these too); or kinds of `sampling/`.
            Ranks of `Hard` are those that the user's best interest gives.
        correct: subtract log q of what is drawn.
        positive_threshold, repeats: see `SoftmaxModel`.
    """

    PUBLISHED: ClassVar[Published] = Published(
        "CIKM 2019",
        {
            "normalize": False,
            "temperature": 1.0,
            "negatives": LogUniform(1000),
            "residual": False,
            "output_activation": "relu",
            "average_fields": True,
            "identity": False,
            "recency": False,
            "common": False,
            "stop_gradient": False,
            "dropout": 0.0,
            "raised": True,
            "power": float("inf"),
        },
        optimizer=tf.keras.optimizers.Adam,
    )
    UNREAD: ClassVar[Unread] = {
        ("self_attentive", True): ROUTING,
        ("power", Such(is_fraction, such_as=1.5)): ("raised",),
    }
    needs: ClassVar[tuple[str, ...]] = ("item_id", "history")

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        interests: int = 4,
        iterations: int = 3,
        deviation: float = 1.0,
        adaptive: bool = True,
        recency: bool = True,
        common: bool = True,
        self_attentive: bool = False,
        identity: bool = True,
        stop_gradient: bool = True,
        hidden: Sequence[int] = (128,),
        output_activation: str | None = None,
        residual: bool = True,
        average_fields: bool = False,
        dropout: float = 0.2,
        power: float = 1.0,
        raised: bool = False,
        normalize: bool = True,
        temperature: float | None = None,
        negatives: Negatives = 1000,
        correct: bool = True,
        positive_threshold: float | None = None,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, positive_threshold, repeats, **kwargs)
        owner = type(self).__name__
        check_sequence_model(owner, dim, dropout, temperature)
        checked_kinds(owner, features, negatives, correct, repeats)
        flags(
            owner,
            adaptive=adaptive,
            recency=recency,
            common=common,
            self_attentive=self_attentive,
            identity=identity,
            stop_gradient=stop_gradient,
            residual=residual,
            average_fields=average_fields,
            raised=raised,
            normalize=normalize,
        )
        whole(owner, interests, "interests")
        whole(owner, iterations, "iterations")
        number(owner, deviation, "deviation", least=0)
        widths(owner, hidden, "hidden")
        activation_of(owner, output_activation, "output_activation")
        if power != float("inf"):
            number(owner, power, "power", least=0)
        if self_attentive:
            routing = (iterations, deviation, adaptive, identity, recency, stop_gradient)
            defaults = (3, 1.0, True, True, True, True)
            for name, value, own in zip(ROUTING, routing, defaults, strict=True):
                without_effect(owner, value, own, name, "where it routes")
        assert features.history is not None  # by `needs`
        self.length, self.watched = features.history.length, features.history.name
        self.average_fields, self.residual, self.common = average_fields, residual, common
        self.output_activation, self.ordered = output_activation, features.has_order
        self.normalize = normalize
        self.unit = served(normalize)
        self.items = ItemTable.of(features.item_table)
        self.item_model, self.candidate_model = self._item_side(dim)
        self.embedding = ItemEmbedding(self.items, self.item_model)
        # The order of rows is never taken for time.
        if self_attentive:
            extractor = SelfAttentiveInterests(interests, positions=64 if self.ordered else 0)
        else:
            extractor = CapsuleRouting(
                interests,
                iterations=iterations,
                deviation=deviation,
                adaptive=adaptive,
                recency=recency and self.ordered,
                identity=identity,
                stop_gradient=stop_gradient,
            )
        self.interests, self.draws = interests, not self_attentive
        self.drawn_model = self._user_side(extractor, dim, hidden, dropout)
        self.query_model = self._as_served(extractor) if self.draws else self.drawn_model
        self.attention = LabelAwareAttention(power, raised)
        self.temperature = temperature_of(temperature, features, normalize)
        self.softmax = CandidateSoftmax(
            owner, features, self.target_share, negatives, self.temperature, correct, repeats
        )

    def _item_side(self, dim: int):
        item = self.features.inputs(self.features.item)
        known_by = self.features.fields(self.features.item)
        fields = FeatureEncoder(known_by, dim)(item)
        # [items, fields, dim] -> [items, dim]
        vector = FieldSum(average=self.average_fields)(fields)
        candidate = self.unit(OfKnown(known_by)((vector, item)))
        return tf.keras.Model(item, vector), tf.keras.Model(item, candidate)

    def _user_side(self, extractor, dim: int, hidden: Sequence[int], dropout: float):
        """User features, and the routing's draw if there is one, to interests and which are."""
        user = self.features.inputs(self.features.user)
        inputs, draw = dict(user), {}
        if self.draws:
            length = self.length if self.ordered else None
            inputs[DRAW] = tf.keras.Input((length, self.interests), name=DRAW)
            draw = {"draw": inputs[DRAW]}
        watched = self.embedding(KnownItems()(user[self.watched]))
        interests = extractor(watched, **draw)  # [batch, history, dim] -> [batch, interests, dim]
        joined = interests
        fields = self.features.fields(self.features.user_fields)
        if fields:
            profile = tf.keras.layers.Flatten()(FeatureEncoder(fields, dim)(user))
            profile = tf.keras.layers.RepeatVector(extractor.interests)(profile)
            joined = tf.keras.layers.Concatenate()([interests, profile])
        joined = dropped(dropout)(joined)
        vectors = Tower((*hidden, dim), final_activation=self.output_activation)(joined)
        if self.residual:
            vectors += interests
        if self.common:
            means = [MaskedMean(), MaskedMean(learned=True)][: 1 + self.ordered]
            pools = [mean(watched) for mean in means]  # [batch, dim] each
            vectors += sum(pools[1:], pools[0])[:, tf.newaxis]
        return tf.keras.Model(inputs, [self.unit(vectors), Present()(interests)])

    def _as_served(self, extractor) -> tf.keras.Model:
        """With the draw that is always the same."""
        user = self.features.inputs(self.features.user)
        own = extractor.interests, extractor.positions, extractor.seed
        draw = ServedDraw(*own, by_item=not self.ordered)(KnownItems()(user[self.watched]))
        return tf.keras.Model(user, self.drawn_model({**user, DRAW: draw}))

    def compute_loss(self, batch, training=False):
        if training and self.draws:
            names = self.query_model.input_names
            shape = [*tf.unstack(tf.shape(batch[self.watched])), self.interests]
            inputs = {**{name: batch[name] for name in names}, DRAW: drawn(shape, batch)}
            interests, present = self.drawn_model(inputs, training=True)
        else:
            interests, present = self.query(batch, training)
        return self.softmax(
            lambda positive: self.attention((interests, positive), mask=(present, None)),
            batch["item_id"],
            lambda ids: self.unit(self.embedding(ids, training=training)),
            batch.get("seed"),
            batch.get("user_row"),
            self.left_out(batch),
            sample_weight=self.weight(batch),
            training=training,
        )

    def retriever(
        self,
        items,
        index=None,
        k=100,
        seed=0,
        tuning_queries=None,
        diversity: Diversity | None = None,
    ):
        """Every interest searches the items, merged by maximum; see `RecallModel.retriever`.

        It has `recommend_with_interest`, which also says which interest brought an item.

        Args:
            diversity: spread the lists over categories; its groups are in the order of `items`.
        """
        vectors = self.embed_items(items)
        return EmbeddingRetriever(
            query_embedder=self.query_embedder(),
            item_ids=items["item_id"].to_numpy(),
            vectors=vectors,
            index=index or Exact(),
            k=k,
            item_embedder=ItemEmbedder(self.features, self.candidate_model),
            tuning_queries=tuning_queries,
            diversity=diversity,
            bias=below_all(vectors),
            with_interest=True,
            seed=seed,
        ).with_fallback(self.popularity_of(items))


def drawn(shape, batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """Gaussian noise, by the batch's seed where it has one, as it has in `fit`."""
    if "seed" not in batch:
        return normal(shape)
    return tf.random.stateless_normal(shape, batch["seed"] + [0, 1])  # negatives have the seed


@saved_by_config
class Present(tf.keras.layers.Layer):
    """The mask of interests as a tensor, bool [batch, interests]."""

    def call(self, interests, mask=None):
        return mask

    def compute_mask(self, inputs, mask=None):
        return None


@saved_by_config
class ServedDraw(tf.keras.layers.Layer):
    """Encoded ids [batch, history] to the draw of a routing that serves.

    Args:
        interests, positions, seed: of the `CapsuleRouting`.
        by_item: an event has a draw by its item, and not by its place, which in a set is none.

    Output: [batch, history, interests].
    """

    def __init__(self, interests: int, positions: int, seed: int, by_item: bool = False, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.interests, self.positions, self.seed = interests, positions, seed
        self.by_item = by_item

    def call(self, ids):
        routing = CapsuleRouting(self.interests, positions=self.positions, seed=self.seed)
        return routing.fixed_draw(ids if self.by_item else events_after(ids != 0))

    def get_config(self):
        own = {"interests": self.interests, "positions": self.positions, "seed": self.seed}
        return {**super().get_config(), **own, "by_item": self.by_item}
