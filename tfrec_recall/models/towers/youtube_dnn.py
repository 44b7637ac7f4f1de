"""YouTube's candidate generation: next-watch prediction as a softmax over all items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Examples, Interactions, PartedInteractions
from tfrec_recall.data.arguments import flags, kind, number, whole
from tfrec_recall.data.event_columns import event_numbers
from tfrec_recall.data.examples import NoExample
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    Field,
    FieldSum,
    ItemEmbedding,
    ItemTable,
    OfKnown,
    Wanted,
    infer,
    met,
)
from tfrec_recall.layers import MaskedMean, Tower
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax, checked_kinds
from tfrec_recall.models.learning.dimension import dim_of
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.next_choice import choices
from tfrec_recall.models.learning.served import served
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.models.learning.temperature import temperature_of
from tfrec_recall.models.published import Published
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.models.towers.arguments import check_towers
from tfrec_recall.sampling import Negatives, Popularity, WithoutOwn


@saved_by_config
class YouTubeDNN(SoftmaxModel):
    """The mean of the watched items beside the user's other features, through a ReLU tower.

    Source: "Deep Neural Networks for YouTube Recommendations", RecSys 2016: Figure 3, section 3.

    Departs:
        - the watched items are pooled a second time by learnt weights of recency: `recency=False`.
        - the pools go around the tower, whose output is then not rectified: `residual=False`.
        - vectors have length one on both sides: `normalize=False`, `temperature=1.0`.
        - watched and recommended items share one table: `shared_items=False`.
        - an item is the sum of all its features, and not its id alone: `item_side_info=False`.
        - the age of an example is not an input: `example_age=True`.
        - all examples count the same, instead of as many of each user: `per_user=50`.
        - negatives are drawn by the root of the frequency, and what the user took is none:
          `negatives=Popularity(5000, 1.0)`.
        - the tower is small: `dim=256`, `hidden=(1024, 512)`.
        - the input of the tower is dropped out: `dropout=0.0`.

    A positive is a video that was watched to its end, which `engagement` and `minimum_engagement`
    ask for where events say it. Search tokens, region, age and so on are whatever the specification
    lists. The paper says neither how many examples a user has nor how many thousands of negatives
    there are.

    Args:
        features: adapted; `item_id` and a history are needed. Histories of other columns, and lists
            of values, are bags of their own.
        dim: of the embeddings and of both outputs; None is 64, and 256 where events have no
            times, so that histories are sets.
        hidden: widths of the tower's hidden layers.
        dropout: on the input of the tower.
        residual: add the watched items' mean to the tower's output.
        recency: a second mean of the watched items, by learnt weights of recency.
        normalize: vectors of length one on both sides.
        temperature: what divides the scores; None is 0.2 (2000 / n)^¼ of n items,
            between .05 and .2, and 1 with `normalize=False`.
        shared_items: the recommended items have the table of the watched ones.
        item_side_info: whether watched and recommended items are known by all of their features;
            without, new items are not.
        negatives: kinds of `sampling/`; or a number of items drawn evenly a batch, beside the
            batch's own. None is 1,000 by the root of their frequency. Neither the number nor None
            has what the user took among them, but with `repeats`.
        correct: subtract log q of what is drawn; takes an over-sampling of popular items back.
        example_age: an input of its own, the time from the target to the newest event as a share of
            the whole time, and 0 when serving.
        per_user: the most examples of a user.
        user_weight_power: of a user's number of examples, in their weight; -1: all users are equal.
        positive_threshold, repeats: how popular targets count, and which there are; see
            `SoftmaxModel`.
        engagement: an event column, such as the share that was watched ...
        minimum_engagement: ... and what a target needs of it. The history keeps all events; caps
            and weights of users are those of the targets that are left.
        item_vectors: where the watched items' vectors begin: indexed by item_id, `dim` columns,
            item2vec's for instance. Items then have no other features; those without a row begin at
            random.
        freeze_items: keep the items' vectors as given; every known item has a row then. Those that
            come by growth are as unknown ones.
    """

    PUBLISHED: ClassVar[Published | None] = Published(
        "RecSys 2016",
        {
            "recency": False,
            "residual": False,
            "normalize": False,
            "temperature": 1.0,
            "shared_items": False,
            "item_side_info": False,
            "example_age": True,
            "per_user": 50,
            "negatives": Popularity(5000, 1.0),
            "dim": 256,
            "hidden": (1024, 512),
            "dropout": 0.0,
        },
        chosen=("per_user", "negatives"),
    )
    needs: ClassVar[tuple[str, ...]] = ("item_id", "history")
    reads_beside: ClassVar[tuple[str, ...] | None] = None

    def __init__(
        self,
        features: Features,
        dim: int | None = None,
        hidden: Sequence[int] = (256, 128),
        dropout: float = 0.2,
        residual: bool = True,
        recency: bool = True,
        normalize: bool = True,
        temperature: float | None = None,
        shared_items: bool = True,
        item_side_info: bool = True,
        negatives: Negatives | None = None,
        correct: bool = True,
        example_age: bool = False,
        per_user: int | None = None,
        user_weight_power: float = 0.0,
        positive_threshold: float | None = None,
        engagement: str | None = None,
        minimum_engagement: float | None = None,
        item_vectors: pd.DataFrame | None = None,
        freeze_items: bool = False,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, positive_threshold, repeats, **kwargs)
        owner = type(self).__name__
        check_towers(owner, dim, hidden, dropout, temperature)
        if negatives is None:
            negatives = [Popularity(1000, power=0.5), *([] if repeats else [WithoutOwn()])]
        checked_kinds(owner, features, negatives, correct, repeats)
        self.dim = dim = dim_of(dim, features)
        flags(
            owner,
            residual=residual,
            recency=recency,
            normalize=normalize,
            shared_items=shared_items,
            item_side_info=item_side_info,
            example_age=example_age,
            freeze_items=freeze_items,
        )
        expected = "a DataFrame of vectors, indexed by item_id"
        kind(owner, item_vectors, "item_vectors", pd.DataFrame, expected)
        kind(owner, engagement, "engagement", str, "the name of an event column")
        if example_age and not features.has_order:
            raise ValueError(
                f"{owner} has example_age by the time of an example, and these events have no "
                "timestamps: leave example_age out (example_age=False); the form of the paper "
                "needs times. Received: example_age=True."
            )
        whole(owner, per_user, "per_user", optional=True)
        number(owner, user_weight_power, "user_weight_power")
        number(owner, minimum_engagement, "minimum_engagement", optional=True)
        if (engagement is None) != (minimum_engagement is None):
            raise ValueError(
                f"{owner} reads an engagement and asks for a minimum of it: both or neither. "
                f"Received: {engagement=}, {minimum_engagement=}."
            )
        if freeze_items and item_vectors is None:
            raise ValueError(
                f"{owner} freezes items that are given: pass item_vectors. "
                "Received: freeze_items=True, item_vectors=None."
            )
        history = features.history
        assert history is not None  # by `needs`
        self.watched, self.normalize = history, normalize
        self.example_age, self.timed = example_age, False
        self.per_user, self.user_weight_power = per_user, user_weight_power
        self.engagement, self.minimum_engagement = engagement, minimum_engagement
        self.time_span = tf.Variable(1.0, trainable=False, name="time_span")  # seconds
        self.shortest_span = 1.0

        recency = recency and features.has_order  # the order of rows is never taken for time
        self.items = ItemTable.of(features.item_table)
        self.item_model, self.candidate_model = self._item_side(
            item_vectors, freeze_items, shared_items, item_side_info
        )
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        self.aged_query, self.query_model = self._user_side(hidden, dropout, residual, recency)
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
        # Figure 3 knows a user by what was watched, searched and told, never by an id.
        return infer(interactions, columns=columns).without("user_id")

    def follow(self, train, examples):
        super().follow(train, examples)
        self._follow_span(float(examples.age.max()))

    def follow_parts(self, found):
        super().follow_parts(found)
        self._follow_span(found.span)

    def _follow_span(self, seconds: float) -> None:
        shortest = float(self.time_span.numpy()) if self.has_grown else self.shortest_span
        self.time_span.assign(max(seconds, shortest))
        self.timed = True

    def update(self, recent, epochs=2, batch_size=BATCH_SIZE, seed=0):
        """As of `RecallModel`; an age stays a share of the longest time that was learnt from."""
        self.shortest_span = float(self.time_span.numpy())
        try:
            super().update(recent, epochs, batch_size, seed)
        finally:
            self.shortest_span = 1.0

    def examples(self, train: Interactions) -> Examples:
        """What is learnt from: the future of each history, as the constructor says which."""
        return choices(
            self.features,
            train,
            self.repeats,
            per_user=self.per_user,
            user_weight_power=self.user_weight_power,
            targets=None if self.engagement is None else self._engaged(train),
        )

    def _engaged(self, train: Interactions) -> np.ndarray:
        """Which events have the engagement that a target needs."""
        assert self.engagement is not None
        value = event_numbers(train.events, self.engagement, "YouTubeDNN")
        engaged = value >= self.minimum_engagement  # which is given beside it
        if len(engaged) and not engaged.any():
            most = np.nanmax(value, initial=-np.inf)
            has = f"at most {most:g}" if np.isfinite(most) else "no number"
            raise NoExample(
                f"No example is left to learn from: no event has {self.minimum_engagement} of "
                f"{self.engagement!r} or more, which minimum_engagement asks of targets. Received: "
                f"{len(value):,} events with {has}."
            )
        return engaged

    def _item_side(self, given: pd.DataFrame | None, freeze: bool, shared: bool, side_info: bool):
        item = self.features.inputs(self.features.item)
        fields = self.features.fields(self.features.item)
        ids = [field for field in fields if field.name == "item_id"]
        fields = fields if side_info else ids
        of_watched = fields if given is None else ids
        encoder = FeatureEncoder(of_watched, self.dim, trainable=not freeze)
        vector = FieldSum()(encoder(item))  # [items, fields, dim] -> [items, dim]
        if given is not None:
            self._begin_with(encoder.tables["item_id"], given, freeze)
        own = vector
        if not shared:
            own = FieldSum()(FeatureEncoder(fields, self.dim)(item))
        own = OfKnown(of_watched if shared else fields)((own, item))
        own = served(self.normalize)(own)
        return tf.keras.Model(item, vector), tf.keras.Model(item, own)

    def _begin_with(self, table: tf.Variable, given: pd.DataFrame, freeze: bool) -> None:
        vectors = given.to_numpy("float32")
        rows = self.features.ids("item_id").encode(given.index.to_series())
        known = rows > 1
        if vectors.shape[1:] != (self.dim,) or not np.isfinite(vectors).all() or not known.any():
            raise ValueError(
                f"YouTubeDNN takes item_vectors indexed by item_id, {self.dim} finite numbers "
                f"each, of known items. Received: {vectors.shape}, {known.sum()} known items."
            )
        repeated = given.index[given.index.duplicated()]
        if len(repeated):
            raise ValueError(
                "YouTubeDNN takes item_vectors with a row an item. Received: more of "
                f"{', '.join(map(repr, repeated[:3]))}."
            )
        without = len(self.features.item_vocabulary) - 2 - known.sum()
        if freeze and without:
            raise ValueError(
                "YouTubeDNN freezes items that are given: item_vectors needs a row for every known "
                f"item. Received: none for {without:,} of them; leave freeze_items out."
            )
        table.scatter_nd_update(rows[known, np.newaxis], vectors[known])

    def growth_arguments(self, features):
        """Frozen items are those that were given: new ones begin as unknown ones then."""
        found = super().growth_arguments(features)
        given = self.made_with.get("item_vectors")
        if given is None or not self.made_with.get("freeze_items"):
            return found
        ids = pd.Index(features.item_vocabulary.ids).astype(given.index.dtype)
        new = ids.difference(given.index, sort=False)
        blank = pd.DataFrame(0.0, new, given.columns)  # rows are as they are in the model
        return {**found, "item_vectors": pd.concat([given, blank.astype(given.dtypes)])}

    def _user_side(self, hidden: Sequence[int], dropout: float, residual: bool, recency: bool):
        user = self.features.inputs(self.features.user)
        history = self.watched
        watched = ItemEmbedding(self.items, self.item_model)(met(self.features, user[history.name]))
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
            parts.append(age[:, tf.newaxis])
        tower = tf.keras.layers.Concatenate()(parts)
        tower = dropped(dropout)(tower)
        final = None if residual else "relu"
        vector = Tower((*hidden, self.dim), final_activation=final)(tower)
        if residual:
            vector = sum(pools, vector)
        vector = served(self.normalize)(vector)
        aged = tf.keras.Model({**user, "example_age": age}, vector)
        now = tf.zeros_like(tf.reduce_sum(user[history.name], axis=1), tf.float32)  # [batch]
        return aged, tf.keras.Model(user, aged({**user, "example_age": now}))

    def compute_loss(self, batch, training=False):
        if training and self.example_age and not self.timed:
            raise ValueError(
                "YouTubeDNN with example_age knows ages as a share of the time that its own "
                "training_data spans: fit the model that made the batches. Received: other batches."
            )
        age = tf.clip_by_value(batch["example_age"] / self.time_span, 0.0, 1.0)
        inputs = {name: batch[name] for name in self.query_model.input_names}
        return self.softmax(
            self.aged_query({**inputs, "example_age": age}, training=training),
            batch["item_id"],
            lambda ids: self.candidates(ids, training=training),
            batch.get("seed"),
            batch.get("user_row"),
            self.left_out(batch),
            sample_weight=self.weight(batch),
            training=training,
        )
