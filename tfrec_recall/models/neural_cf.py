"""Neural collaborative filtering: a product and a tower in one logit."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Interactions, batches, newer_events
from tfrec_recall.features import Categorical, Features
from tfrec_recall.models.dropout import dropout as dropped
from tfrec_recall.models.pair_scorer import PairScorer
from tfrec_recall.models.recall_model import RecallModel
from tfrec_recall.retrieval import Exact, Retriever, ScoringRetriever
from tfrec_recall.retrieval.recency import check_recency
from tfrec_recall.sampling import UnmetNegatives

FIRST_KNOWN = 2  # 0 is padding, 1 is unknown


class NeuralCF(RecallModel):
    """NeuMF: the element-wise product of two vectors beside a tower over two others, one logit.

    Source: "Neural Collaborative Filtering", WWW 2017: Figure 3; Eq. 4 and 7 (squared and
    logistic loss), 9 (GMF), 10 (MLP), 12 (fusion), 13 (pre-training).
    Departs: a positive and its negatives are in one batch. With the squared loss the logit itself
    is the estimate. The branches may learn apart, and recent events may count more.

    Args:
        features: adapted; only the two ids are used.
        factors: of the product, and the width of the tower's last layer.
        product, tower: leave one out for GMF or MLP alone.
        hidden: widths of the tower, the last one `factors`; None is 4, 2 and 1 times the factors
            over two vectors of twice the factors, as in the paper's halving tower.
        negatives: drawn for each positive and each epoch anew, from items the user has not met.
        negative_weight: of each negative in the loss; positives have their column `weight`, or 1.
        squared_loss: Eq. 4 instead of the logistic loss of Eq. 7.
        apart: from 0, one loss of the fused logit, to 1, a loss of each branch as if it stood
            alone; the logit is then their mean, as after pre-training both with α = ½. The product
            then learns to rank by itself, which is what a shortlist asks of it.
        half_life: in events, of what a training event and its negatives count by how many events of
            the user came after it; None, or events without time, count alike.
        dropout: on the embeddings.
        l2: on the embeddings of each example.
        shortlist: items found by the product's vectors that the whole model then scores; None
            scores every item.

    The defaults are by validation on MovieLens-100k (recall@50 there .445, and .412 with one loss,
    all events alike and nothing on the vectors' size). Test is far below it (.365 with seed 1): the
    ids alone know nothing of what a user did after training. The paper's own training,
    by its section 4.1, is in `examples/neural_cf_paper.json`, for `tfrec-recall train --settings`;
    the paper tries 8 to 64 factors.
    """

    needs: ClassVar[tuple[str, ...]] = ("user_id", "item_id")
    compiles: ClassVar[bool] = True
    steps_per_execution: ClassVar[int] = 16

    def __init__(
        self,
        features: Features,
        factors: int = 32,
        product: bool = True,
        tower: bool = True,
        hidden: tuple[int, ...] | None = None,
        negatives: int = 8,
        negative_weight: float = 1.0,
        squared_loss: bool = False,
        apart: float = 1.0,
        half_life: float | None = 20.0,
        dropout: float = 0.0,
        l2: float = 0.01,
        shortlist: int | None = None,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        if not (product or tower):
            raise ValueError("NeuralCF needs the product, the tower or both. Received: neither.")
        if negatives < 1:
            raise ValueError(f"negatives is at least 1 for each positive. Received: {negatives}.")
        if not 0 <= apart <= 1:
            raise ValueError(f"apart lies between 0 and 1. Received: {apart}.")
        check_recency(None, half_life)
        if shortlist is not None and not product:
            raise ValueError("A shortlist is searched by the product's vectors: product=True.")
        sizes = features.ids("user_id").size, len(features.item_vocabulary)
        self.negatives, self.negative_weight = negatives, negative_weight
        self.squared_loss, self.l2, self.apart = squared_loss, l2, apart
        _, self.half_life = features.recency(None, half_life)
        self.shortlist = shortlist
        self.dropout = dropped(dropout)
        self.product = _embeddings(sizes, factors) if product else []
        self.tower = _embeddings(sizes, 2 * factors) if tower else []
        widths = hidden or (4 * factors, 2 * factors, factors)
        if widths[-1] != factors:
            raise ValueError(
                f"The tower ends as wide as the product, in factors={factors}. Received: {hidden}."
            )
        self.layers_of_tower = [tf.keras.layers.Dense(w, "relu") for w in widths] if tower else []
        self.output_layer = tf.keras.layers.Dense(
            1, kernel_initializer=tf.keras.initializers.LecunUniform(), name="logit"
        )
        if tower:
            self.layers_of_tower[0].build([None, 4 * factors])
        one = tf.constant([[FIRST_KNOWN]])
        self.output_layer.build([None, factors * (bool(product) + bool(tower))])
        self.logits(self.vectors(one[:, 0], 0), self.vectors(one, 1))  # makes all weights

    @classmethod
    def default_features(cls, interactions: Interactions) -> Features:
        return Features(user=[Categorical("user_id")], item=[Categorical("item_id")])

    def training_data(self, train, batch_size=256, seed=0, first_epoch=0):
        """Batches of user_id, item_id, label and sample_weight, `batch_size` with the negatives."""
        user = self.features.ids("user_id").encode(train.events["user_id"])
        item = self.features.ids("item_id").encode(train.events["item_id"])
        known = (user >= FIRST_KNOWN) & (item >= FIRST_KNOWN)
        weight = np.ones(len(user))
        if "weight" in train.events:
            weight = train.events["weight"].to_numpy("float64")
        unmet = UnmetNegatives(user[known], item[known], len(self.features.item_vocabulary))
        users, items = tf.constant(user[known]), tf.constant(item[known])
        weights = tf.constant(weight[known], tf.float32)
        recency = tf.constant(self._recency(train)[known], tf.float32)
        own_seed = 0 if seed is None else seed

        def fetch(rows):
            # Each epoch has another order, so that the rows of a batch are a seed of their own.
            mixed = tf.reduce_sum(rows * tf.range(1, tf.size(rows, tf.int64) + 1))
            user, item = tf.gather(users, rows), tf.gather(items, rows)
            others = tf.repeat(user, self.negatives)
            drawn = unmet.sample(others, tf.stack([mixed, rows[0] + own_seed]))
            ones, zeros = tf.ones_like(user, tf.float32), tf.zeros_like(others, tf.float32)
            recent = tf.gather(recency, rows)
            of_negatives = self.negative_weight * tf.repeat(recent, self.negatives)
            return {
                "user_id": tf.concat([user, others], 0),
                "item_id": tf.concat([item, drawn], 0),
                "label": tf.concat([ones, zeros], 0),
                "sample_weight": tf.concat([recent * tf.gather(weights, rows), of_negatives], 0),
            }

        positives = max(1, batch_size // (1 + self.negatives))
        return batches(int(known.sum()), positives, fetch, seed=seed, first_epoch=first_epoch)

    def _recency(self, train: Interactions) -> np.ndarray:
        """What each training event counts, 1 on average."""
        if self.half_life is None or not train.has_time:
            return np.ones(len(train.events))
        weight = 0.5 ** (newer_events(train.events) / self.half_life)
        return weight / weight.mean()

    def vectors(self, ids: tf.Tensor, side: int, training=False) -> list[tf.Tensor]:
        """Embeddings of users (side 0) or items (1), of the product and the tower: [..., dim]."""
        return [
            self.dropout(tables[side](ids), training=training)
            for tables in (self.product, self.tower)
            if tables
        ]

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
        kernels = tf.split(self.output_layer.kernel, len(outputs))  # both of `factors` rows
        return [
            tf.reduce_sum(output * kernel[:, 0], axis=-1)
            for output, kernel in zip(outputs, kernels, strict=True)
        ]

    def _tower(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        # The first layer sees [user, item]: each part is multiplied once, not once a pair.
        first, *others = self.layers_of_tower
        of_user, of_item = tf.split(first.kernel, 2)
        of_user = tf.matmul(user, of_user)[:, tf.newaxis]  # [batch, 1, width]
        hidden = first.activation(of_user + tf.tensordot(item, of_item, 1) + first.bias)
        for layer in others:
            hidden = layer(hidden)
        return hidden  # [batch, n, factors]

    def compute_loss(self, batch, training=False):
        user = self.vectors(batch["user_id"], 0, training)
        item = self.vectors(batch["item_id"][:, tf.newaxis], 1, training)
        label, weight = batch["label"], batch["sample_weight"]
        branches = [branch[:, 0] for branch in self.branches(user, item)]
        bias = self.output_layer.bias
        loss = (1 - self.apart) * self._loss(label, sum(branches) + bias)
        for branch in branches:  # as if the others said the same
            own = self._loss(label, len(branches) * branch + bias)
            loss += self.apart * own / len(branches)
        if self.l2:
            size = sum(tf.reduce_sum(v * v, axis=-1) for v in user)
            loss += self.l2 * (size + sum(tf.reduce_sum(v * v, axis=-1)[:, 0] for v in item))
        return tf.reduce_sum(weight * loss) / tf.reduce_sum(tf.ones_like(weight))

    def _loss(self, label, logit):
        if self.squared_loss:
            return tf.square(label - logit)
        return tf.nn.sigmoid_cross_entropy_with_logits(label, logit)

    def begin_with(self, product: NeuralCF, tower: NeuralCF, alpha: float = 0.5) -> None:
        """Takes over the weights of a trained GMF and a trained MLP of the same sizes.

        Source: Eq. 13: the output weights are α times the first's and 1 - α times the second's.
        """
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

    def retriever(self, items: pd.DataFrame, index=None, k: int = 100, seed: int = 0) -> Retriever:
        """Lists by the whole model; `index` searches the shortlist, where the model has one."""
        return ScoringRetriever(
            PairScorer(self),
            items["item_id"].to_numpy(),
            self.features.ids("item_id").encode(items["item_id"]),
            shortlist=self.shortlist,
            index=None if self.shortlist is None else index or Exact(),
            k=k,
            seed=seed,
        )


def _embeddings(sizes: tuple[int, int], dim: int) -> list[tf.keras.layers.Embedding]:
    normal = [tf.keras.initializers.RandomNormal(stddev=0.01) for _ in sizes]
    return [
        tf.keras.layers.Embedding(size, dim, embeddings_initializer=initial)
        for size, initial in zip(sizes, normal, strict=True)
    ]
