"""SDM with the times of its history: where sessions end, and what must not matter."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references import sdm
from tests.references.sampled_softmax import sampled_softmax
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import SDM
from tfrec_recall.sampling import LogUniform

pytestmark = pytest.mark.usefixtures("untraced")

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
        **{"dim": 8, "heads": 2, "lstm_layers": 2, "past": 60.0 * MINUTE, "negatives": 7},
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


def test_pauses_count_to_the_second_in_this_century(retriever):
    """Where floats of 32 bits stand 128 seconds apart: 599 would be 640, and 600 would be 512."""
    pauses, shorter = np.cumsum([0, 599, 600, 599, 599]), np.cumsum([0, 599, 599, 599, 599])
    near = vector(retriever, HISTORY, pauses.tolist())
    found, whole = (
        vector(retriever, HISTORY, (1_700_000_000 + times).tolist()) for times in (pauses, shorter)
    )
    np.testing.assert_allclose(found, near, rtol=1e-5, atol=1e-6)
    assert np.abs(whole - found).max() > 1e-3


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


def test_a_session_longer_than_the_history_is_cut_as_in_training():
    """45 events, of which the model reads 20: after the 33rd, its third piece of 10 has 3."""
    events = pd.DataFrame({"user_id": "u", "item_id": [f"i{i:02}" for i in range(45)]})
    data = Interactions(events.assign(timestamp=range(45)))
    histories = [History(length=20), History("timestamp", name="history_timestamp", length=20)]
    features = Features(histories, [Categorical("item_id")]).adapt(data)
    model = SDM(features, dim=4, heads=1, session_events=10, negatives=0)
    batch = next(iter(model.training_data(data, batch_size=64)))
    vectors = model.place_model({name: batch[name] for name in model.place_model.input_names})
    items, times = events["item_id"].tolist(), list(range(45))
    embed, asked = model.query_embedder(), 0
    for row, n in np.argwhere(batch["places"].numpy() >= 0):
        until = batch["history_timestamp"][row, batch["places"][row, n]].numpy()  # 1 is second 0
        ids, at = items[:until], times[:until]
        raw = {"history": [["", "never", *ids]], "history_timestamp": [[-1, 0, *at]]}
        found = embed({name: tf.constant(values) for name, values in raw.items()})
        np.testing.assert_allclose(found[0], vectors[row, n], rtol=1e-4, atol=1e-5)
        asked += 1
    assert asked == 44


def test_a_request_whose_times_have_another_width_is_answered(retriever):
    raw = {"user_id": ["u1"], "history": [HISTORY], "history_timestamp": [TIMES[:2]]}
    assert np.isfinite(retriever.embed_query(raw).numpy()).all()


def test_the_loss_is_a_softmax_in_which_a_session_is_no_negative_of_itself(model, data):
    batch = next(iter(model.training_data(data, batch_size=24)))
    tf.random.set_seed(5)
    extra = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch, training=False))

    targets, width = batch["item_id"].numpy(), batch["places"].shape[1]
    vectors = model.place_model({name: batch[name] for name in model.place_model.input_names})
    place = batch["place"].numpy()
    ids = np.concatenate([targets, extra])
    items = model.candidate_model(model.items(tf.constant(ids))).numpy()
    epoch = [b["item_id"] for b in model.training_data(data, batch_size=24)]
    counts = np.bincount(np.concatenate(epoch), minlength=len(model.features.item_counts))
    size = len(targets)
    proposal = (size * counts[ids] / counts.sum() + 7 / (len(counts) - 2)) / (size + 7)
    session = np.concatenate([place // width, [-1] * 7])
    losses = []
    for n in range(size):
        query = vectors[place[n] // width, place[n] % width].numpy()
        logits = items @ query / 0.2 - np.log(proposal)
        own = np.isin(ids, batch["own_items"][place[n] // width])
        kept = ~own & (session != session[n])
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


def weights_of(model):
    """The layers' weights as `references.sdm.user_vector` takes them, by their kinds."""
    kinds = {}
    for layer in model.place_model.layers:
        kinds.setdefault(type(layer).__name__, []).append(layer)
    attention = kinds["MultiHeadAttention"][0].get_weights()
    assert len(attention) == 4  # no biases
    return kinds, {
        "lstm": [layer.get_weights() for layer in kinds["FusedLSTM"]],
        "attention": attention,
        "dense": kinds["Dense"][0].get_weights(),
        "gate": kinds["GatedFusion"][0].get_weights(),
    }


