"""The plain forms of the towers' papers against transcriptions in NumPy."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references import published_towers as reference
from tests.references.fm import factorization_machine
from tests.references.senet import senet
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, FeatureEncoder, Features, History, MultiValued
from tfrec_recall.layers import SENet, Tower
from tfrec_recall.models import (
    FMRecall,
    MultiObjectiveTwoTower,
    SamplingBiasCorrectedTwoTower,
    SENetTwoTower,
    TwoTower,
    YouTubeDNN,
)
from tfrec_recall.sampling import Popularity, Unmet

SMALL = {"dim": 3, "hidden": (5, 4), "item_hidden": (6,)}
ITEMS, USERS = 20, 9


@pytest.fixture(scope="module")
def interactions():
    random = np.random.default_rng(0)
    events = pd.DataFrame(
        {
            "user_id": random.choice([f"u{n}" for n in range(USERS)], 120),
            "item_id": random.choice([f"i{n}" for n in range(ITEMS)], 120),
            "timestamp": random.permutation(120) * 3600,
        }
    )
    items = [f"i{n}" for n in range(ITEMS)]
    tags = [["a", "b"], ["b", "c", "d"], []] * 7
    table = pd.DataFrame({"item_id": items, "shelf": ["x", "y"] * 10, "tags": tags[:ITEMS]})
    return Interactions(events, items=table)


@pytest.fixture(scope="module")
def features(interactions):
    return Features(
        user=[Categorical("user_id"), History(length=4)],
        item=[Categorical("item_id"), Categorical("shelf")],
    ).adapt(interactions)


def made(model_class, features, interactions, size=8, **overrides):
    """A plain form, a batch of it with a seed of its own, and that batch in NumPy."""
    tf.keras.utils.set_random_seed(0)
    model = model_class.published(features, **overrides)
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if variable.shape.rank:
            variable.assign(random.normal(size=variable.shape) * 0.5)
    batch = next(iter(model.training_data(interactions, batch_size=size)))
    batch = {**batch, "seed": tf.constant([3, 4])}
    return model, batch, {name: values.numpy() for name, values in batch.items()}


def parts(network, kind):
    """Layers of this kind, those of models within it included."""
    found = [layer for layer in network._flatten_layers() if type(layer) is kind]
    return list(dict.fromkeys(found))


def tables(network):
    encoders = parts(network, FeatureEncoder)
    return {n: t.numpy() for encoder in encoders for n, t in encoder.tables.items()}


def layers_of(tower):
    return [(dense.kernel.numpy(), dense.bias.numpy()) for dense in tower.dense]


def item_fields(model, table, ids):
    """The embeddings of an item's id and shelf, [fields, dim]."""
    shelf = model.items.columns["shelf"].numpy()
    return np.stack([table["item_id"][ids], table["shelf"][shelf[ids]]])


def history_mean(model, table, history):
    """The mean over the events of the sum of an item's embeddings."""
    seen = [item_fields(model, table, n).sum(axis=0) for n in history if n]
    return np.mean(seen, axis=0)


def vectors(model, row, activation, *, seed=False, weigh=None):
    """The query's and every item's tower outputs, from the raw weights."""
    table = {**tables(model.item_model), **tables(model.candidate_model)}
    (of_item,) = parts(model.candidate_model, Tower)
    of_user = next(t for t in parts(model.query_model, Tower) if t is not of_item)
    user = next(e for e in parts(model.query_model, FeatureEncoder) if "user_id" in e.tables)
    fields = [user.tables["user_id"].numpy()[row["user_id"]]]
    if seed:
        last = [n for n in row["history"] if n][-1]
        fields.append(item_fields(model, table, last).sum(axis=0))
    fields.append(history_mean(model, table, row["history"]))
    weigh = weigh or {"user": lambda x: x, "item": lambda x: x}
    query = reference.tower(np.concatenate(weigh["user"](fields)), layers_of(of_user), activation)
    items = [
        reference.tower(
            np.concatenate(weigh["item"](item_fields(model, table, n))),
            layers_of(of_item),
            activation,
        )
        for n in range(ITEMS + 2)
    ]
    return query, np.array(items)


