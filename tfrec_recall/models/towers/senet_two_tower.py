"""The two-tower model with SENet before both towers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.models.published import Published, Unread
from tfrec_recall.models.towers.two_tower import TwoTower


@saved_by_config
class SENetTwoTower(TwoTower):
    """A two-tower model whose towers see each feature weighed by how much it matters now.

    Source: "FiBiNET: Combining Feature Importance and Bilinear feature Interaction for
    Click-Through Rate Prediction", RecSys 2019, section 3.2, put before the towers of `TwoTower`.

    Departs:
        - weights lie between 0 and 1, as in CVPR 2018, instead of being rectified:
          `excitation="relu"`.
        - towers see the weighed features in the place of those that they are made of, and not
          beside them: `beside=True`.

    FiBiNET makes pairs of the features, and of the weighed ones, before its network; here, users
    and items meet at the end of towers alone. The arguments are those of `TwoTower`; `senet` is on.
    """

    # It trains by Adam: the plain steps of the paper of `TwoTower` hardly move small weights. The
    # paper does not say for how long.
    PUBLISHED: ClassVar[Published | None] = dataclasses.replace(
        TwoTower.plain_form(),
        paper="RecSys 2019",
        arguments={**TwoTower.plain_form().arguments, "excitation": "relu", "beside": True},
        optimizer=tf.keras.optimizers.Adam,
        learning_rate=1e-4,
        batch_size=1000,
        epochs=None,
        chosen=(),
    )
    UNREAD: ClassVar[Unread] = {
        **TwoTower.UNREAD,
        ("senet", False): ("channels", "reduction", "excitation", "beside"),
    }
    with_senet: ClassVar[bool] = True
