"""The two-tower model with SENet before both towers."""

from __future__ import annotations

from typing import ClassVar

from tfrec_recall._keras import saved_by_config
from tfrec_recall.models.towers.two_tower import TwoTower


@saved_by_config
class SENetTwoTower(TwoTower):
    """A two-tower model whose towers see each feature weighed by how much it matters now.

    Source: "FiBiNET: Combining Feature Importance and Bilinear feature Interaction for
    Click-Through Rate Prediction", RecSys 2019, section 3.2, put before the towers of `TwoTower`.

    The arguments are those of `TwoTower`; `senet` is on.
    """

    with_senet: ClassVar[bool] = True
