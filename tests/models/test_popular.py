import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.models import Popular

DAY = 86_400


def interactions(**columns):
    events = pd.DataFrame(
        {
            "user_id": ["ann", "ann", "bob", "bob", "cyd", "cyd"],
            "item_id": ["old", "new", "old", "new", "old", "rare"],
            "timestamp": np.array([0, 10, 0, 10, 2, 9]) * DAY,
            **columns,
        }
    )
    items = pd.DataFrame({"item_id": ["unseen", "rare", "new", "old"]})
    return Interactions(events, items=items)


def ranking(model, data):
    retriever = model.retriever(data.items, k=4)
    item_id, score = retriever({"user_id": ["nobody"]}, k=4)
    return dict(zip(item_id[0].numpy().astype(str), score[0].numpy(), strict=True))


def built(data, **settings):
    features = Popular.default_features(data).adapt(data)
    model = Popular(features, **settings)
    model.fit(data)
    return model


def test_scores_are_training_counts():
    data = interactions()
    assert ranking(built(data), data) == {"old": 3, "new": 2, "rare": 1, "unseen": 0}


def test_a_half_life_counts_old_events_less():
    data = interactions()
    scores = ranking(built(data, half_life_days=5.0), data)
    assert scores["new"] == pytest.approx(2)
    assert scores["rare"] == pytest.approx(0.5 ** (1 / 5))
    assert scores["old"] == pytest.approx(2 * 0.5**2 + 0.5 ** (8 / 5))


def test_weights_of_events_count():
    data = interactions(weight=[1.0, 1.0, 1.0, 1.0, 1.0, 7.0])
    assert ranking(built(data), data)["rare"] == 7


def test_a_half_life_needs_time():
    data = interactions()
    timeless = Interactions(data.events.drop(columns="timestamp"), items=data.items)
    with pytest.raises(ValueError, match=r"Popular with a half-life needs .*'timestamp'"):
        built(timeless, half_life_days=5.0)


def test_a_half_life_is_positive():
    with pytest.raises(ValueError, match=r"above 0, or None\. Received: half_life_days=-1"):
        built(interactions(), half_life_days=-1)
