"""A factorization machine as a vector for the user and one for the item."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.arguments import flag, flags, number, whole, without_effect
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    Field,
    FieldSum,
    ItemEmbedding,
    ItemTable,
    OfKnown,
    met,
)
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax, checked_kinds
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.models.published import Other, Published, Such, Unread
from tfrec_recall.models.towers.arguments import check_towers
from tfrec_recall.models.towers.fm_terms import FMTerms, HistoryTerms, MachineVector, alone
from tfrec_recall.sampling import InBatch, Negatives, Unmet, kinds_of

HALF_LIFE = 3.0  # of events in the second indicator, where a model is not told


def in_batch(negatives: Any) -> bool:
    """Whether the batch's items are among them, which a loss of pairs does not take."""
    return any(isinstance(kind, InBatch) for kind in kinds_of("FMRecall", negatives))


@saved_by_config
class FMRecall(SoftmaxModel):
    """A factorization machine of the user's and the item's features, served as inner products.

    Of one user's scores, all that is the same for every item is left out. What remains is
    `[Σ v_user, 1] · [Σ v_item, Σ w_item + pairs within the item]`, so the vectors rank exactly as
    the machine does; `score` is the machine itself.

    Source: "Factorization Machines", ICDM 2010: Eq. 1; the history is the indicator of a set whose
    values sum to one, section V.B (SVD++); section IV (losses of pairs).

    Departs:
        - a softmax over items, in which all that is the same for every item has no say, instead of
          a loss a pair; its negatives are the batch's items and some drawn evenly, but none that
          the user took: `pointwise=True`, `correct=False`, `negatives=[Unmet(4)]`.
        - the values of a list make no pairs with each other: `pairs_within=True`.
        - the history is there a second time, with values that halve by recency: `half_life=None`.
        - the user's summed factors are dropped out: `dropout=0.0`.

    The paper has targets, and no negatives to draw: how many there are is chosen here. It learns by
    gradient descent at a rate that it does not give, and the plain form by `optimizer_class`.

    Args:
        features: adapted; `item_id` is needed, a history is used where there is one.
        dim: of the factors.
        half_life: in events, of what an event of the history counts in the second indicator; None
            leaves that out.
        pairs_within: pairs also between the values of a multi-valued feature, and between the items
            of a history.
        dropout: of the user's summed factors.
        temperature: what divides the scores in the softmax.
        negatives: items drawn evenly a batch, beside the in-batch ones, but none that the user took
            (with `repeats`, these too); or kinds of `sampling/`.
        correct: subtract log q of what is drawn, in the softmax.
        positive_threshold, repeats: see `SoftmaxModel`.
        pointwise: foretell 1 for the item and 0 for each of its negatives, by the whole machine:
            w₀ and the user's own weights learn as well.
        squared_loss: of the pairs, instead of the logistic one.
    """

    PUBLISHED: ClassVar[Published | None] = Published(
        "ICDM 2010",
        {
            "pointwise": True,
            "correct": False,
            "pairs_within": True,
            "half_life": None,
            "dropout": 0.0,
            "negatives": [Unmet(4)],
        },
        chosen=("negatives",),
    )
    UNREAD: ClassVar[Unread] = {
        ("correct", True): ("pointwise", "negatives"),  # those of a user have no q
        ("temperature", Other((1.0,), such_as=0.5)): ("pointwise",),
        ("negatives", Such(in_batch, such_as=10)): ("pointwise",),
    }
    reads_beside: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        half_life: float | None = HALF_LIFE,
        pairs_within: bool = False,
        dropout: float = 0.3,
        temperature: float = 1.0,
        negatives: Negatives = 1000,
        correct: bool = True,
        positive_threshold: float | None = None,
        pointwise: bool = False,
        squared_loss: bool = False,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, positive_threshold, repeats, **kwargs)
        owner = type(self).__name__
        whole(owner, dim, "dim")
        check_towers(owner, dim, (), dropout, temperature)
        kinds = checked_kinds(owner, features, negatives, correct, repeats)
        flags(owner, pairs_within=pairs_within, squared_loss=squared_loss)
        flag(owner, pointwise, "pointwise")
        if pointwise and (
            correct or temperature != 1 or any(isinstance(kind, InBatch) for kind in kinds)
        ):
            raise ValueError(
                f"{owner} has no softmax with pointwise=True: correct=False, temperature=1 and "
                "negatives that are drawn, such as [Unmet(4)]. Received: "
                f"{correct=}, {temperature=}, {negatives=}."
            )
        if squared_loss and not pointwise:
            raise ValueError(f"{owner} has a squared_loss of pairs. Received: pointwise=False.")
        number(owner, half_life, "half_life", above=0, optional=True)
        if half_life is not None and not (features.has_order and features.histories):
            latest = "where there is a history, and events have timestamps"
            without_effect(owner, half_life, HALF_LIFE, "half_life", latest)
        self.dim, self.pairs_within = dim, pairs_within
        self.pointwise, self.squared_loss = pointwise, squared_loss
        self.items = ItemTable.of(features.item_table)
        # The order of rows is never taken for time.
        self.user_terms = self._user_terms(half_life if features.has_order else None)
        self.item_terms = self._item_terms()
        self.bias = tf.Variable(0.0, trainable=pointwise, name="bias")  # w₀
        self.query_model = self._query_model(dropout)
        self.candidate_model = self._candidate_model()
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        self.softmax = CandidateSoftmax(
            owner, features, self.target_share, negatives, temperature, correct, repeats
        )

    def _item_terms(self) -> tf.keras.Model:
        item = self.features.inputs(self.features.item)
        encoder = FMTerms(self.features.fields(self.features.item), self.dim, self.pairs_within)
        return tf.keras.Model(item, FieldSum(dtype="float32")(encoder(item)))

    def _user_terms(self, half_life: float | None) -> tf.keras.Model:
        """A history is one field, or with recency two."""
        user = self.features.inputs(self.features.user)
        parts = []
        if self.features.user_fields:
            fields = self.features.fields(self.features.user_fields)
            parts.append(FMTerms(fields, self.dim, self.pairs_within)(user))
        for history in self.features.histories:
            ids, size = user[history.name], self.features.encodings[history.name].size
            ids = met(self.features, ids) if history.column == "item_id" else ids
            kinds = {"all": None} if half_life is None else {"all": None, "latest": half_life}
            for name, life in kinds.items():
                name = f"{history.name}_{name}"
                encoder = FeatureEncoder(
                    [Field(history.name, size)], self.dim + 1, name=name, dtype="float32"
                )
                vectors = tf.squeeze(encoder({history.name: ids}), axis=2)
                terms = HistoryTerms(life, self.pairs_within)((vectors, ids))
                parts.append(terms[:, tf.newaxis])
        return tf.keras.Model(user, FieldSum(dtype="float32")(tf.concat(parts, axis=1)))

    def _query_model(self, dropout: float) -> tf.keras.Model:
        user = self.features.inputs(self.features.user)
        total = self.user_terms(user)[:, : self.dim]  # [batch, dim]
        total = dropped(dropout, dtype="float32")(total)
        return tf.keras.Model(user, tf.concat([total, tf.ones_like(total[:, :1])], axis=1))

    def _candidate_model(self) -> tf.keras.Model:
        item = self.features.inputs(self.features.item)
        vector = MachineVector(self.dim)(self.item_terms(item))
        known_by = self.features.fields(self.features.item)
        return tf.keras.Model(item, OfKnown(known_by)((vector, item)))

    def score(self, user: dict[str, tf.Tensor], item: dict[str, tf.Tensor]) -> tf.Tensor:
        """The whole machine for rows of encoded user and item features, [batch]."""
        of_user, of_item = self.user_terms(user), self.item_terms(item)
        both = tf.reduce_sum(of_user[:, : self.dim] * of_item[:, : self.dim], axis=-1)
        return self.bias + alone(of_user, self.dim) + alone(of_item, self.dim) + both

    def compute_loss(self, batch, training=False):
        if self.pointwise:
            return self._pairs(batch, training)
        return super().compute_loss(batch, training)

    def _pairs(self, batch, training):
        """The mean loss of the positives and their negatives, each example's weighed alike."""
        user = {name: batch[name] for name in self.query_model.input_names}
        found = self.softmax.candidates(
            batch["item_id"], batch.get("user_row"), batch.get("seed"), self.left_out(batch)
        )
        query = self.query(batch, training)  # [batch, dim + 1]
        rest = self.bias + alone(self.user_terms(user, training=training), self.dim)
        size, positive = tf.shape(query)[0], batch["item_id"][:, tf.newaxis]
        vectors = self.candidates(found.ids, training=training)
        logits = [tf.reduce_sum(query * vectors[:size], axis=-1, keepdims=True)]
        counts = [tf.ones([size, 1])]
        drawn = found.ids[size:]
        logits.append(tf.matmul(query, vectors[size:], transpose_b=True))
        negative = positive != drawn
        if found.mask is not None:
            negative &= found.mask(0, size)[:, size:]
        counts.append(tf.cast(negative, tf.float32))
        if found.own is not None:
            own = self.candidates(found.own, training=training)  # [batch, any, dim + 1]
            logits.append(tf.linalg.matvec(own, query))
            negative = (found.own != 0) & (found.own != positive)
            counts.append(tf.cast(negative, tf.float32))
        logit = tf.concat(logits, axis=1) + rest[:, tf.newaxis]
        label = tf.concat([tf.ones([size, 1]), tf.zeros_like(logit[:, 1:])], axis=1)
        if self.squared_loss:
            loss = tf.square(label - logit)
        else:
            loss = tf.nn.sigmoid_cross_entropy_with_logits(label, logit)
        count = tf.concat(counts, axis=1)
        weighted = self.weight(batch)[:, tf.newaxis] * count * loss
        return tf.reduce_sum(weighted) / tf.reduce_sum(count)
