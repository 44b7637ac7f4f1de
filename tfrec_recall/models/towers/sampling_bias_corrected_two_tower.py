"""The two-tower model of YouTube's next video: a stream, and estimates of its own bias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Examples, Interactions, PartedInteractions
from tfrec_recall.data.arguments import flags, number, refuse, whole, without_effect
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    ItemEmbedding,
    ItemTable,
    Rows,
    Start,
    met,
)
from tfrec_recall.layers import MaskedMean, StreamingFrequencyEstimator, Tower
from tfrec_recall.models.learning import replicas
from tfrec_recall.models.learning.candidate_softmax import (
    Candidates,
    CandidateSoftmax,
    checked_kinds,
    together,
)
from tfrec_recall.models.learning.dimension import dim_of
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.served import served
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.models.learning.temperature import temperature_of
from tfrec_recall.models.published import Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.models.towers.arguments import check_towers
from tfrec_recall.models.towers.item_tower import item_tower
from tfrec_recall.sampling import InBatch, Negatives

DAY = 24 * 3600
SEED_OF_BASKETS = 20
FEWEST = 2**17  # buckets
# What a step adds to a batch, by names that no feature has.
CANDIDATES, COUNTED, LOG_PROBABILITY = ".candidate_id", ".counted", ".log_probability"


@saved_by_config
class SamplingBiasCorrectedTwoTower(SoftmaxModel):
    """The seed item and the mean of the history meet candidates in a corrected batch softmax.

    Source: "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys
    2019: Figure 2 (the towers), sections 3 (rewards, s - log p), 4 (p from the stream) and 5
    (normalisation, temperature, sequential training).
    Departs:
        - each distinct item of a batch is a candidate once, because p is the probability that it is
          in the batch, however often: `distinct=False`.
        - some items are drawn evenly beside the batch's, and what the user took is no negative:
          `negatives=InBatch()`.
        - in baskets the seed is several events: `seed_events=1`.
        - the history is pooled a second time by learnt weights of recency: `recency=False`.
        - both pools, and the seed item as much as is learnt, go around the query tower, the
          embeddings around the candidate's, and histories have what comes of it: `residual=False`.
        - towers are small, and the candidate's is its embeddings: `dim=128`, `hidden=(1024, 512)`,
          `item_hidden=(1024, 512)`.
        - the input of the query tower is dropped out: `dropout=0.0`.
        - all examples are mixed anew each epoch: `span_days=1.0`.
        - the estimator takes an item's first gap whole, is faster, and has fewer hashes:
          `initial_gap=0.0`, `rate=0.01`, `hashes=5`.

    Args:
        features: adapted; `item_id` and a history of it.
        dim: of the embeddings and of both outputs; None is 64, and 256 where events have no
            times, so that histories are sets.
        hidden: widths of the query tower's hidden layers.
        item_hidden: widths of the candidate tower's; empty leaves the sum of the embeddings.
        dropout: on the input of the query tower.
        seed_events: how many of the latest events are the seed, by their mean. None is the one
            that is watched now, as in the paper, and 20 of baskets, where no event is the latest
            (recall@50 on validation of Online Retail .194, and .175 with one). Where events have
            no times, none is the latest, and the seed is the mean of all.
        recency: pool the history a second time, too.
        residual: lead the pools and the seed around the query tower, and the embeddings around the
            candidate's.
        normalize: divide both outputs by their length.
        temperature: τ, which divides the score; None is 0.2 (2000 / n)^¼ of n items,
            between .05 and .2, and 1 with `normalize=False`.
        correct: subtract log p; False leaves the batch softmax as it is.
        negatives: items drawn evenly a batch, beside the batch's own, but none that the user took
            (with `repeats`, these too); or kinds of `sampling/`,
            among them `InBatch()`.
        distinct: an item is a candidate once, and no negative of its own examples; without, every
            example's item is, as often as it is there.
        buckets, hashes, rate, initial_gap: of the `StreamingFrequencyEstimator`; buckets of None
            are four an item or more, a power of two from 131,072 up: few items then share all of
            their buckets with others, which would have them taken for frequent.
        positive_threshold, repeats: see `SoftmaxModel`.
        span_days: train sequentially: examples come in the order of time, span by span, mixed
            within a span; the paper has days. A span should hold many batches and users: where a
            batch is one user's, each example is a negative of the others. None mixes all examples
            anew each epoch, which is better on data that is seen more than once.

    The rewards are the column `weight` of the events, 1 without it.
    """

    PUBLISHED: ClassVar[Published | None] = Published(
        "RecSys 2019",
        {
            "distinct": False,
            "negatives": InBatch(),
            "seed_events": 1,
            "recency": False,
            "residual": False,
            "dim": 128,
            "hidden": (1024, 512),
            "item_hidden": (1024, 512),
            "dropout": 0.0,
            "span_days": 1.0,
            "initial_gap": 0.0,
            "rate": 0.01,
            "hashes": 5,
        },
        optimizer=tf.keras.optimizers.Adagrad,
        learning_rate=0.2,
        batch_size=8192,
    )
    UNREAD: ClassVar[Unread] = {
        ("correct", False): ("buckets", "hashes", "rate", "initial_gap")  # of the estimator
    }
    needs: ClassVar[tuple[str, ...]] = ("item_id", "history")

    def __init__(
        self,
        features: Features,
        dim: int | None = None,
        hidden: Sequence[int] = (128,),
        item_hidden: Sequence[int] = (),
        dropout: float = 0.2,
        seed_events: int | None = None,
        recency: bool = True,
        residual: bool = True,
        normalize: bool = True,
        temperature: float | None = None,
        correct: bool = True,
        negatives: Negatives = 1000,
        distinct: bool = True,
        buckets: int | None = None,
        hashes: int = 2,
        rate: float = 0.05,
        initial_gap: float | None = None,
        span_days: float | None = None,
        positive_threshold: float | None = None,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, positive_threshold, repeats, **kwargs)
        owner = type(self).__name__
        check_towers(owner, dim, hidden, dropout, temperature, item_hidden)
        checked_kinds(owner, features, negatives, correct, repeats)
        self.dim = dim = dim_of(dim, features)
        flags(
            owner,
            correct=correct,
            distinct=distinct,
            recency=recency,
            residual=residual,
            normalize=normalize,
        )
        whole(owner, seed_events, "seed_events", optional=True)
        whole(owner, buckets, "buckets", optional=True)
        whole(owner, hashes, "hashes")
        number(owner, rate, "rate", above=0, most=1)
        number(owner, initial_gap, "initial_gap", least=0, optional=True)
        number(owner, span_days, "span_days", above=0, optional=True)
        in_time = {"seed_events": seed_events, "span_days": span_days}
        asked = [f"{name}={value!r}" for name, value in in_time.items() if value is not None]
        if asked and not features.has_order:
            raise ValueError(
                f"{owner} has seed_events and span_days by the times of events, and these have no "
                "timestamps: leave both out (seed_events=None, span_days=None); the form of the "
                f"paper needs times. Received: {', '.join(asked)}."
            )
        if seed_events is None:
            seed_events = SEED_OF_BASKETS if features.has_baskets else 1
        if not correct:
            estimates = "where it corrects"
            without_effect(owner, buckets, None, "buckets", estimates)
            without_effect(owner, hashes, 2, "hashes", estimates)
            without_effect(owner, rate, 0.05, "rate", estimates)
            without_effect(owner, initial_gap, None, "initial_gap", estimates)
        self.span_days, self.seed_events, self.distinct = span_days, seed_events, distinct
        self.events_before: Any = features.history  # there is one, by `needs`
        recency = recency and features.has_order  # the order of rows is never taken for time
        self.items = ItemTable.of(features.item_table)
        self.item_model, tower = item_tower(features, dim, item_hidden, residual)
        self.normalize = normalize
        unit = served(normalize)
        self.candidate_model = tf.keras.Model(tower.input, unit(tower.output))
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        self.query_model = self._query_tower(dim, hidden, dropout, recency, residual, unit)
        self.frequency = None
        if correct:
            size = _enough(len(features.item_vocabulary)) if buckets is None else buckets
            self.frequency = StreamingFrequencyEstimator(size, hashes, rate, initial_gap)
        # The correction is the estimator's, and which copies count is said by a mask.
        self.temperature = temperature_of(temperature, features, normalize)
        self.softmax = CandidateSoftmax(
            *(owner, features, self.target_share, negatives, self.temperature),
            correct=False,
            repeats=repeats,
        )
        self.softmax.softmax.remove_accidental_hits = distinct
        self.softmax.sampled.remove_accidental_hits = distinct
        if not self.softmax.in_batch:
            refuse(owner, negatives, "negatives", "a number, or kinds with InBatch() among them")

    def feature_rows(self):
        rows = super().feature_rows()
        if self.frequency is not None:  # by `take_over`
            buckets = self.frequency.last_step, self.frequency.mean_gap
            rows += [Rows(weight, start=Start.given) for weight in buckets]
        return rows

    def take_over(self, before, origins):
        super().take_over(before, origins)
        if self.frequency is not None:
            self.frequency.go_on_from(before.frequency, origins["item_id"].same)

    def training_data(
        self,
        train: Interactions | PartedInteractions,
        batch_size=BATCH_SIZE,
        seed=0,
        first_epoch=0,
    ):
        if self.span_days is None:
            return super().training_data(train, batch_size, seed, first_epoch)
        if isinstance(train, PartedInteractions):
            raise ValueError(
                f"{type(self).__name__} learns span after span of all users with span_days, and "
                "parts have all times of some users: take Interactions, or span_days=None. "
                f"Received: {self.span_days=}, {train!r}."
            )
        train.require_time("span_days")
        examples = self.examples(train)
        self.follow(train, examples)
        examples = in_time_order(examples, self.span_days * DAY, seed or 0)
        return self._of_examples(train, examples, batch_size, None, first_epoch)

    def _query_tower(self, dim, hidden, dropout, recency, residual, unit) -> tf.keras.Model:
        user = self.features.inputs(self.features.user)
        fields = self.features.fields(self.features.user_fields)
        known = [tf.keras.layers.Flatten()(FeatureEncoder(fields, dim)(user))] if fields else []
        ids = met(self.features, user[self.events_before.name])  # [batch, history]
        watched = ItemEmbedding(self.items, self.item_model)(ids)
        latest = tf.not_equal(ids, 0)
        if self.features.has_order:
            age = tf.cumsum(tf.cast(latest, tf.int32), axis=1, reverse=True)  # 1 for the latest
            latest &= age <= self.seed_events
        seed = MaskedMean()(watched, mask=latest)  # [batch, dim]
        means = [MaskedMean(), MaskedMean(learned=True)][: 1 + recency]
        pools = [mean(watched) for mean in means]  # [batch, dim] each
        wide = tf.keras.layers.Concatenate()([*known, seed, *pools])
        tower = Tower((*hidden, dim))(dropped(dropout)(wide))
        if not residual:
            return tf.keras.Model(user, unit(tower))
        # How much of the seed goes around is learnt: in a basket the latest event means little.
        scaled = tf.keras.layers.EinsumDense(
            "bd,d->bd", dim, kernel_initializer=tf.keras.initializers.Constant(0.5), name="seed"
        )(seed)
        return tf.keras.Model(user, unit(sum(pools, scaled + tower)))

    def drawn(self, batch, training=True):
        """The candidates of a step, [candidates], the batch's first, and all that they bring."""
        extra = self.softmax.draw()
        positives = self.softmax.of_all(batch["item_id"])
        ids = tf.concat([positives, extra], axis=0)
        found = {CANDIDATES: ids}
        if self.distinct:
            once = [first_of_each(positives), tf.ones_like(extra, tf.bool)]
            found[COUNTED] = tf.concat(once, axis=0)
        if self.frequency is not None:
            # How often each is expected among the candidates: once by the batch, and by draws.
            in_batch = tf.range(tf.size(ids)) < tf.size(positives)
            expected = self._in_batch(self.frequency(ids, training=training, mask=in_batch))
            found[LOG_PROBABILITY] = tf.math.log(expected + self.softmax.expected(ids))
        return found

    def _in_batch(self, probability: tf.Tensor) -> tf.Tensor:
        """The estimator's probability as that of the batch whose items are the candidates."""
        count = replicas.replicas()
        if self.softmax.across_replicas or count == 1:
            return probability
        # The estimator's step is the batches of all replicas, p = 1 - (1 - q)^count.
        return -tf.math.expm1(tf.math.log1p(-probability) / count)

    def logits_of(self, batch_size, compiled):
        mask_bytes = 2 if self.distinct else 0  # which copies count, and its opposite
        return self.softmax.logits_of(batch_size, compiled, mask_bytes)

    def compute_loss(self, batch, training=False):
        if CANDIDATES not in batch:
            batch = {**batch, **self.drawn(batch, training)}
        ids = batch[CANDIDATES]
        left_out = self.left_out(batch)
        mask = None if left_out is None else self.softmax.but(left_out, ids)
        own = self.softmax.of_users(batch.get("user_row"), batch.get("seed"))
        if self.distinct:
            copies = batch[COUNTED]
            mask = together(mask, lambda start, stop: tf.tile([copies], [stop - start, 1]))
        own_log_probability = None
        if own is not None and self.frequency is not None:
            expected = self._in_batch(self.frequency(own)) + self.softmax.expected(own)
            own_log_probability = tf.math.log(expected)
        found = Candidates(ids, batch.get(LOG_PROBABILITY), mask, own, own_log_probability)
        return self.softmax.loss(
            self.query(batch, training),
            found,
            self.softmax.vectors(
                batch["item_id"], found, lambda ids: self.candidates(ids, training=training)
            ),
            None if own is None else self.candidates(own, training=training),
            sample_weight=self.weight(batch),
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


def _enough(items: int) -> int:
    """Buckets for so many items.

    >>> _enough(3_000), _enough(54_542)
    (131072, 262144)
    """
    return max(FEWEST, 1 << (4 * items - 1).bit_length())