def rows_of(batch, count):
    columns = {n: v for n, v in batch.items() if v.ndim and len(v) == count}
    return [{name: values[row] for name, values in columns.items()} for row in range(count)]


def drawn_for(model, batch):
    found = model.softmax.candidates(batch["item_id"], batch["user_row"], batch["seed"])
    return found.own.numpy()


def test_two_tower_is_dssm(features, interactions):
    model, batch, numbers = made(TwoTower, features, interactions, **SMALL)
    negatives = drawn_for(model, batch)
    assert negatives.shape == (8, 4)
    losses = []
    for n, row in enumerate(rows_of(numbers, 8)):
        query, items = vectors(model, row, np.tanh)
        found = model.query({name: v[n : n + 1] for name, v in batch.items() if name != "seed"})
        np.testing.assert_allclose(found[0], query / np.linalg.norm(query), rtol=1e-4)
        losses.append(
            reference.dssm_loss(query, items[row["item_id"]], items[negatives[n]], gamma=5.0)
        )
    expected = np.mean(numbers["sample_weight"] * losses)
    assert float(model.compute_loss(batch, training=True)) == pytest.approx(expected, rel=1e-4)


def test_senet_weighs_the_fields_as_fibinet_does(features, interactions):
    model, batch, numbers = made(SENetTwoTower, features, interactions, **SMALL)
    (of_item,) = parts(model.candidate_model, SENet)
    of_user = next(s for s in parts(model.query_model, SENet) if s is not of_item)

    def weighing(layer):
        kernels = layer.squeezed_kernel.numpy(), layer.excited_kernel.numpy()

        def weigh(fields):
            stacked = [np.asarray(field)[np.newaxis] for field in fields]
            weighed = senet(stacked, *kernels, reference.relu, reference.relu)[0]
            return [*fields, *(w[0] for w in weighed)]  # p and q of the combination layer

        return weigh

    weigh = {"user": weighing(of_user), "item": weighing(of_item)}
    negatives, losses = drawn_for(model, batch), []
    for n, row in enumerate(rows_of(numbers, 8)):
        query, items = vectors(model, row, np.tanh, weigh=weigh)
        found = model.query({name: v[n : n + 1] for name, v in batch.items() if name != "seed"})
        np.testing.assert_allclose(found[0], query / np.linalg.norm(query), rtol=1e-3, atol=1e-5)
        losses.append(
            reference.dssm_loss(query, items[row["item_id"]], items[negatives[n]], gamma=5.0)
        )
    expected = np.mean(numbers["sample_weight"] * losses)
    assert float(model.compute_loss(batch, training=True)) == pytest.approx(expected, rel=1e-3)
    unit = items[2:] / np.linalg.norm(items[2:], axis=1, keepdims=True)
    table = interactions.items.set_index("item_id").loc[features.item_vocabulary.ids]
    np.testing.assert_allclose(model.embed_items(table.reset_index()), unit, rtol=1e-3, atol=1e-5)


def test_items_that_rectified_weights_wipe_out_are_told_apart(features, interactions):
    """Of two fields there is one inner unit, and it is 0 for about every other item."""
    tf.keras.utils.set_random_seed(0)
    model = SENetTwoTower.published(features)
    model.has_learnt.assign(1)
    (layer,) = parts(model.candidate_model, SENet)
    kernels = layer.squeezed_kernel.numpy(), layer.excited_kernel.numpy()
    table = tables(model.candidate_model)
    fields = np.stack([item_fields(model, table, n) for n in range(2, ITEMS + 2)], axis=1)
    _, weights = senet(list(fields), *kernels, reference.relu, reference.relu)
    wiped_out = ~weights.any(axis=1)
    assert wiped_out.sum() > ITEMS / 4
    ids = features.item_vocabulary.ids[wiped_out]
    items = interactions.items.set_index("item_id").loc[ids].reset_index()
    vectors = model.embed_items(items)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-4)
    alike = vectors @ vectors.T - np.eye(len(ids))
    assert alike.max() < 0.99


