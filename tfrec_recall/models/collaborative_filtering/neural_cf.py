"""Neural collaborative filtering: a product and a tower in one logit."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import (
    Interactions,
    batches,
    gather_histories,
    newer_events,
    next_item,
    pairs,
)
from tfrec_recall.data.arguments import Auto, flags, number, whole, widths, without_effect
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Categorical, Features, History, Rows, Wanted, ids_alone
from tfrec_recall.layers import MaskedMean
from tfrec_recall.models.collaborative_filtering.arguments import (
    half_life_of,
    half_life_of_history,
)
from tfrec_recall.models.collaborative_filtering.id_embeddings import check_branches, id_embeddings
from tfrec_recall.models.collaborative_filtering.pair_scorer import PairScorer
from tfrec_recall.models.fitting.keras_arguments import FIT
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.published import Published, Unread
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel
from tfrec_recall.retrieval import Exact, Retriever, ScoringRetriever
from tfrec_recall.retrieval.tuning_queries import TuningQueries
from tfrec_recall.retrieval.unsearched import tell_unsearched
from tfrec_recall.sampling import UnmetNegatives


@saved_by_config
class NeuralCF(RecallModel):
    """NeuMF: the element-wise product of two vectors beside a tower over two others, one logit.

    Source: "Neural Collaborative Filtering", WWW 2017: Figure 3; Eq. 5 and 7 (squared and
    logistic loss), 9 (GMF), 10 (MLP), 12 (fusion), 13 (pre-training).
    Departs:
        - the branches learn apart, each with a loss of its own: `apart=0.0`.
        - a user is the mean of what he met last, beside his id: `half_life=None`.
        - recent events and their negatives count more: `weight_half_life=None`.
        - the vectors are kept small: `l2=0.0`.
        - more negatives a positive: `negatives=4`.
        - both branches start at random, instead of trained each alone: `alpha=0.5`.

    A positive and its negatives are in one batch. With the squared loss the logit itself is the
    estimate.

    Args:
        features: adapted; only the two ids and the history of items are used.
        dim: of the product, and the width of the tower's output.
        product, tower: leave one out for GMF or MLP alone.
        hidden: widths of the tower's hidden layers; None is 4 and 2 times `dim` over two vectors of
            twice `dim`, as in the paper's halving tower.
        negatives: how many are drawn for each positive, each epoch anew, from items that the user
            has not met.
        negative_weight: of a negative beside its positive; both have its `weight`, 1 on average.
        squared_loss: Eq. 5 instead of the logistic loss of Eq. 7.
        apart: of two branches, from 0, one loss of the fused logit, to 1, a loss of each as if it
            stood alone; the logit is then their mean, as after pre-training both with α = ½. The
            product then learns to rank by itself, which is what a shortlist asks of it.
        weight_half_life: in events, of what a training event and its negatives count by how many
            events of the user came after it; None lets all count alike. "auto" is 20 where events
            have a time.
        half_life: in events, of what an event of the history counts in the mean of its items'
            vectors that is added to the user's; what is served then knows events that training did
            not, and strangers. None leaves the ids alone. "auto" is 8 where there is a history, and
            events have a time; a history without times is passed over, which is told.
        dropout: on the vectors of each example.
        l2: on the vectors of each example.
        shortlist: items found by the product's vectors that the whole model then scores; None
            scores every item.
        alpha: `fit` of a model that has learnt nothing first trains the product and the tower each
            alone, by `optimizer_class` (the paper's Adam, row by row where tables are large) at the
            rate of its own optimiser, and joins them with this share of the product's output
            weights (Eq. 13). None starts at random.
        pretrain_epochs: of the two.

    The defaults are by validation on MovieLens-100k (recall@50 there .445, and .412 with one loss,
    all events alike and nothing on the vectors' size). With `half_life=None` test is far below: the
    ids alone know nothing of what a user did after training. The paper tries a `dim` from 8 to 64.
    """

    PUBLISHED: ClassVar[Published] = Published(
        "WWW 2017",
        {
            "apart": 0.0,
            "half_life": None,
            "weight_half_life": None,
            "l2": 0.0,
            "negatives": 4,
            "alpha": 0.5,
        },
        optimizer=tf.keras.optimizers.SGD,
        learning_rate=0.001,
        batch_size=256,
        epochs=20,
        chosen=("learning_rate", "batch_size", "epochs"),
    )
    UNREAD: ClassVar[Unread] = {
        ("product", False): ("alpha", "apart"),
        ("tower", False): ("alpha", "apart"),
    }
    needs: ClassVar[tuple[str, ...]] = ("user_id", "item_id")
    reads_columns: ClassVar[bool] = False
    compiles: ClassVar[bool] = True
    scores_pairs: ClassVar[bool] = True
    recommended_steps: ClassVar[int] = 16

    def __init__(
        self,
        features: Features,
        dim: int = 32,
        product: bool = True,
        tower: bool = True,
        hidden: tuple[int, ...] | None = None,
        negatives: int = 8,
        negative_weight: float = 1.0,
        squared_loss: bool = False,
        apart: float = 1.0,
        weight_half_life: float | Auto | None = "auto",
        half_life: float | Auto | None = "auto",
        dropout: float = 0.0,
        l2: float = 0.01,
        shortlist: int | None = None,
        alpha: float | None = None,
        pretrain_epochs: int = 20,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if not (product or tower):
            raise ValueError("NeuralCF needs the product, the tower or both. Received: neither.")
        owner = type(self).__name__
        whole(owner, dim, "dim")
        widths(owner, hidden, "hidden", optional=True)
        whole(owner, negatives, "negatives")
        number(owner, negative_weight, "negative_weight", least=0)
        number(owner, apart, "apart", least=0, most=1)
        number(owner, dropout, "dropout", least=0, below=1)
        number(owner, l2, "l2", least=0)
        whole(owner, shortlist, "shortlist", optional=True)
        number(owner, alpha, "alpha", least=0, most=1, optional=True)
        whole(owner, pretrain_epochs, "pretrain_epochs")
        flags(owner, product=product, tower=tower, squared_loss=squared_loss)
        if hidden is not None and not tower:
            raise ValueError(
                f"{owner} has hidden layers in its tower. Received: tower=False, {hidden=}."
            )
        if alpha is not None and not (product and tower):
            raise ValueError(
                f"{owner} joins a product and a tower by alpha. Received: {product=}, {tower=}, "
                f"{alpha=}."
            )
        if not (product and tower):
            without_effect(owner, apart, 1.0, "apart", "where both branches learn")
        if alpha is None:
            because = "where alpha joins branches that learn alone first"
            without_effect(owner, pretrain_epochs, 20, "pretrain_epochs", because)
        if shortlist is not None and not product:
            raise ValueError("A shortlist is searched by the product's vectors: product=True.")
        self.dim, self.hidden = dim, hidden
        sizes = features.ids("user_id").size, len(features.item_vocabulary)
        self.negatives, self.negative_weight = negatives, negative_weight
        self.squared_loss, self.l2, self.apart = squared_loss, l2, apart
        self.weight_half_life = half_life_of(
            owner, features, weight_half_life, auto=20.0, name="weight_half_life"
        )
        self.alpha, self.pretrain_epochs = alpha, pretrain_epochs
        self._pretrain: Callable[[float], None] | None = None  # within a call of `fit`
        half_life = half_life_of_history(owner, features, half_life)
        history = features.history
        self.half_life, self.shortlist = half_life, shortlist
        self.rate, self.dropout = dropout, dropped(dropout)
        self.product = id_embeddings(sizes, dim) if product else []
        self.tower = id_embeddings(sizes, 2 * dim) if tower else []
        layers = (*((4 * dim, 2 * dim) if hidden is None else hidden), dim) if tower else ()
        self.layers_of_tower = [tf.keras.layers.Dense(width, "relu") for width in layers]
        logit = {"kernel_initializer": tf.keras.initializers.LecunUniform(), "name": "logit"}
        self.output_layer = tf.keras.layers.Dense(1, dtype="float32", **logit)  # is searched
        if tower:
            self.layers_of_tower[0].build([None, 4 * dim])
        self.output_layer.build([None, dim * (bool(product) + bool(tower))])
        self.pool = None if half_life is None else MaskedMean(half_life=half_life)
        self.history_length = 0 if half_life is None or history is None else history.length
        one = tf.constant([[FIRST_KNOWN]])
        user = self.user_vectors({"user_id": one[0], "history": one})
        self.logits(user, self.item_vectors(one))  # makes all weights

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        history = [History()] if interactions.has_time else []
        return ids_alone([Categorical("user_id"), *history], columns)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        """Batches of user_id [positives] and, for each positive and its negatives side by side,
        item_id, label and sample_weight [positives, 1 + negatives]: `batch_size` in all. With
        `half_life`, also the history before each positive, [positives, length].
        """
        length = self.history_length
        examples = next_item(train, length, minimum_history=0) if self.pool else pairs(train)
        events = examples.events
        user = self.features.ids("user_id").encode(events["user_id"])
        item = self.features.ids("item_id").encode(events["item_id"])
        known = (user >= FIRST_KNOWN) & (item >= FIRST_KNOWN)
        examples = examples.take(np.flatnonzero(known[examples.target]))
        target = examples.target
        weight = self._recency(events)[target] * examples.weight
        unmet = UnmetNegatives(user[known], item[known], len(self.features.item_vocabulary))
        users, items, every_item = map(tf.constant, (user[target], item[target], item))
        of_positive = tf.constant(weight, tf.float32)
        of_negative = tf.constant(weight * self.negative_weight, tf.float32)
        start, end = tf.constant(examples.history_start), tf.constant(examples.history_end)
        own_seed = 0 if seed is None else seed

        def fetch(rows, epoch):
            # In another order each epoch, and in the same one, the batch draws others each time.
            mixed = tf.reduce_sum(rows * tf.range(1, tf.size(rows, tf.int64) + 1))
            mixed += epoch * 2**32
            user, item = tf.gather(users, rows), tf.gather(items, rows)[:, tf.newaxis]
            others = tf.repeat(user[:, tf.newaxis], self.negatives, axis=1)
            drawn = unmet.sample(others, tf.stack([mixed, rows[0] + own_seed]))
            label = tf.concat([tf.ones_like(item), tf.zeros_like(drawn)], 1)
            weights = [tf.gather(of_positive, rows)[:, tf.newaxis]]
            found = tf.cast(drawn > 0, tf.float32)  # who has met every item has no negative
            weights += [tf.gather(of_negative, rows)[:, tf.newaxis] * found]
            batch = {
                "user_id": user,
                "item_id": tf.concat([item, drawn], 1),
                "label": tf.cast(label, tf.float32),
                "sample_weight": tf.concat(weights, 1),
            }
            if self.pool:
                run = tf.gather(start, rows), tf.gather(end, rows)
                batch["history"] = gather_histories(every_item, *run, length)
            return batch

        positives = max(1, batch_size // (1 + self.negatives))
        order = {"seed": seed, "first_epoch": first_epoch}
        return batches(len(examples), positives, fetch, **order, numbered=True)

    @property
    def history_needed(self):
        return None  # negatives are what a user has no event with at all

    def batches_to_measure(self, interactions, batch_size):
        return self.training_data(interactions, batch_size, seed=None)  # it takes nothing

    def _recency(self, events: pd.DataFrame) -> np.ndarray:
        """What each training event counts, 1 on average."""
        if self.weight_half_life is None or "timestamp" not in events:
            return np.ones(len(events))
        weight = 0.5 ** (newer_events(events) / self.weight_half_life)
        return weight / weight.mean()

    def user_vectors(self, user: dict[str, tf.Tensor], training=False) -> list[tf.Tensor]:
        """Of the product and the tower, [batch, dim]; `user` may hold the history."""
        vectors = [tables[0](user["user_id"]) for tables in self._tables()]
        if self.pool:
            known = user["history"] >= FIRST_KNOWN
            for place, (_, items) in enumerate(self._tables()):
                vectors[place] += self.pool(items(user["history"]), mask=known)
        return [self.dropout(vector, training=training) for vector in vectors]

    def item_vectors(self, ids: tf.Tensor, training=False) -> list[tf.Tensor]:
        """Of the product and the tower, [..., dim]."""
        return [self.dropout(items(ids), training=training) for _, items in self._tables()]

    def _tables(self):
        return [tables for tables in (self.product, self.tower) if tables]

    def logits(self, user: list[tf.Tensor], item: list[tf.Tensor]) -> tf.Tensor:
        """Of users [batch, dim] and items [batch or 1, n, dim]: [batch, n]."""
        return sum(self.branches(user, item)) + self.output_layer.bias

    def branches(self, user: list[tf.Tensor], item: list[tf.Tensor]) -> list[tf.Tensor]:
        """What the product and the tower bring to the logit, [batch, n] each."""
        outputs, user, item = [], list(user), list(item)
        if self.product:
            outputs.append(user.pop(0)[:, tf.newaxis] * item.pop(0))
        if self.tower:
            outputs.append(self._tower(user[0], item[0]))
        kernels = tf.split(self.output_layer.kernel, len(outputs))  # both of `dim` rows
        return [
            tf.reduce_sum(tf.cast(output, tf.float32) * kernel[:, 0], axis=-1)
            for output, kernel in zip(outputs, kernels, strict=True)
        ]

    def _tower(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        # The first layer sees [user, item]: each part is multiplied once, not once a pair.
        first, *others = self.layers_of_tower
        of_user, of_item = tf.split(tf.cast(first.kernel, user.dtype), 2)
        of_user = tf.matmul(user, of_user)[:, tf.newaxis]  # [batch, 1, width]
        bias = tf.cast(first.bias, user.dtype)
        hidden = first.activation(of_user + tf.tensordot(item, of_item, 1) + bias)
        for layer in others:
            hidden = layer(hidden)
        return hidden  # [batch, n, dim]

    def compute_loss(self, batch, training=False):
        user = self.user_vectors(batch, training)
        item = self.item_vectors(batch["item_id"], training)
        label, weight = batch["label"], batch["sample_weight"]
        branches, bias = self.branches(user, item), self.output_layer.bias  # [positives, n]
        loss = (1 - self.apart) * self._loss(label, sum(branches) + bias)
        for branch in branches:  # as if the others said the same
            own = self._loss(label, len(branches) * branch + bias)
            loss += self.apart * own / len(branches)
        if self.l2:
            size = sum(_squared_size(vector)[:, tf.newaxis] for vector in user)
            loss += self.l2 * (size + sum(_squared_size(vector) for vector in item))
        losses = weight * loss  # [positives, n], which may be empty
        return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype))

    def _loss(self, label, logit):
        if self.squared_loss:
            return tf.square(label - logit)
        return tf.nn.sigmoid_cross_entropy_with_logits(label, logit)

    def feature_rows(self):
        sides = ("user_id", "item_id")
        return [
            Rows(table.embeddings, name)
            for tables in self._tables()
            for name, table in zip(sides, tables, strict=True)
        ]

    def looked_up(self, batch_size):
        positives = max(1, batch_size // (1 + self.negatives))
        items = 1 + self.negatives + self.history_length
        return {"user_id": positives, "item_id": positives * items}

    def fit(self, x, *args, **kwargs):
        """As `Model.fit`; with `alpha`, both branches first learn alone, unless this has learnt."""
        steps = FIT.bind(self, x, *args, **kwargs).arguments.get("steps_per_epoch")
        self._pretrain = functools.partial(self._join_branches, x, steps)
        try:
            return super().fit(x, *args, **kwargs)
        finally:
            self._pretrain = None

    def begin(self, run):
        # What a backup holds has been restored by now, and has learnt.
        blank = not (run.epoch or run.step or self.has_learnt.numpy())
        if self._pretrain is not None and self.alpha is not None and blank:
            self._pretrain(self.alpha)
            self._passes.rewind()

    def _join_branches(self, data: tf.data.Dataset, steps: int | None, alpha: float) -> None:
        """Begins with a GMF and an MLP that have been trained on the data."""
        rate = float(tf.keras.backend.get_value(self.optimizer.learning_rate))
        product, tower = (self._alone(data, steps, rate, product=one) for one in (True, False))
        self.begin_with(product, tower, alpha)

    def _alone(self, data, steps: int | None, rate: float, product: bool) -> NeuralCF:
        """A trained GMF, or else MLP, that is otherwise as this one; `steps` are those an epoch."""
        branch = NeuralCF(
            self.features,
            dim=self.dim,
            product=product,
            tower=not product,
            hidden=None if product else self.hidden,
            negatives=self.negatives,
            squared_loss=self.squared_loss,
            half_life=self.half_life,
            weight_half_life=self.weight_half_life,
            dropout=self.rate,
            l2=self.l2,
        )
        alone = not tf.distribute.has_strategy()  # XLA knows nothing of other devices
        branch.compile(
            branch.optimizer_for(self.batch_size)(rate),
            jit_compile=alone and branch.compiles_batches_of(self.batch_size),
            steps_per_execution=branch.recommended_steps if alone else 1,
        )
        if steps is not None and isinstance(data, tf.data.Dataset):
            data = data.repeat()  # it may hold the steps of fewer epochs
        branch.fit(data, epochs=self.pretrain_epochs, steps_per_epoch=steps, verbose=0)
        return branch

    def begin_with(self, product: NeuralCF, tower: NeuralCF, alpha: float = 0.5) -> None:
        """Takes over the weights of a trained GMF and a trained MLP of the same sizes, or refuses.

        Source: Eq. 13: the output weights are α times the first's and 1 - α times the second's.
        """
        number("NeuralCF", alpha, "alpha", least=0, most=1)
        check_branches(self, product, tower)
        for own, other in zip(
            (self.product, self.tower), (product.product, tower.tower), strict=True
        ):
            for table, trained in zip(own, other, strict=True):
                table.set_weights(trained.get_weights())
        for layer, trained in zip(self.layers_of_tower, tower.layers_of_tower, strict=True):
            layer.set_weights(trained.get_weights())
        kernel, bias = product.output_layer.get_weights()
        tower_kernel, tower_bias = tower.output_layer.get_weights()
        self.output_layer.set_weights(
            [
                np.concatenate([alpha * kernel, (1 - alpha) * tower_kernel]),
                alpha * bias + (1 - alpha) * tower_bias,
            ]
        )
        self.has_learnt.assign(tf.maximum(product.has_learnt, tower.has_learnt))

    @property
    def is_blank(self) -> bool:
        return not self.output_layer.bias.numpy().any()  # 0 before the first step alone

    def retriever(
        self,
        items: pd.DataFrame,
        index=None,
        k: int = 100,
        seed: int = 0,
        tuning_queries: TuningQueries = None,
    ) -> Retriever:
        """Lists by the whole model; `index` searches the shortlist, where the model has one.

        `tuning_queries` tune it, as in `RecallModel.retriever`. A model that scores every item
        searches nothing: an approximate index then means nothing, which a warning says.

        Raises: ValueError before the first step of training.
        """
        self.tell_if_untrained()
        if self.shortlist is None:
            tell_unsearched("NeuralCF without a shortlist", index)
        return ScoringRetriever(
            PairScorer(self),
            items["item_id"].to_numpy(),
            self.features.ids("item_id").encode(items["item_id"]),
            shortlist=self.shortlist,
            index=None if self.shortlist is None else index or Exact(),
            k=k,
            tuning_queries=tuning_queries,
            seed=seed,
        ).with_fallback(self.popularity_of(items))


def _squared_size(vectors: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(tf.cast(vectors, tf.float32)), axis=-1)