def test_the_published_form_is_the_papers(data):
    items = data.items.assign(kind=["a", "b", "c"] * 5)
    data = Interactions(data.events, items=items)
    user = [Categorical("user_id"), History(length=12)]
    user.append(History("timestamp", name="history_timestamp", length=12))
    features = Features(user, [Categorical("item_id"), Categorical("kind")]).adapt(data)
    tf.keras.utils.set_random_seed(3)
    settings = {"dim": 8, "heads": 2, "lstm_layers": 2, "session_events": 6}
    model = SDM.published(features, negatives=LogUniform(5), **settings)
    kinds, weights = weights_of(model)
    ids, kind = (model.field_model.layers[-2].tables[n].numpy() for n in ("item_id", "kind"))
    (profile_kernel, profile_bias) = kinds["Tower"][0].get_weights()
    assert len(kinds["Tower"]) == 1  # the profile's; none follows the gate
    assert sorted(layer.rate for layer in kinds["SeededDropout"]) == [0.0, 0.2]  # of the LSTM alone
    users = kinds["FeatureEncoder"][0].tables["user_id"].numpy()
    batch = next(iter(model.training_data(data, batch_size=99)))
    inputs = {name: batch[name] for name in model.query_model.input_names}
    served = model.query_model(inputs).numpy()
    for row in range(len(served)):
        history = batch["history"].numpy()[row]
        history = history[history > 1]
        times = batch["history_timestamp"].numpy()[row, : len(history)]
        short, long = sdm.session_split(times, 600, 6, 7 * 24 * 3600)
        fields = np.stack([ids[history], kind[features.item_table["kind"][history]]], axis=1)
        profile = users[batch["user_id"].numpy()[row]] @ profile_kernel + profile_bias
        expected = sdm.user_vector(fields, short, long, profile, weights)
        np.testing.assert_allclose(served[row], expected, rtol=1e-3, atol=1e-5)

    tf.random.set_seed(5)
    drawn = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch, training=False))
    places = model.place_model({n: batch[n] for n in model.place_model.input_names}).numpy()
    assert places.shape[:2] == (len(batch["item_id"]), 1)  # each history by itself
    targets = batch["item_id"].numpy()
    rank = np.argsort(np.argsort(-features.item_counts[2:], kind="stable"))
    log_q = np.log(np.log((rank + 2) / (rank + 1)) / np.log(len(rank) + 1))
    losses = sampled_softmax(
        places.reshape(-1, 8)[batch["place"].numpy()],
        ids[targets],
        ids[drawn],
        1.0,
        targets,
        drawn,
        log_q[targets - 2],
        log_q[drawn - 2],
    )
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)


def test_users_of_whom_nothing_is_known_share_a_profile(data):
    features = SDM.default_features(data).adapt(data)
    assert not features.user_fields
    tf.keras.utils.set_random_seed(3)
    model = SDM.published(features, dim=8, heads=2, negatives=LogUniform(5))
    kinds, weights = weights_of(model)
    ((kernel, bias),) = (tower.get_weights() for tower in kinds["Tower"])
    kinds["Tower"][0].set_weights([kernel, bias + 1])
    with pytest.warns(ReadingNotice, match="one profile for all users.*means_in_profile=True"):
        batch = next(iter(model.training_data(data, batch_size=9)))
    ids = model.field_model.layers[-2].tables["item_id"].numpy()
    served = model.query_model({name: batch[name] for name in model.query_model.input_names})
    history = batch["history"].numpy()[-1]
    history = history[history > 1]
    times = batch["history_timestamp"].numpy()[-1, : len(history)]
    short, long = sdm.session_split(times, 600, 50, 7 * 24 * 3600)
    fields, profile = ids[history][:, np.newaxis], kernel[0] + bias + 1
    expected = sdm.user_vector(fields, short, long, profile, weights)
    np.testing.assert_allclose(served[-1], expected, rtol=1e-3, atol=1e-5)


def test_what_training_never_saw_is_left_out(model, retriever):
    plain = vector(retriever, HISTORY, TIMES)
    odd = ["never", *HISTORY[:3], "seen", *HISTORY[3:], "this"]
    times = [-30, *TIMES[:3], 4010, *TIMES[3:], 9000]
    times[0] = 0
    np.testing.assert_allclose(vector(retriever, odd, times), plain, rtol=1e-4, atol=1e-5)


def test_a_sessions_id_ends_it_or_holds_it_together(data):
    rng = np.random.default_rng(0)
    events = data.events.assign(session_id=[f"s{n}" for n in rng.integers(3, size=120)])
    events["session_id"] = [f"s{n // 3}" for n in range(120)]
    by_id = Interactions(events)
    features = SDM.default_features(by_id).adapt(by_id)
    assert [h.column for h in features.histories] == ["item_id", "timestamp", "session_id"]
    tf.keras.utils.set_random_seed(0)
    model = SDM(features, dim=8, heads=2, negatives=0, past=None)
    model.compile()
    model.fit(model.training_data(by_id, batch_size=64), epochs=1, verbose=0)
    retriever = model.retriever(data.items, k=5)

    def short(ids, times):
        raw = {**asked(retriever, HISTORY, times), "history_session_id": [ids]}
        return retriever.embed_query(raw).numpy()

    close, far = [0, 10, 20, 30, 40], [0, 4000, 8000, 12_000, 16_000]
    new = ["x", "x", "y", "y", "y"]  # ids that training never saw
    np.testing.assert_allclose(short(new, close), short(new, far), rtol=1e-5, atol=1e-6)
    assert np.abs(short(new, close) - short(["x"] * 5, close)).max() > 1e-4
    with pytest.raises(ValueError, match=r"merge_sessions=True alone.*Received: gap=300"):
        SDM(features, gap=300.0)


def test_gap_and_past_need_times(data):
    features = Features([History(length=20)], [Categorical("item_id")]).adapt(data)
    for wrong in ({"gap": 5.0}, {"past": 5.0}):
        with pytest.raises(ValueError, match=r"SDM follows gap and past by the times"):
            SDM(features, dim=8, **wrong)


def test_sessions_need_times(model, data):
    timeless = Interactions(data.events.drop(columns="timestamp"))
    for use in (SDM.default_features, model.training_data):
        with pytest.raises(ValueError, match=r"SDM needs to know which event came first.*MIND"):
            use(timeless)