def test_several_objectives_are_weighed_by_their_uncertainty(features, interactions):
    objectives = [{"name": "any"}, {"name": "late", "column": "timestamp", "at_least": 200_000}]
    settings = {**SMALL, "objectives": objectives}
    model, batch, numbers = made(MultiObjectiveTwoTower, features, interactions, **settings)
    model.log_variances.assign([0.3, -0.7])
    of_heads = [
        [one.kernel.numpy() for one in parts(network, tf.keras.layers.Dense) if not one.use_bias]
        for network in (model.user_heads, model.item_heads)
    ]
    bottoms = [vectors(model, row, np.tanh) for row in rows_of(numbers, 8)]
    query = np.stack([[bottom @ head for head in of_heads[0]] for bottom, _ in bottoms])
    items = np.stack([bottoms[0][1] @ head for head in of_heads[1]], axis=1)
    negatives, positive = drawn_for(model, batch), batch["item_id"].numpy()
    losses = []
    for place, name in enumerate(model.names):
        rows = np.flatnonzero(batch[f"label {name}"])
        assert len(rows) > 1
        vectors_of = items[:, place]
        found = [
            reference.dssm_loss(
                query[n, place], vectors_of[positive[n]], vectors_of[negatives[n]], gamma=5.0
            )
            for n in rows
        ]
        losses.append(np.mean(found))
    expected = reference.uncertainty(losses, [0.3, -0.7])
    assert float(model.compute_loss(batch, training=True)) == pytest.approx(expected, rel=1e-4)


def test_the_bias_is_corrected_by_the_stream(features, interactions):
    settings = {**SMALL, "buckets": 5000, "rate": 0.8}
    model, batch, numbers = made(SamplingBiasCorrectedTwoTower, features, interactions, **settings)
    seen = []
    for earlier in list(model.training_data(interactions, batch_size=8))[:12]:
        model.compute_loss(earlier, training=True)
        seen.append(earlier["item_id"].numpy().tolist())
    loss = float(model.compute_loss(batch, training=True))
    estimate = reference.gap_estimates([*seen, numbers["item_id"].tolist()], 0.8)
    assert len(set(estimate.values())) > 4
    queries = []
    for row in rows_of(numbers, 8):
        query, items = vectors(model, row, linear_at_last(3), seed=True)
        queries.append(query)
    ids = numbers["item_id"]
    expected = reference.corrected_batch_softmax(
        queries, items[ids], numbers["sample_weight"], [estimate[n] for n in ids], temperature=0.2
    )
    assert loss == pytest.approx(expected, rel=1e-3)


def linear_at_last(dim):
    """ReLU but for the output, which has `dim` numbers; no hidden layer has."""
    return lambda x: x if len(x) == dim else reference.relu(x)


