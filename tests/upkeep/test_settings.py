"""Settings of an update that a model does not follow are refused."""

import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.models import Popular, TwoTower
from tfrec_recall.upkeep.updating import check_followed

EVENTS = Interactions(pd.DataFrame({"user_id": [1, 2], "item_id": [1, 2], "timestamp": [1, 2]}))


@pytest.mark.parametrize(
    ("epochs", "replay", "said"),
    [
        (7, 9.0, r"Popular learns .*Received: epochs=7, replay=9\.0"),
        (1, 1.0, r"Received: epochs=1\."),
        (None, 0.0, r"Received: replay=0\.0\."),
    ],
)
def test_a_model_of_one_pass_has_neither_epochs_nor_replay(epochs, replay, said):
    model = Popular(Popular.default_features(EVENTS).adapt(EVENTS))
    with pytest.raises(ValueError, match=said):
        check_followed(model, epochs, replay)
    check_followed(model, None, 1.0)


def test_a_tower_follows_them():
    check_followed(TwoTower(TwoTower.default_features(EVENTS).adapt(EVENTS), dim=2), 7, 9.0)
