"""SDM with the times of its history: where sessions end, and what must not matter."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.models import SDM

MINUTE = 60
HISTORY = ["i1", "i2", "i3", "i4", "i5"]
TIMES = [0, 60, 4000, 4060, 4120]  # the last three are one session


@pytest.fixture(scope="module")
def retriever():
    rng = np.random.default_rng(2)
    events = pd.DataFrame(
        {
            "user_id": np.repeat([f"u{u}" for u in range(12)], 10),
            "item_id": [f"i{i}" for i in rng.integers(15, size=120)],
            "timestamp": np.tile(np.arange(10) * 5 * MINUTE, 12),
        }
    )
    data = Interactions(events)
    tf.keras.utils.set_random_seed(0)
    model = SDM(SDM.default_features(data).adapt(data), dim=8, heads=2, common=False)
    model.compile(tf.keras.optimizers.Adam(0.02))
    model.fit(model.training_data(data, batch_size=32), epochs=2, verbose=0)
    return model.retriever(data.items, k=5)


def asked(retriever, history, times, user="u1"):
    return {"user_id": [user], "history": [history], "history_timestamp": [times]}


def vector(retriever, *arguments):
    return retriever.embed_query(asked(retriever, *arguments)).numpy()


def test_the_times_decide_what_the_session_is(retriever):
    together = vector(retriever, HISTORY, [4000, 4030, 4060, 4090, 4120])
    apart = vector(retriever, HISTORY, TIMES)
    assert np.abs(together - apart).max() > 1e-3
    later = vector(retriever, HISTORY, [time + 86_400 for time in TIMES])
    np.testing.assert_allclose(later, apart, rtol=1e-5, atol=1e-6)  # gaps count, not the clock


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (3, 9)])
def test_padding_changes_nothing(retriever, left, right):
    ids = [""] * left + HISTORY + [""] * right
    times = [-1] * left + TIMES + [-1] * right
    np.testing.assert_allclose(
        vector(retriever, ids, times), vector(retriever, HISTORY, TIMES), rtol=1e-4, atol=1e-5
    )


def test_other_users_and_asking_again_change_nothing(retriever):
    alone = vector(retriever, HISTORY, TIMES)
    np.testing.assert_array_equal(vector(retriever, HISTORY, TIMES), alone)
    batch = {
        "user_id": ["u3", "u1"],
        "history": [["i7", "", "", "", ""], HISTORY],
        "history_timestamp": [[50, -1, -1, -1, -1], TIMES],
    }
    np.testing.assert_allclose(retriever.embed_query(batch)[1:], alone, rtol=1e-4, atol=1e-5)


def test_heads_divide_dim(retriever):
    data = Interactions(pd.DataFrame({"user_id": ["a"], "item_id": ["x"], "timestamp": [1]}))
    with pytest.raises(ValueError, match=r"heads has to divide dim\. Received: dim=6, heads=4"):
        SDM(SDM.default_features(data).adapt(data), dim=6)
