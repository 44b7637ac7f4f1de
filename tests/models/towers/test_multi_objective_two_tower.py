import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export, load
from tfrec_recall.features import Categorical, Features, History, Objective
from tfrec_recall.models import MultiObjectiveTwoTower
from tfrec_recall.sampling import InBatch, Uniform

ITEMS = [f"i{n}" for n in range(20)]
TYPES = [Objective(kind, "event_type", equals=kind) for kind in ("click", "buy")]
SMALL = {"dim": 8, "hidden": (16,), "dropout": 0.0, "negatives": 12}


@pytest.fixture(scope="module")
def interactions():
    """Everybody clicks the even items and buys the odd ones."""
    generator = np.random.default_rng(0)
    number = generator.integers(0, 20, 300)
    events = pd.DataFrame(
        {
            "user_id": generator.choice([f"u{n}" for n in range(9)], 300),
            "item_id": np.array(ITEMS)[number],
            "timestamp": generator.permutation(300) * 60,
            "event_type": np.where(number % 2, "buy", "click"),
        }
    )
    return Interactions(events)


@pytest.fixture(scope="module")
def features(interactions):
    user = [Categorical("user_id"), History(length=6)]
    return Features(user, [Categorical("item_id")], TYPES).adapt(interactions)


def built(features, **options):
    tf.keras.utils.set_random_seed(0)
    model = MultiObjectiveTwoTower(features, **{**SMALL, **options})
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01))
    return model


def expected_losses(model, batch, extra, targets):
    """Of each objective, the mean corrected softmax over the examples with its label, in which what
    the user took is no negative."""
    ids = np.concatenate([batch["item_id"].numpy(), extra])
    size = len(batch["item_id"])
    user = {name: batch[name] for name in model.user_heads.input_names}
    queries = model.user_heads(user).numpy()
    items = model.item_heads(model.items(tf.constant(ids))).numpy()
    proposal = (size * targets[ids] / targets.sum() + len(extra) / 20) / (size + len(extra))
    losses = []
    for place, name in enumerate(model.names):
        logits = queries[:, place] @ items[:, place].T / 0.2 - np.log(proposal)
        rows = np.flatnonzero(batch[f"label {name}"])
        found = []
        for row in rows:
            own = np.isin(ids, batch["own_items"][row])
            kept = ~own | (np.arange(len(ids)) == row)
            found.append(np.log(np.exp(logits[row][kept]).sum()) - logits[row, row])
        losses.append(np.mean(found) if len(rows) else None)
    return losses


@pytest.mark.parametrize("learn", [False, True])
def test_examples_count_where_they_have_the_label(features, interactions, learn):
    model = built(features, weights=[2.0, 0.5], learn_weights=learn)
    batches = list(model.training_data(interactions, batch_size=16))
    targets = np.bincount(np.concatenate([b["item_id"] for b in batches]), minlength=22)
    batch = batches[0]
    assert 0 < np.sum(batch["label buy"]) < 16
    tf.random.set_seed(5)
    extra = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch))
    click, buy = expected_losses(model, batch, extra, targets)
    # exp(-s) with s = -log w is w; the learnt form adds s / 2
    expected = 2.0 * click + 0.5 * buy - (0.5 * np.log(2.0 * 0.5) if learn else 0)
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("learn", [False, True])
def test_an_objective_without_examples_in_the_batch_learns_nothing(features, interactions, learn):
    model = built(features, learn_weights=learn, negatives=0)
    batches = list(model.training_data(interactions, batch_size=16))
    targets = np.bincount(np.concatenate([b["item_id"] for b in batches]), minlength=22)
    batch = {**batches[0], "label buy": tf.zeros(16, tf.bool)}
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    click, nothing = expected_losses(model, batch, np.array([], int), targets)
    assert nothing is None
    assert float(loss) == pytest.approx(click, rel=1e-4)
    if learn:
        assert tape.gradient(loss, model.log_variances).numpy()[1] == 0


def test_an_objective_of_no_event_is_refused_until_it_was_there(features, interactions):
    objectives = [*TYPES, Objective("kept", "event_type", equals="keep")]
    model, lack = built(features, objectives=objectives), r"No event is of the objective 'kept': .*"
    with pytest.raises(ValueError, match=lack + "'buy', 'click'"):
        model.training_data(interactions)
    assert model.validation_data(interactions)
    model.has_learnt.assign(1)
    assert model.training_data(interactions)
    of_features = Features(features.user, features.item, objectives).adapt(interactions)
    with pytest.warns(ReadingNotice, match=lack):
        built(of_features).training_data(interactions)


