"""NeuralCF against its equations, one pair at a time."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references import neural_cf as reference
from tfrec_recall.data import Interactions
from tfrec_recall.models import NeuralCF
from tfrec_recall.retrieval import Exact, scoring_retriever

USERS, ITEMS = 9, 14


@pytest.fixture(scope="module")
def train():
    random = np.random.default_rng(5)
    pairs = [
        (f"u{u}", f"i{i}") for u in range(USERS) for i in random.permutation(ITEMS)[: 4 + u % 3]
    ]
    events = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(ITEMS)]})
    return Interactions(events.assign(weight=random.integers(1, 4, len(events))), items=items)


def built(train, seed=1, **settings):
    tf.keras.utils.set_random_seed(seed)
    model = NeuralCF(NeuralCF.default_features(train).adapt(train), factors=3, **settings)
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    return model


def scores(model, users, items):
    user = model.vectors(tf.constant(users), 0)
    return model.logits(user, model.vectors(tf.constant(items)[:, tf.newaxis], 1))[:, 0].numpy()


def parts(model, user, item):
    tables = (model.product, model.tower)
    of_user = [t[0].embeddings.numpy()[user] for t in tables]
    of_item = [t[1].embeddings.numpy()[item] for t in tables]
    layers = [[w.numpy() for w in layer.weights] for layer in model.layers_of_tower]
    return of_user, of_item, layers, [w.numpy() for w in model.output_layer.weights]


def test_logit_and_loss_equal_the_equations(train):
    model = built(train)
    users, items = np.array([2, 5, 3, 5]), np.array([7, 3, 3, 9])
    label, weight = np.array([1.0, 0, 0, 1]), np.array([1.0, 2, 1, 3])
    expected = np.array(
        [reference.logit(*parts(model, u, i)) for u, i in zip(users, items, strict=True)]
    )
    np.testing.assert_allclose(scores(model, users, items), expected, rtol=1e-4)
    batch = {"user_id": users, "item_id": items}
    batch |= {"label": label.astype("float32"), "sample_weight": weight.astype("float32")}
    batch = {name: tf.constant(values) for name, values in batch.items()}
    loss = np.mean(weight * reference.logistic_loss(label, expected))
    assert float(model.compute_loss(batch)) == pytest.approx(loss, rel=1e-4)
    model.squared_loss = True
    loss = np.mean(weight * (label - expected) ** 2)
    assert float(model.compute_loss(batch)) == pytest.approx(loss, rel=1e-4)


def test_matrix_factorisation_is_a_special_case(train):
    model = built(train, tower=False)
    model.output_layer.set_weights([np.ones((3, 1)), np.zeros(1)])
    p, q = (table.embeddings.numpy() for table in model.product)
    users, items = np.array([2, 5, 3]), np.array([7, 3, 4])
    np.testing.assert_allclose(scores(model, users, items), (p[users] * q[items]).sum(1), rtol=1e-5)


def test_pre_trained_branches_are_fused_by_alpha(train):
    product, tower = built(train, 2, tower=False), built(train, 3, product=False)
    model = built(train, 4)
    model.begin_with(product, tower, alpha=0.3)
    users, items = np.array([2, 5, 3]), np.array([7, 3, 4])
    expected = 0.3 * scores(product, users, items) + 0.7 * scores(tower, users, items)
    np.testing.assert_allclose(scores(model, users, items), expected, rtol=1e-4)


def test_negatives_are_unmet_and_new_each_epoch(train):
    model = built(train, negatives=3, negative_weight=0.5)
    met = set(zip(*(encoded(model, train)), strict=True))
    weight_of = dict(
        zip(zip(*encoded(model, train), strict=True), train.events["weight"], strict=True)
    )
    data = model.training_data(train, batch_size=20, seed=4)
    epochs = []
    for _ in range(2):
        drawn, positives = [], []
        for batch in data.as_numpy_iterator():
            for user, item, label, weight in zip(*batch.values(), strict=True):
                if label:
                    positives.append((user, item))
                    assert weight == weight_of[user, item]
                else:
                    drawn.append((user, item))
                    assert weight == 0.5
        assert sorted(positives) == sorted(met)
        assert len(drawn) == 3 * len(met)
        assert not met & set(drawn)
        epochs.append(sorted(drawn))
    assert epochs[0] != epochs[1]


def encoded(model, train):
    user = model.features.encodings["user_id"].encode(train.events["user_id"])
    return user, model.features.encodings["item_id"].encode(train.events["item_id"])


def test_lists_are_those_of_all_scores(train, monkeypatch):
    model = built(train)
    users = ["u3", "u0", "a stranger"]
    code = model.features.encodings["user_id"].encode(pd.Series(users))
    names = train.items["item_id"].tolist()
    items = model.features.item_vocabulary.encode(names)
    exclude = [["i1", "i2", "never"], ["i5", "", ""], ["", "", ""]]
    for pairs in (3 * 5, 131_072):  # items in blocks of 5, or all at once
        monkeypatch.setattr(scoring_retriever, "PAIRS_AT_A_TIME", pairs)
        ids, found = model.retriever(train.items)({"user_id": users}, k=11, exclude=exclude)
        for row in range(3):
            expected = scores(model, np.full(ITEMS, code[row]), items)
            expected[[names.index(name) for name in exclude[row] if name in names]] = -np.inf
            np.testing.assert_allclose(found[row], -np.sort(-expected)[:11], rtol=1e-4)
            listed = [names.index(raw.decode()) for raw in ids.numpy()[row]]
            np.testing.assert_allclose(expected[listed], found[row], rtol=1e-4)


def test_a_shortlist_of_everything_is_exhaustive_and_a_short_one_is_the_products(train):
    model = built(train)
    everything = model.retriever(train.items, k=5)
    query = {"user_id": ["u1", "u4"]}
    model.shortlist = ITEMS
    for one, other in zip(
        model.retriever(train.items, Exact(), k=5)(query), everything(query), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    model.shortlist = 5
    ids, found = model.retriever(train.items, Exact(), k=5)(query)
    p, q = (table.embeddings.numpy() for table in model.product)
    h = model.output_layer.kernel.numpy()[:3, 0]
    items = model.features.item_vocabulary.encode(train.items["item_id"])
    for row, user in enumerate(model.features.encodings["user_id"].encode(pd.Series(["u1", "u4"]))):
        best = np.argsort(-(q[items] @ (h * p[user])))[:5]
        assert {raw.decode() for raw in ids.numpy()[row]} == {f"i{i}" for i in best}
        np.testing.assert_allclose(
            found[row], -np.sort(-scores(model, np.full(5, user), items[best])), rtol=1e-4
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"product": False, "tower": False}, "the product, the tower or both"),
        ({"negatives": 0}, "negatives is at least 1"),
        ({"product": False, "shortlist": 50}, "searched by the product's vectors"),
    ],
)
def test_errors_say_what_to_do(train, settings, message):
    with pytest.raises(ValueError, match=message):
        built(train, **settings)
