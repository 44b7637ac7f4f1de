"""YouTube's candidate generation: next-watch prediction as a softmax over all items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Examples, Interactions
from tfrec_recall.data.windows import keep_probability
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    Field,
    FieldSum,
    ItemEmbedding,
    ItemTable,
    example_batches,
    infer,
)
from tfrec_recall.layers import L2Normalization, MaskedMean, Tower
from tfrec_recall.losses import SampledSoftmax
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.hard_mining import HardMining
from tfrec_recall.models.learning.mixed_softmax import MixedSoftmax
from tfrec_recall.models.learning.next_choice import choices
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel
from tfrec_recall.sampling import PopularityNegatives


@saved_by_config
class YouTubeDNN(RecallModel):
    """The mean of the watched items beside the user's other features, through a ReLU tower.

    Source: "Deep Neural Networks for YouTube Recommendations", RecSys 2016: Figure 3, section 3.
    Departs: search tokens, region, age and so on are whatever the specification lists; watched and
    recommended items share one table. `residual`, `recency` and `normalize` are additions: without
    them, and with temperature 1, the figure is the paper's.

    Args:
        features: adapted; `item_id` and a history are needed. Histories of other columns, and lists
            of values, are bags of their own.
        dim: of the embeddings and of both outputs.
        hidden: widths of the tower's hidden layers.
        dropout: on the input of the tower.
        residual: add the watched items' mean to the tower's output.
        recency: a second mean of the watched items, by learnt weights of recency.
        normalize: vectors of length one on both sides.
        temperature: what divides the scores.
        negatives: items drawn a batch; with `in_batch` they are drawn evenly, beside the others'
            positives.
        power: of the training count that the probability of being drawn follows; above 0, popular
            items are over-sampled as negatives.
        sampler: what draws instead, such as `LogUniformNegatives`.
        hard_negatives: more negatives of each example, from the ranks `hard_window` of what the
            model finds for the user, mined anew every `mine_every` epochs; without `in_batch`.
        in_batch: the other examples' positives are negatives too.
        correct: subtract the logarithm of the proposal from the logits.
        example_age: an input of its own, the time from the target to the newest event as a share of
            the whole time, and 0 when serving.
        per_user: the most examples of a user.
        user_weight_power: of a user's number of examples, in their weight; -1: all users are equal.
        positive_threshold: t of the sub-sampling of popular targets, a frequency: of an item with
            the frequency f, an example weighs sqrt(t / f) at most 1. None keeps all.
        engagement: an event column, such as the share that was watched ...
        minimum_engagement: ... and what a target needs of it. The history keeps all events.
        item_vectors: where the items' vectors begin: indexed by item_id, `dim` columns, item2vec's
            for instance. Items then have no other features; those without a row begin at random.
        freeze_items: keep the items' vectors as given.
    """

    needs = ("item_id", "history")
    compiles = True

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.2,
        residual: bool = True,
        recency: bool = True,
        normalize: bool = True,
        temperature: float = 0.2,
        negatives: int = 1000,
        power: float = 0.5,
        sampler: tf.Module | None = None,
        hard_negatives: int = 0,
        hard_window: tuple[int, int] = (100, 500),
        mine_every: int = 2,
        in_batch: bool = False,
        correct: bool = True,
        example_age: bool = False,
        per_user: int | None = None,
        user_weight_power: float = 0.0,
        positive_threshold: float | None = None,
        engagement: str | None = None,
        minimum_engagement: float = 0.0,
        item_vectors: pd.DataFrame | None = None,
        freeze_items: bool = False,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if freeze_items and item_vectors is None:
            raise ValueError(
                "YouTubeDNN freezes items that are given: pass item_vectors. "
                "Received: freeze_items=True, item_vectors=None."
            )
        if hard_negatives and in_batch:
            raise ValueError(
                "YouTubeDNN adds hard negatives to drawn ones: leave in_batch or hard_negatives "
                f"out. Received: in_batch=True, hard_negatives={hard_negatives}."
            )
        history = features.history
        if history is None:
            raise ValueError(
                "YouTubeDNN needs a history of items: History('item_id') on the user side. "
                f"Received: histories of {[h.column for h in features.histories]}."
            )
        self.watched, self.dim, self.normalize = history, dim, normalize
        self.example_age, self.correct, self.in_batch = example_age, correct, in_batch
        self.hard_negatives, self.hard_window = hard_negatives, hard_window
        self.mine_every = mine_every
        self.mining: HardMining | None = None
        self.per_user, self.user_weight_power = per_user, user_weight_power
        self.engagement, self.minimum_engagement = engagement, minimum_engagement
        keep = keep_probability(features.item_counts, positive_threshold)
        self.keep = tf.constant(keep, tf.float32)
        self.time_span = tf.Variable(1.0, trainable=False, name="time_span")  # seconds

        recency = recency and features.has_order  # the order of rows is never taken for time
        self.items = ItemTable.of(features.item_table)
        self.item_model, self.candidate_model = self._item_side(item_vectors, freeze_items)
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        self.aged_query, self.query_model = self._user_side(hidden, dropout, residual, recency)
        counts = features.item_counts
        self.samples = negatives
        self.sampler = sampler or PopularityNegatives(counts, power)
        self.mixed_softmax = MixedSoftmax(counts, negatives, temperature, correct)
        self.sampled_softmax = SampledSoftmax(temperature)

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        # Figure 3 knows a user by what was watched, searched and told, never by an id.
        return infer(interactions).without("user_id")

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        examples = self.examples(train)
        self.time_span.assign(max(float(examples.age.max()), 1.0))
        if self.hard_negatives:
            self.mining = HardMining(self, train, examples, self.hard_window, self.mine_every)
        return example_batches(self.features, train, examples, batch_size, seed, first_epoch)

    def fit(self, *args, callbacks=None, **kwargs):
        """As `Model.fit`; hard negatives are mined before the epochs that `mine_every` says."""
        own = [self.mining.callback] if self.mining else []
        return super().fit(*args, callbacks=[*own, *(callbacks or [])], **kwargs)

    @property
    def can_compile(self) -> bool:
        return super().can_compile and not self.hard_negatives

    def examples(self, train: Interactions) -> Examples:
        """What is learnt from: the future of each history, as the constructor says which."""
        examples = choices(
            self.features,
            train,
            per_user=self.per_user,
            user_weight_power=self.user_weight_power,
        )
        if self.engagement is None:
            return examples
        if self.engagement not in examples.events:
            raise ValueError(
                f"YouTubeDNN reads the engagement from the events' column {self.engagement!r}. "
                f"Received: columns {', '.join(examples.events.columns)}."
            )
        value = examples.events[self.engagement].to_numpy("float64", na_value=np.nan)
        return examples.take(value[examples.target] >= self.minimum_engagement)

    def _item_side(self, given: pd.DataFrame | None, freeze: bool):
        item = self.features.inputs(self.features.item)
        fields = self.features.fields(self.features.item)
        if given is not None:
            fields = [field for field in fields if field.name == "item_id"]
        encoder = FeatureEncoder(fields, self.dim, trainable=not freeze)
        vector = FieldSum()(encoder(item))  # [items, fields, dim] -> [items, dim]
        if given is not None:
            self._begin_with(encoder.tables["item_id"], given)
        return tf.keras.Model(item, vector), tf.keras.Model(item, self._served(vector))

    def _begin_with(self, table: tf.Variable, given: pd.DataFrame) -> None:
        vectors = given.to_numpy("float32")
        rows = self.features.ids("item_id").encode(given.index.to_series())
        if vectors.shape[1:] != (self.dim,) or not np.isfinite(vectors).all() or rows.max() < 2:
            raise ValueError(
                f"YouTubeDNN takes item_vectors indexed by item_id, {self.dim} finite numbers "
                f"each, of known items. Received: {vectors.shape}, {(rows > 1).sum()} known items."
            )
        table.scatter_nd_update(rows[rows > 1, np.newaxis], vectors[rows > 1])

    def _user_side(self, hidden: Sequence[int], dropout: float, residual: bool, recency: bool):
        user = self.features.inputs(self.features.user)
        history = self.watched
        watched = ItemEmbedding(self.items, self.item_model)(user[history.name])
        pools = [MaskedMean()(watched)]  # [batch, dim] each
        if recency:
            pools.append(MaskedMean(learned=True)(watched))
        parts = list(pools)
        bags = [h for h in self.features.histories if h is not history]
        fields = self.features.fields(self.features.user_fields)
        fields += [Field(f.name, f.size, rank=2) for f in self.features.fields(bags)]
        if fields:
            parts.append(tf.keras.layers.Flatten()(FeatureEncoder(fields, self.dim)(user)))
        age = tf.keras.Input((), name="example_age")  # a share of the whole time
        if self.example_age:
            parts.append(tf.stack([age, tf.square(age), tf.sqrt(age)], axis=1))
        tower = tf.keras.layers.Concatenate()(parts)
        tower = dropped(dropout)(tower)
        final = None if residual else "relu"
        vector = Tower((*hidden, self.dim), final_activation=final)(tower)
        if residual:
            vector = sum(pools, vector)
        aged = tf.keras.Model({**user, "example_age": age}, self._served(vector))
        now = tf.zeros_like(user[history.name][:, 0], tf.float32)
        return aged, tf.keras.Model(user, aged({**user, "example_age": now}))

    def _served(self, vector: tf.Tensor) -> tf.Tensor:
        """What is searched: float32 in whatever precision, and of length one if that is wished."""
        if self.normalize:
            return L2Normalization(dtype="float32")(vector)
        return tf.keras.layers.Activation("linear", dtype="float32")(vector)

    def compute_loss(self, batch, training=False):
        age = tf.clip_by_value(batch["example_age"] / self.time_span, 0.0, 1.0)
        inputs = {name: batch[name] for name in self.query_model.input_names}
        query = self.aged_query({**inputs, "example_age": age}, training=training)
        ids, weight = batch["item_id"], batch["sample_weight"]
        weight *= tf.gather(self.keep, ids)
        seed = batch.get("seed")
        if not self.in_batch:
            return self._sampled_loss(query, ids, weight, batch, training)
        return self.mixed_softmax(
            query,
            ids,
            lambda ids: self.candidates(ids, training=training),
            seed,
            sample_weight=weight,
            training=training,
        )

    def _sampled_loss(self, query, ids, weight, batch, training):
        drawn = self.sampler.sample([self.samples], batch.get("seed"))
        size = tf.shape(ids)[0]
        vectors = self.candidates(tf.concat([ids, drawn], axis=0), training=training)
        arguments = {"positive_ids": ids, "negative_ids": drawn, "sample_weight": weight}
        if self.correct:
            arguments["positive_log_probability"] = self.sampler.log_probability(ids)
            arguments["negative_log_probability"] = self.sampler.log_probability(drawn)
        if self.mining is not None and training:
            hard = self.mining.sample(batch["user_row"], self.hard_negatives)
            arguments["own_negatives"] = self.candidates(hard, training=training)
            arguments["own_negative_ids"] = hard
            if self.correct:  # as if the sampler had drawn them as well
                log_probability = self.sampler.log_probability(hard)
                arguments["own_negative_log_probability"] = log_probability
        return self.sampled_softmax((query, vectors[:size], vectors[size:]), **arguments)