def test_learnt_weights_go_to_the_inverse_of_twice_the_loss(features, interactions):
    """Of a loss L, exp(-s) L + s / 2 is least at exp(-s) = 1 / 2L."""
    model = built(features, learn_weights=True)
    variance = tf.keras.optimizers.SGD(0.5)
    losses = [3.0, 0.7]
    for _ in range(200):
        with tf.GradientTape() as tape:
            total = sum(model._weighted(n, loss) for n, loss in enumerate(losses))
        gradient = tape.gradient(total, model.log_variances)
        variance.apply_gradients([(gradient, model.log_variances)])
    np.testing.assert_allclose(np.exp(-model.log_variances.numpy()), [1 / 6, 1 / 1.4], rtol=1e-2)
    assert any(v is model.log_variances for v in model.trainable_variables)


def test_one_export_serves_each_objective_and_the_blend(features, interactions, tmp_path):
    # Each user has nearly all items: without these, nothing would be left to tell clicks from buys.
    model = built(features, blend=[3.0, 1.0], negatives=[InBatch(), Uniform(12)])
    model.fit(model.training_data(interactions, batch_size=32), epochs=8, verbose=0)
    version = export(model.retriever(interactions.items, k=20), tmp_path / "model")
    served = load(version)
    asked = {
        "user_id": ["u1"] * 4,
        "history": [["i2", "i3"]] * 4,
        "objective": ["click", "buy", "", "whatever"],
    }
    ids, scores = (part.numpy() for part in served(asked, k=20))
    odd = [
        np.mean([int(item[1:]) % 2 for item in row[:8]]) for row in np.char.decode(ids.astype("S"))
    ]
    assert odd[0] < 0.3
    assert odd[1] > 0.7
    by_item = [dict(zip(row, score, strict=True)) for row, score in zip(ids, scores, strict=True)]
    for item, score in by_item[2].items():
        click, buy = by_item[0][item], by_item[1][item]
        assert score == pytest.approx(0.75 * click + 0.25 * buy, abs=1e-5)
    assert by_item[3] == by_item[2]
    assert np.abs(scores).max() <= 1 + 1e-5  # cosines


def test_a_retriever_can_be_of_one_objective(features, interactions):
    model = built(features)
    asked = {"user_id": ["u1"], "history": [["i2", "i3"]]}
    fixed = model.retriever(interactions.items, objective="buy")
    free = model.retriever(interactions.items)
    expected = free({**asked, "objective": ["buy"]}, k=5)
    for ours, theirs in zip(fixed(asked, k=5), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match=r"Objectives are click, buy\. Received: 'view'"):
        model.retriever(interactions.items, objective="view")


def test_one_objective_is_an_ordinary_two_tower_model(interactions):
    features = MultiObjectiveTwoTower.default_features(
        Interactions(interactions.events.drop(columns="event_type"))
    )
    assert [objective.name for objective in features.objectives] == ["interaction"]
    model = built(features.adapt(interactions))
    assert set(model.retriever(interactions.items).inputs) == {"user_id", "history"}


def test_objectives_begin_as_what_they_share(interactions, features):
    batch = next(iter(built(features).training_data(interactions, batch_size=16)))
    for residual in (True, False):
        model = built(features, residual=residual)
        user = {name: batch[name] for name in model.user_heads.input_names}
        for vectors in (model.user_heads(user), model.item_heads(model.items(batch["item_id"]))):
            click, buy = vectors[:, 0].numpy(), vectors[:, 1].numpy()
            assert np.array_equal(click, buy) == residual
            assert np.abs(click).max() > 0


def test_the_defaults_follow_the_types_of_the_events(interactions):
    features = MultiObjectiveTwoTower.default_features(interactions).adapt(interactions)
    assert set(built(features).names) == {"click", "buy"}


def test_wrong_weights_and_a_feature_called_objective_are_refused(features, interactions):
    for arguments in ({"weights": [1.0]}, {"blend": [1.0, 0.0]}):
        with pytest.raises(ValueError, match=r"for each of the objectives click, buy\. Received"):
            built(features, **arguments)
    with pytest.raises(ValueError, match=r"has its own objective: rename the column"):
        Features([Categorical("objective")], [Categorical("item_id")], TYPES)
