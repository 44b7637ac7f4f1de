import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, MultiValued
from tfrec_recall.models import SENetTwoTower, TwoTower


@pytest.fixture(scope="module")
def interactions():
    generator = np.random.default_rng(0)
    events = pd.DataFrame(
        {
            "user_id": generator.choice([f"u{n}" for n in range(9)], 200),
            "item_id": generator.choice([f"i{n}" for n in range(20)], 200),
            "timestamp": generator.permutation(200) * 60,
        }
    )
    return Interactions(events)


@pytest.fixture(scope="module")
def features(interactions):
    return Features(
        user=[Categorical("user_id"), History(length=6)], item=[Categorical("item_id")]
    ).adapt(interactions)


@pytest.fixture
def model(features):
    tf.keras.utils.set_random_seed(0)
    model = TwoTower(features, dim=8, hidden=(16,), dropout=0.0, negatives=12)
    model.compile(optimizer="adam")
    return model


def test_vectors_have_length_one(model, interactions):
    vectors = model.embed_items(interactions.items)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    queries = model({"user_id": tf.constant([2, 1]), "history": tf.constant([[2] * 6, [0] * 6])})
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, rtol=1e-5)


def test_the_loss_is_the_corrected_softmax_over_batch_and_extra_items(model, interactions):
    batches = list(model.training_data(interactions, batch_size=16))
    batch = batches[0]
    tf.random.set_seed(5)
    extra = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch, training=False))

    ids = np.concatenate([batch["item_id"].numpy(), extra])
    query = model.query(batch).numpy()
    items = model.candidate_model(model.items(tf.constant(ids))).numpy()
    counts = np.bincount(np.concatenate([b["item_id"] for b in batches]), minlength=22)
    assert (counts != model.features.item_counts).any()  # some events are no targets
    proposal = (16 * counts[ids] / counts.sum() + 12 / 20) / (16 + 12)
    logits = query @ items.T / 0.2 - np.log(proposal)
    losses = []
    for row in range(16):
        own = np.isin(ids, batch["own_items"][row])  # neither what the user took, nor hits
        kept = ~own | (np.arange(len(ids)) == row)
        others = logits[row][kept]
        losses.append(np.log(np.exp(others).sum()) - logits[row, row])
    weights = batch["sample_weight"].numpy()
    assert loss == pytest.approx(np.mean(weights * losses), rel=1e-4)


def test_padding_changes_nothing(model):
    vectors = [
        model.retriever(pd.DataFrame({"item_id": ["i1", "i2"]})).embed_query(
            {"user_id": ["u1"], "history": [padded]}
        )
        for padded in (
            ["i5", "i3", "i9"],
            ["", "", "i5", "i3", "i9"],
            ["i5", "i3", "i9", "", "", "", "", ""],
            ["i5", "", "i3", "i9"],
        )
    ]
    for other in vectors[1:]:
        np.testing.assert_allclose(other, vectors[0], rtol=1e-5, atol=1e-6)


def test_the_order_of_the_history_matters_once_weights_are_learnt(model, interactions):
    model.fit(model.training_data(interactions, batch_size=32), epochs=3, verbose=0)
    user = tf.constant([1, 1])
    there_and_back = tf.constant([[2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2]])
    first, second = model({"user_id": user, "history": there_and_back}).numpy()
    assert np.abs(first - second).max() > 1e-4


def test_without_a_history_it_is_a_model_of_the_users_features(interactions):
    features = Features(user=[Categorical("user_id")], item=[Categorical("item_id")])
    model = TwoTower(features.adapt(interactions), dim=4, negatives=5)
    model.compile(optimizer="adam")
    history = model.fit(model.training_data(interactions), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_every_weight_learns(model, interactions):
    batch = next(iter(model.training_data(interactions, batch_size=64)))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_senet_is_the_same_by_argument_and_by_class(features):
    shapes = []
    for build in (
        lambda **o: TwoTower(features, senet=True, **o),
        lambda **o: SENetTwoTower(features, **o),
    ):
        tf.keras.utils.set_random_seed(0)
        model = build(dim=8, hidden=(16,), channels=2)
        shapes.append([tuple(weight.shape) for weight in model.weights])
    assert shapes[0] == shapes[1]
    plain = TwoTower(features, dim=8, hidden=(16,))
    assert SENetTwoTower(features, dim=8, hidden=(16,), senet=False).channels == plain.channels
    assert len(shapes[0]) > len(plain.weights)


def test_the_weights_of_the_users_features_can_be_seen(features):
    model = SENetTwoTower(features, dim=8, hidden=(16,), channels=3)
    user = {"user_id": tf.constant([2, 1]), "history": tf.constant([[2] * 6, [0] * 6])}
    weights = model.user_weights(user).numpy()
    assert weights.shape == (2, 3, 3)  # the user id and two pools, in each of three channels
    assert ((weights > 0) & (weights < 1)).all()
    assert np.ptp(weights, axis=1).max() > 0  # channels differ


def test_impossible_channels_are_refused(features):
    with pytest.raises(ValueError, match=r"channels as a whole number.*Received: channels=0"):
        TwoTower(features, senet=True, channels=0)


def embedded(item, new, **settings):
    """What a plain form makes of a new item, and its table of tags."""
    events = pd.DataFrame({"user_id": list("uvuv"), "item_id": list("aabc"), "timestamp": range(4)})
    items = pd.DataFrame({"item_id": list("abc"), "tags": [["red"], ["red", "blue"], []]})
    features = Features([History(length=3)], item).adapt(Interactions(events, items=items))
    model = TwoTower(features, dim=3, **settings)
    model.has_learnt.assign(1)
    for variable in model.trainable_variables:
        variable.assign(tf.random.stateless_normal(variable.shape, [len(variable.name), 1]))
    (table,) = [rows.weight for rows in model.all_feature_rows() if rows.feature == "tags"]
    red = features.encodings["tags"].vocabulary.encode(["red"])[0]
    return model.embed_items(pd.DataFrame(new)), table.numpy()[red]


NEW = {"item_id": ["n", "m"], "tags": [["red", "green"], ["green"]]}
ID = Categorical("item_id")


def test_a_new_item_is_what_is_known_of_it():
    """The row of unknown ids beside its columns; nothing, where they say nothing."""
    vectors, red = embedded([ID, MultiValued("tags")], NEW)
    assert not np.allclose(vectors[0], red / np.linalg.norm(red))
    np.testing.assert_allclose(vectors[1], [0, 0, 0])


@pytest.mark.parametrize(
    ("item_id", "known"),
    [
        (ID, [True, False]),
        (Categorical("item_id", min_count=2), [True, False]),  # of two, which histories had
        (Categorical("item_id", unknown_rate=0.2), [True, True]),
    ],
)
@pytest.mark.parametrize("residual", [True, False])
def test_a_tower_makes_nothing_of_nothing(item_id, known, residual):
    item = [item_id, MultiValued("tags")]
    vectors, _ = embedded(item, NEW, residual=residual, item_hidden=(4,), final_activation="tanh")
    assert vectors.any(axis=1).tolist() == known
