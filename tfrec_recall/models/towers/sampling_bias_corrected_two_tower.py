"""The two-tower model of YouTube's next video: a stream, and estimates of its own bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Examples, Interactions
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    ItemEmbedding,
    ItemTable,
    example_batches,
)
from tfrec_recall.layers import L2Normalization, MaskedMean, StreamingFrequencyEstimator, Tower
from tfrec_recall.losses import InBatchSoftmax
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.next_choice import choices, personal_features
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel
from tfrec_recall.models.towers.item_tower import item_tower
from tfrec_recall.sampling import UniformNegatives

DAY = 24 * 3600


@saved_by_config
class SamplingBiasCorrectedTwoTower(RecallModel):
    """The seed item and the mean of the history meet candidates in a corrected batch softmax.

    Source: "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys
    2019: Figure 2 (the towers), Eq. 5 and 6 (rewards, s - log p), sections 4 (p from the stream)
    and 5 (normalisation, temperature, sequential training).
    Departs: each distinct item of a batch is a candidate once, because p is the probability that it
    is in the batch, however often; uniform negatives stand beside them. The history is pooled a
    second time by learnt weights of recency. Both pools, and the seed item as much as is learnt, go
    around the query tower as well (a residual).

    Args:
        features: adapted; `item_id` and a history of it.
        dim: of the embeddings and of both outputs.
        hidden: widths of the query tower's hidden layers.
        item_hidden: widths of the candidate tower's; empty leaves the sum of the embeddings.
        dropout: on the input of the query tower.
        seed_events: how many of the latest events are the seed, by their mean. The paper's is the
            one video that is watched now; in baskets no event is the latest.
        recency: pool the history a second time, too.
        normalize: divide both outputs by their length.
        temperature: τ, which divides the score.
        correct: subtract log p; False leaves the batch softmax as it is.
        negatives: items drawn evenly a batch, beside the batch's own.
        buckets, hashes, rate: of the `StreamingFrequencyEstimator`.
        span_days: train sequentially: examples come in the order of time, span by span, mixed
            within a span; the paper has days. A span should hold many batches and users: where a
            batch is one user's, each example is a negative of the others. None mixes all examples
            anew each epoch, which is better on data that is seen more than once.

    The rewards are the column `weight` of the events, 1 without it.
    """

    needs: ClassVar[tuple[str, ...]] = ("item_id", "history")
    compiles: ClassVar[bool] = True

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        hidden: Sequence[int] = (128,),
        item_hidden: Sequence[int] = (),
        dropout: float = 0.2,
        seed_events: int = 1,
        recency: bool = True,
        normalize: bool = True,
        temperature: float = 0.2,
        correct: bool = True,
        negatives: int = 1000,
        buckets: int = 2**17,
        hashes: int = 2,
        rate: float = 0.05,
        span_days: float | None = None,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if span_days is not None and not span_days > 0:
            raise ValueError(
                f"span_days is a positive number, or None. Received: span_days={span_days!r}."
            )
        if seed_events < 1:
            raise ValueError(f"seed_events is at least 1. Received: seed_events={seed_events!r}.")
        self.span_days = span_days
        self.seed_events = seed_events
        self.events_before: Any = features.history  # there is one, by `needs`
        recency = recency and features.has_order  # the order of rows is never taken for time
        self.items = ItemTable.of(features.item_table)
        self.item_model = item_tower(features, dim, item_hidden)
        item, vector = self.item_model.input, self.item_model.output
        plain = tf.keras.layers.Activation("linear", dtype="float32")
        unit = L2Normalization(dtype="float32") if normalize else plain
        self.candidate_model = tf.keras.Model(item, unit(vector))
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        self.query_model = self._query_tower(dim, hidden, dropout, recency, unit)
        self.negatives = negatives
        self.uniform = UniformNegatives(len(features.item_vocabulary))
        self.frequency = StreamingFrequencyEstimator(buckets, hashes, rate) if correct else None
        self.softmax = InBatchSoftmax(
            temperature=temperature, remove_accidental_hits=True, reduction="mean"
        )

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        return personal_features(interactions)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        examples = choices(self.features, train)
        if self.span_days is not None:
            examples = in_time_order(examples, self.span_days * DAY, seed or 0)
            seed = None
        return example_batches(self.features, train, examples, batch_size, seed, first_epoch)

    def _query_tower(self, dim, hidden, dropout, recency, unit) -> tf.keras.Model:
        user = self.features.inputs(self.features.user)
        fields = self.features.fields(self.features.user_fields)
        known = [tf.keras.layers.Flatten()(FeatureEncoder(fields, dim)(user))] if fields else []
        ids = user[self.events_before.name]  # [batch, history], padded on the right
        watched = ItemEmbedding(self.items, self.item_model)(ids)
        events = tf.reduce_sum(tf.cast(tf.not_equal(ids, 0), tf.int32), axis=1)
        age = events[:, tf.newaxis] - tf.range(tf.shape(ids)[1])  # 1 for the latest event
        seed = MaskedMean()(watched, mask=(age > 0) & (age <= self.seed_events))  # [batch, dim]
        means = [MaskedMean(), MaskedMean(learned=True)][: 1 + recency]
        pools = [mean(watched) for mean in means]  # [batch, dim] each
        wide = tf.keras.layers.Concatenate()([*known, seed, *pools])
        tower = Tower((*hidden, dim))(dropped(dropout)(wide))
        # How much of the seed goes around is learnt: in a basket the latest event means little.
        scaled = tf.keras.layers.EinsumDense(
            "bd,d->bd", dim, kernel_initializer=tf.keras.initializers.Constant(0.5), name="seed"
        )(seed)
        return tf.keras.Model(user, unit(sum(pools, scaled + tower)))

    def drawn(self, batch, training=True):
        """The candidates of a step, [candidates], the batch's first, and all that they bring."""
        extra = self.uniform.sample([self.negatives])
        ids = tf.concat([batch["item_id"], extra], axis=0)
        counted = tf.concat([first_of_each(batch["item_id"]), tf.ones_like(extra, tf.bool)], axis=0)
        found = {"candidate_id": ids, "counted": counted}
        if self.frequency is not None:
            # How often each is expected among the candidates: once by the batch, and by draws.
            in_batch = tf.range(tf.size(ids)) < tf.size(batch["item_id"])
            expected = self.frequency(ids, training=training, mask=in_batch)
            expected += self.negatives / self.uniform.items
            found["log_probability"] = tf.math.log(expected)
        return found

    def compute_loss(self, batch, training=False):
        if "candidate_id" not in batch:
            batch = {**batch, **self.drawn(batch, training)}
        ids = batch["candidate_id"]
        size = tf.size(batch["item_id"])
        return self.softmax(
            self.query(batch, training),
            self.candidates(ids, training=training),
            candidate_ids=ids,
            score_mask=tf.broadcast_to(batch["counted"], [size, tf.size(ids)]),
            log_probability=batch.get("log_probability"),
            sample_weight=batch["sample_weight"],
            training=training,
        )


def first_of_each(ids: tf.Tensor) -> tf.Tensor:
    """Whether each id is the first of its kind, bool [ids]."""
    distinct, number = tf.unique(ids)
    place = tf.range(tf.size(ids))
    first = tf.math.unsorted_segment_min(place, number, tf.size(distinct))
    return tf.gather(first, number) == place


def in_time_order(examples: Examples, span: float, seed: int) -> Examples:
    """The examples by the time of their targets, span after span, mixed within each.

    Args:
        span: seconds; spans begin at multiples of it.
    """
    time = examples.events["timestamp"].to_numpy()[examples.target]
    lot = np.random.default_rng(seed).random(len(time))
    return examples.take(np.lexsort((lot, time // span)))