def test_youtube_samples_its_softmax(features, interactions):
    # A video is an embedding and a weight of the softmax, whatever else is known of it.
    item = [Categorical("item_id"), Categorical("shelf"), MultiValued("tags")]
    features = Features(user=[History(length=4)], item=item).adapt(interactions)
    settings = {"dim": 3, "hidden": (5, 4), "negatives": Popularity(15, 1.0)}
    model, batch, numbers = made(YouTubeDNN, features, interactions, **settings)
    watched, own = tables(model.item_model), tables(model.candidate_model)
    assert set(watched) == set(own) == {"item_id"}
    watched, own = watched["item_id"], own["item_id"]
    assert watched.shape == own.shape
    assert np.abs(watched - own).max() > 0.1  # two tables
    (network,) = parts(model.aged_query, Tower)
    span = float(model.time_span)
    queries = []
    for row in rows_of(numbers, 8):
        mean = np.mean([watched[n] for n in row["history"] if n], axis=0)
        x = np.append(mean, row["example_age"] / span)
        queries.append(reference.tower(x, layers_of(network), reference.relu))
    drawn = model.softmax.draw(batch["seed"]).numpy()
    counts = features.item_counts / features.item_counts[2:].sum()
    with np.errstate(divide="ignore"):
        log_q = np.log(counts)
    losses = reference.sampled_softmax(queries, own, numbers["item_id"], drawn, log_q)
    expected = np.mean(numbers["sample_weight"] * losses)
    assert float(model.compute_loss(batch, training=True)) == pytest.approx(expected, rel=1e-4)
    now = reference.tower(np.append(mean, 0.0), layers_of(network), reference.relu)
    np.testing.assert_allclose(model.query(batch)[-1], now, rtol=1e-4, atol=1e-6)
    known = features.ids("item_id").encode(interactions.items["item_id"])
    np.testing.assert_allclose(model.embed_items(interactions.items), own[known], rtol=1e-6)


@pytest.mark.parametrize("squared", [False, True])
def test_the_machine_learns_pairs(interactions, squared):
    """Every feature of user, history and item, those of one list included, makes pairs."""
    features = Features(
        user=[Categorical("user_id"), History(length=4)],
        item=[Categorical("item_id"), MultiValued("tags")],
    ).adapt(interactions)
    settings = {"dim": 3, "negatives": [Unmet(2)], "squared_loss": squared}
    model, batch, numbers = made(FMRecall, features, interactions, **settings)
    model.bias.assign(0.4)
    weights = {}
    for network, side in ((model.user_terms, "user"), (model.item_terms, "item")):
        for layer in network._flatten_layers():
            for name, table in getattr(layer, "tables", {}).items():
                weights[side, name] = table.numpy()
    negatives = drawn_for(model, batch)
    tags = model.items.columns["tags"].numpy()

    def score(row, item):
        values = {("user", "user_id", row["user_id"]): 1.0, ("item", "item_id", item): 1.0}
        seen = [n for n in row["history"] if n]
        for n in seen:
            key = ("user", "history", n)
            values[key] = values.get(key, 0.0) + 1 / len(seen)
        own = [n for n in tags[item] if n]
        values |= {("item", "tags", n): 1 / len(own) for n in own}
        cells = np.array([weights[side, name][n] for side, name, n in values])
        return factorization_machine([*values.values()], 0.4, cells[:, -1], cells[:, :-1])

    losses = []
    for n, row in enumerate(rows_of(numbers, 8)):
        for item, label in [(row["item_id"], 1.0), *((other, 0.0) for other in negatives[n])]:
            y = score(row, item)
            own = (label - y) ** 2 if squared else np.log1p(np.exp(-y if label else y))
            losses.append(own * row["sample_weight"])
            user = {name: batch[name][n : n + 1] for name in model.query_model.input_names}
            found = model.score(user, model.items(tf.constant([item])))
            assert float(found[0]) == pytest.approx(y, rel=1e-3, abs=1e-4)
    loss = float(model.compute_loss(batch, training=True))
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)
    with tf.GradientTape() as tape:
        value = model.compute_loss(batch, training=True)
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(value, model.trainable_variables), strict=True
    ):
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name
    user = {name: tf.repeat(batch[name][:1], ITEMS, 0) for name in model.query_model.input_names}
    everything = model.items(tf.range(2, ITEMS + 2))
    whole = model.score(user, everything).numpy()
    ranked = model.candidate_model(everything).numpy() @ model.query(batch)[0].numpy()
    np.testing.assert_array_equal(np.argsort(-ranked), np.argsort(-whole))
