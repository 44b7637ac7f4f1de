"""The classic two-tower model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.arguments import flag, flags, number, whole
from tfrec_recall.features import FeatureEncoder, Features, ItemEmbedding, ItemTable, met
from tfrec_recall.layers import MaskedMean, SENet, Tower
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax, checked_kinds
from tfrec_recall.models.learning.dimension import dim_of
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.served import served
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.models.learning.temperature import temperature_of
from tfrec_recall.models.published import Published, Unread
from tfrec_recall.models.towers.arguments import check_towers
from tfrec_recall.models.towers.item_tower import item_tower
from tfrec_recall.sampling import Negatives, Unmet


@saved_by_config
class TwoTower(SoftmaxModel):
    """A tower for the user and one for the item, whose unit vectors meet in a cosine.

    Source: "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data",
    CIKM 2013: Figure 1, Eq. 3 to 7 and section 3.4. The correction is that of "Sampling-Bias-
    Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019, section 3, with
    counted instead of streamed frequencies.

    Departs:
        - the history is pooled twice, evenly and by learnt weights of recency: `recency=False`.
        - both pools go around the user tower, the sum of the item's embeddings around its own, and
          histories have what comes of it: `residual=False`.
        - towers are small, and the item's is its embeddings: `dim=128`, `hidden=(300, 300)`,
          `item_hidden=(300, 300)`.
        - layers are rectified, the last one linear: `activation="tanh"`,
          `final_activation="tanh"`.
        - the input of the user tower is dropped out: `dropout=0.0`.
        - log q is taken off: `correct=False`.
        - negatives are the batch's items and some drawn evenly, but none that the user took:
          `negatives=[Unmet(4)]`, `correct=False`.

    The paper's smoothing factor γ is 1 / `temperature`, chosen on held-out data; it does not give
    the rate of its gradient descent.

    Args:
        features: adapted; `item_id` is needed, a history is used where there is one.
        dim: of the embeddings and of both outputs; None is 64, and 256 where events have no
            times, so that histories are sets.
        hidden: widths of the user tower's hidden layers.
        item_hidden: widths of the item tower's; empty leaves the sum of the feature embeddings, or
            without `residual` one layer.
        activation, final_activation: of the hidden layers of both towers, and of the last one.
        dropout: on the input of the user tower.
        recency: pool the history by learnt weights of recency, too.
        residual: lead the pools around the user tower and the embeddings around the item's.
        normalize: divide both outputs by their length; the score is then their cosine.
        temperature: what divides the score; None is 0.2 (2000 / n)^¼ of n items,
            between .05 and .2, and 1 with `normalize=False`.
        negatives: items drawn evenly a batch, beside the in-batch ones, but none that the user took
            (with `repeats`, these too); or kinds of `sampling/`.
        correct: subtract log q of what is drawn.
        positive_threshold, repeats: see `SoftmaxModel`.
        senet: whether SENet weighs the fields of both sides before their towers; None is no here,
            and yes for `SENetTwoTower`.
        channels: how many pairs of SENet and tower are side by side and added.
        reduction, excitation: of `SENet`, the ratio and the activation of the weights.
        beside: what SENet has weighed stands beside the fields as they were, not in their place.

    With SENet, `user_weights` maps encoded user features to the weights of the user's features and
    of the two pools, [batch, channels, fields].
    """

    PUBLISHED: ClassVar[Published | None] = Published(
        "CIKM 2013",
        {
            "recency": False,
            "residual": False,
            "dim": 128,
            "hidden": (300, 300),
            "item_hidden": (300, 300),
            "activation": "tanh",
            "final_activation": "tanh",
            "dropout": 0.0,
            "negatives": [Unmet(4)],
            "correct": False,
        },
        optimizer=tf.keras.optimizers.SGD,
        learning_rate=0.1,
        batch_size=1024,
        epochs=20,
        chosen=("learning_rate",),
    )
    UNREAD: ClassVar[Unread] = {("correct", True): ("negatives",)}  # those of a user have no q
    with_senet: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
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
        senet: bool | None = None,
        channels: int = 1,
        reduction: float = 3.0,
        excitation: str = "sigmoid",
        beside: bool = False,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, positive_threshold, repeats, **kwargs)
        owner = type(self).__name__
        named = {"activation": activation, "final_activation": final_activation}
        named["excitation"] = excitation
        check_towers(owner, dim, hidden, dropout, temperature, item_hidden, **named)
        checked_kinds(owner, features, negatives, correct, repeats)
        self.dim = dim = dim_of(dim, features)
        flags(owner, recency=recency, residual=residual, normalize=normalize, beside=beside)
        flag(owner, senet, "senet", optional=True)
        whole(owner, channels, "channels")
        number(owner, reduction, "reduction", least=1)
        with_senet = self.with_senet if senet is None else senet
        of_senet = channels, reduction, excitation, beside
        if not with_senet and of_senet != (1, 3.0, "sigmoid", False):
            raise ValueError(
                f"{owner} has channels, reduction, excitation and beside with senet=True. "
                f"Received: {channels=}, {reduction=}, {excitation=}, {beside=}."
            )
        recency = recency and features.has_order  # the order of rows is never taken for time
        self.items = ItemTable.of(features.item_table)
        self.channels = channels if with_senet else 0
        self.normalize = normalize

        def senets() -> list[SENet]:
            made = range(self.channels)
            return [SENet(reduction, final_activation=excitation) for _ in made]

        activations = activation, final_activation
        self.item_model, tower = item_tower(
            features, dim, item_hidden, residual, *activations, senets(), beside
        )
        self.candidate_model = tf.keras.Model(tower.input, self._unit(tower.output))
        self.candidates = ItemEmbedding(self.items, self.candidate_model)
        shape = dim, hidden, dropout, recency, residual
        self.query_model = self._user_tower(*shape, *activations, senets(), beside)
        self.temperature = temperature_of(temperature, features, normalize)
        self.softmax = CandidateSoftmax(
            owner, features, self.target_share, negatives, self.temperature, correct, repeats
        )

    def _unit(self, vectors: tf.Tensor) -> tf.Tensor:
        return served(self.normalize)(vectors)

    def _user_tower(
        self, dim, hidden, dropout, recency, residual, activation, final_activation, senets, beside
    ) -> tf.keras.Model:
        user = self.features.inputs(self.features.user)
        parts, pools = [], []  # parts are [batch, fields, dim]
        if self.features.user_fields:
            parts.append(FeatureEncoder(self.features.fields(self.features.user_fields), dim)(user))
        if self.features.history:
            ids = met(self.features, user[self.features.history.name])
            watched = ItemEmbedding(self.items, self.item_model)(ids)
            means = [MaskedMean(), MaskedMean(learned=True)][: 1 + recency]
            pools = [mean(watched) for mean in means]  # [batch, dim] each
            parts.append(tf.stack(pools, axis=1))
        fields = tf.concat(parts, axis=1)
        channels, weights = [fields], []
        if senets:
            weighted = [senet(fields, return_weights=True) for senet in senets]
            channels, weights = map(list, zip(*weighted, strict=True))
        towers = []
        for channel in channels:
            if beside:
                channel = tf.concat([fields, channel], axis=1)
            wide = tf.keras.layers.Flatten()(channel)  # [batch, fields * dim]
            wide = dropped(dropout)(wide)
            between = activation if hidden else "relu"  # of no layer
            towers.append(Tower((*hidden, dim), between, final_activation)(wide))
        if weights:
            self.user_weights = tf.keras.Model(user, tf.stack(weights, axis=1))
        around = pools if residual else []
        return tf.keras.Model(user, self._unit(sum(around, sum(towers[1:], towers[0]))))
