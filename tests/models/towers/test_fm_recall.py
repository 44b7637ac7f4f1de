import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.fm import factorization_machine
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, MultiValued, Numeric
from tfrec_recall.features.encoder import Field
from tfrec_recall.models import FMRecall
from tfrec_recall.models.towers.fm_terms import FMTerms, _sum_of_squares, alone

HALF_LIFE = 2.0


@pytest.fixture(scope="module")
def interactions():
    generator = np.random.default_rng(0)
    users, items = [f"u{n}" for n in range(9)], [f"i{n}" for n in range(12)]
    events = pd.DataFrame(
        {
            "user_id": generator.choice(users, 150),
            "item_id": generator.choice(items, 150),
            "timestamp": generator.permutation(150) * 60,
        }
    )
    people = pd.DataFrame({"user_id": users, "country": ["fr", "uk", "de"] * 3})
    goods = pd.DataFrame(
        {"item_id": items, "tags": [["a", "b"], [], ["b"]] * 4, "price": np.arange(12.0)}
    )
    return Interactions(events, people, goods)


@pytest.fixture(scope="module")
def model(interactions):
    features = Features(
        user=[Categorical("user_id"), Categorical("country"), History(length=5)],
        item=[Categorical("item_id"), MultiValued("tags"), Numeric("price")],
    ).adapt(interactions)
    tf.keras.utils.set_random_seed(0)
    model = FMRecall(features, dim=4, half_life=HALF_LIFE, negatives=5)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.05))
    model.fit(model.training_data(interactions, batch_size=32), epochs=3, verbose=0)
    # Every weight is far from 0: first-order terms, within-item pairs and signs all matter.
    generator = np.random.default_rng(1)
    row = {
        name: values[:1] for name, values in next(iter(model.training_data(interactions))).items()
    }
    model.score({n: row[n] for n in model.query_model.input_names}, model.items(row["item_id"]))
    for variable in model.trainable_variables:
        variable.assign(generator.normal(size=variable.shape))
    model.bias.assign(0.7)
    return model


def tables(model):
    """The weights by the field they are of: [rows, dim + 1], the first-order weight last."""
    found = {}
    for variable in model.trainable_variables:
        layer, name = variable.name.split(":")[0].split("/")[-2:]
        found[layer if name == "history" else name] = variable.numpy()
    return found


def fields_of(tables, user, item):
    """Each field's factors and weight times its values, as the model's docstring has them."""
    present = [row for row in user["history"] if row]
    newer = np.arange(len(present))[::-1]
    value = 0.5 ** (newer / HALF_LIFE)
    tags = [row for row in item["tags"] if row]
    return [
        tables["user_id"][user["user_id"]],
        tables["country"][user["country"]],
        tables["history_all"][present].mean(axis=0),
        (value[:, np.newaxis] * tables["history_latest"][present]).sum(axis=0) / value.sum(),
        tables["item_id"][item["item_id"]],
        tables["tags"][tags].mean(axis=0) if tags else np.zeros(5),
        tables["price"][0] * item["price"],
    ]


def rows_of(features, row):
    return {name: values[row].numpy() for name, values in features.items()}


def test_the_vectors_rank_exactly_as_the_machine(model, interactions):
    batch = next(iter(model.training_data(interactions, batch_size=6)))
    user = {name: batch[name] for name in model.query_model.input_names}
    item = model.items(tf.range(2, 14))
    inner = model(user).numpy() @ model.candidate_model(item).numpy().T  # [users, items]
    weights = tables(model)
    for row in range(6):
        full = []
        for column in range(12):
            fields = np.array(fields_of(weights, rows_of(user, row), rows_of(item, column)))
            full.append(
                factorization_machine(np.ones(len(fields)), 0.7, fields[:, -1], fields[:, :-1])
            )
        same = {name: tf.repeat(values[row : row + 1], 12, 0) for name, values in user.items()}
        np.testing.assert_allclose(model.score(same, item), full, rtol=1e-4)
        rest = np.array(full) - inner[row]  # what does not depend on the item
        np.testing.assert_allclose(rest, rest[0], rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(np.argsort(-inner[row]), np.argsort(-np.array(full)))


def test_a_value_that_a_list_has_twice_makes_no_pair_with_itself():
    terms = FMTerms([Field("title", 5, rank=2)], dim=2, pairs_within=True)
    lists = tf.constant([[2, 2, 0], [2, 3, 2], [4, 3, 2]])
    terms({"title": lists})
    weights = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    terms.tables["title"].assign(weights)
    for found, row in zip(alone(terms({"title": lists})[:, 0], 2), lists.numpy(), strict=True):
        values, counts = np.unique(row[row > 0], return_counts=True)
        cells = weights[values]
        x = counts / counts.sum()
        expected = factorization_machine(x, 0.0, cells[:, -1], cells[:, :-1])
        assert float(found) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("jit", [False, True])
def test_the_squares_of_a_list_are_of_its_distinct_ids(jit):
    """And nothing that is made on the way has all pairs of a list's places."""
    generator = np.random.default_rng(4)
    ids = generator.integers(0, 6, size=(2, 5, 7)).astype("int32")
    value = generator.uniform(0.1, 1.0, ids.shape).astype("float32")
    table = generator.normal(size=(6, 3)).astype("float32")
    sum_of_squares = tf.function(_sum_of_squares, jit_compile=jit)
    given = tf.constant(table[ids]), tf.constant(ids), tf.constant(value)
    found = sum_of_squares(*given).numpy()
    for place in np.ndindex(2, 5):
        expected = np.zeros(3)
        for one in np.unique(ids[place]):
            expected += (value[place][ids[place] == one].sum() * table[one]) ** 2
        np.testing.assert_allclose(found[place], expected, rtol=1e-5)
    operations = sum_of_squares.get_concrete_function(*given).graph.get_operations()
    shapes = [out.shape.as_list() for op in operations for out in op.outputs if out.shape.rank]
    assert shapes
    assert not [shape for shape in shapes if shape.count(7) > 1]
    empty = _sum_of_squares(tf.zeros([2, 0, 3]), tf.zeros([2, 0], tf.int32), tf.zeros([2, 0]))
    np.testing.assert_array_equal(empty, np.zeros((2, 3)))


def test_every_weight_learns(interactions, model):
    batch = next(iter(model.training_data(interactions, batch_size=64)))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch)
    variables = model.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_without_a_history_it_is_a_machine_of_the_users_features(interactions):
    features = Features(user=[Categorical("user_id")], item=[Categorical("item_id")])
    model = FMRecall(features.adapt(interactions), dim=4, negatives=5)
    model.compile(optimizer="adam")
    history = model.fit(model.training_data(interactions), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
