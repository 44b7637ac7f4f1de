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
def data():
    rng = np.random.default_rng(2)
    events = pd.DataFrame(
        {
            "user_id": np.repeat([f"u{u}" for u in range(12)], 10),
            "item_id": [f"i{i}" for i in rng.integers(15, size=120)],
            "timestamp": np.cumsum(rng.choice([60, 240, 599, 600, 3000], 120)),
        }
    )
    return Interactions(events)


@pytest.fixture(scope="module")
def model(data):
    tf.keras.utils.set_random_seed(0)
    model = SDM(
        SDM.default_features(data).adapt(data),
        **{"dim": 8, "heads": 2, "lstm_layers": 2, "past": 60.0 * MINUTE, "uniform_negatives": 7},
    )
    model.compile(tf.keras.optimizers.Adam(0.02))
    model.fit(model.training_data(data, batch_size=32), epochs=2, verbose=0)
    return model


@pytest.fixture(scope="module")
def retriever(model, data):
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


def test_a_pass_is_every_history_of_its_session_by_itself(model, data):
    """What training computes in one pass is what serving computes for each shorter history."""
    batch = next(iter(model.training_data(data, batch_size=64)))
    names = model.query_model.input_names
    vectors = model.place_model({name: batch[name] for name in model.place_model.input_names})
    places, asked, several = batch["places"].numpy(), 0, 0
    for row in range(len(places)):
        several += (places[row] >= 0).sum() > 1
        for n in np.flatnonzero(places[row] >= 0):
            alone = {name: batch[name].numpy()[row : row + 1].copy() for name in names}
            for name in ("history", "history_timestamp"):
                alone[name][:, places[row, n] + 1 :] = 0
            expected = model.query_model(alone)[0]
            np.testing.assert_allclose(vectors[row, n], expected, rtol=1e-4, atol=1e-5)
            asked += 1
    assert several > 3
    assert asked == len(batch["item_id"])


def test_the_loss_is_a_softmax_in_which_a_session_is_no_negative_of_itself(model, data):
    batch = next(iter(model.training_data(data, batch_size=24)))
    tf.random.set_seed(5)
    extra = model.softmax.negatives.sample().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch, training=False))

    targets, width = batch["item_id"].numpy(), batch["places"].shape[1]
    vectors = model.place_model({name: batch[name] for name in model.place_model.input_names})
    place = batch["place"].numpy()
    ids = np.concatenate([targets, extra])
    items = model.candidate_model(model.items(tf.constant(ids))).numpy()
    counts = model.features.item_counts
    size = len(targets)
    proposal = (size * counts[ids] / counts[2:].sum() + 7 / (len(counts) - 2)) / (size + 7)
    session = np.concatenate([place // width, [-1] * 7])
    losses = []
    for n in range(size):
        query = vectors[place[n] // width, place[n] % width].numpy()
        logits = items @ query / 0.2 - np.log(proposal)
        kept = (ids != ids[n]) & (session != session[n])
        kept[n] = True
        losses.append(np.log(np.exp(logits[kept]).sum()) - logits[n])
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize("residual", [True, False])
def test_every_weight_learns(data, residual):
    tf.keras.utils.set_random_seed(0)
    features = SDM.default_features(data).adapt(data)
    model = SDM(features, dim=8, heads=2, residual=residual, past=None)
    batch = next(iter(model.training_data(data, batch_size=200)))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        if "key/bias" not in variable.name:  # adds the same to every logit of a softmax
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_what_is_older_than_the_past_counts_in_the_means_alone(data):
    """Without the means, events before the past may be anything; those within may not."""
    tf.keras.utils.set_random_seed(0)
    features = SDM.default_features(data).adapt(data)
    model = SDM(features, dim=8, heads=2, residual=False, past=3600.0)
    retriever = model.retriever(data.items, k=5)
    hold = next(layer for layer in model.place_model.layers if layer.name.startswith("tower"))
    kernel, bias = hold.get_weights()
    hold.set_weights([np.zeros_like(kernel), np.ones_like(bias)])  # a profile without means
    times = [0, 10_000, 13_000, 13_010]
    first = vector(retriever, ["i1", "i2", "i3", "i4"], times)
    older = vector(retriever, ["i9", "i2", "i3", "i4"], times)
    within = vector(retriever, ["i1", "i9", "i3", "i4"], times)
    np.testing.assert_allclose(older, first, rtol=1e-5, atol=1e-6)
    assert np.abs(within - first).max() > 1e-4
