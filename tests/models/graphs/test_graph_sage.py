import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import tensorflow as tf

from tests.models.graphs.test_pin_sage import features_of, groups, margin
from tests.references.skip_gram import negative_sampling
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, MultiValued
from tfrec_recall.models import GraphSAGE, PinSAGE
from tfrec_recall.models.graphs.graph_sage import AGGREGATORS, drawn_evenly, strongest
from tfrec_recall.models.graphs.node_encoder import Hidden
from tfrec_recall.models.growing.growth import owners_of

SMALL = {"dim": 8, "sizes": (4, 3), "noise": 20, "seed": 3}


def trained(interactions, epochs=8, **settings):
    tf.keras.utils.set_random_seed(0)
    model = GraphSAGE(features_of(interactions), **{**SMALL, **settings})
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01))
    model.fit(model.training_data(interactions, batch_size=32), epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def interactions():
    return groups()


@pytest.fixture(scope="module")
def model(interactions):
    return trained(interactions, epochs=15, cold_rate=0.5)


@pytest.fixture(scope="module")
def of_both_losses(interactions):
    return trained(interactions, epochs=15, label="kind", aggregator="gcn")


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_items_of_one_group_are_near(aggregator, interactions, model, of_both_losses):
    ready = {"mean": model, "gcn": of_both_losses}
    if aggregator not in ready:
        ready[aggregator] = trained(interactions, aggregator=aggregator)
    model = ready[aggregator]
    assert margin(model.embed_items(interactions.items)) > 0.3


def test_layer_wise_inference_equals_one_item_at_a_time(model, interactions):
    encoded = model.features.encode_items(interactions.items)
    together = model.embed_items(interactions.items)
    for row in range(14):
        one = {name: values[row : row + 1] for name, values in encoded.items()}
        np.testing.assert_allclose(model.candidate_model(one)[0], together[row], atol=1e-5)


def test_nodes_of_any_features_are_embedded_after_training(model, interactions):
    new = interactions.items.iloc[[0, 13]].assign(item_id=["n0", "n1"])
    items = pd.concat([interactions.items, new], ignore_index=True)
    vectors = model.embed_items(items)
    cosines = vectors[14:] @ vectors[:14].T
    assert cosines[0, :7].mean() > cosines[0, 7:].mean() + 0.2
    assert cosines[1, 7:].mean() > cosines[1, :7].mean() + 0.2


def test_the_loss_of_walks_is_equation_1():
    model = GraphSAGE(features_of(groups()), **{**SMALL, "noise": 4, "temperature": 0.5})
    generator = np.random.default_rng(0)
    z = [generator.normal(size=(rows, 8)).astype("float32") for rows in (3, 3, 4)]
    query, positive, noise = np.array([2, 3, 4]), np.array([3, 5, 6]), np.array([3, 9, 2, 9])
    expected = 0
    for n in range(3):
        other = (noise != query[n]) & (noise != positive[n])
        loss, *_ = negative_sampling(
            z[0][n : n + 1] / 0.5,
            np.concatenate([z[1][n : n + 1], z[2]]),
            np.array([[1, 0, 0, 0, 0]]),
            np.array([[0, *(other * 5 / 4)]]),
        )
        expected += loss / 3
    found = model._by_walks(*(tf.constant(part) for part in (query, positive, noise, *z)))
    assert float(found) == pytest.approx(float(np.sum(expected)), rel=1e-4)


def test_a_pairs_edge_is_hidden_and_samples_change(interactions):
    model = GraphSAGE(features_of(interactions), **SMALL)
    batch = next(iter(model.training_data(interactions, batch_size=4)))
    seen = []
    embed = model.nodes.embed

    def watch(nodes, hidden: Hidden, seed, training):
        seen.append((set(hidden.edges.numpy().tolist()), seed.numpy().tolist()))
        return embed(nodes, hidden, seed, training)

    model.nodes.embed = watch
    model.compute_loss(batch, training=True)
    model.compute_loss(batch, training=True)
    pairs = zip(batch["query_id"].numpy(), batch["item_id"].numpy(), strict=True)
    expected = {int(edge) for q, i in pairs for edge in (q * 16 + i, i * 16 + q)}
    assert seen[0][0] == seen[1][0] == {-1, *expected}  # -1 is the number of no edge
    assert seen[0][1] != seen[1][1]


@pytest.mark.parametrize("model_class", [GraphSAGE, PinSAGE])
def test_a_node_that_has_nothing_but_its_id_is_never_cold(model_class, interactions):
    item = [Categorical("item_id"), MultiValued("tags")]
    features = Features([History(length=5)], item).adapt(interactions)
    model = model_class(features, dim=4, cold_rate=0.9)
    model.training_data(interactions, batch_size=4)
    nodes, ids = model.nodes, tf.range(2, 16)
    hidden = Hidden(tf.constant([-1], tf.int64), tf.ones([16], tf.bool))
    _, weights = nodes._neighbours(ids, 0, hidden, (1, 2))
    is_shown = nodes.first(nodes.table(ids), hidden) - nodes.first(
        {**nodes.table(ids), "item_id": tf.ones_like(ids)}
    )
    has_tags = (features.item_table["tags"] != 0).any(axis=1)[2:]
    assert 0 < has_tags.sum() < 14
    np.testing.assert_array_equal(weights.numpy().any(axis=1), ~has_tags)
    np.testing.assert_array_equal(is_shown.numpy().any(axis=1), ~has_tags)


@pytest.mark.parametrize("model_class", [GraphSAGE, PinSAGE])
def test_a_step_looks_at_the_features_of_its_own_nodes_alone(model_class, interactions):
    item = [Categorical("item_id"), MultiValued("tags"), Categorical("kind")]
    features = Features([History(length=5)], item).adapt(interactions)
    model = model_class(features, dim=4)
    batch = next(iter(model.training_data(interactions, batch_size=4)))
    step = tf.function(lambda batch: model.compute_loss(batch, training=True))
    operations = step.get_concrete_function(batch).graph.get_operations()
    looks = [op.outputs[0].shape for op in operations if op.type == "NotEqual"]
    assert looks
    assert not [shape for shape in looks if shape.rank and shape[0] == 16]


@pytest.mark.parametrize("model_class", [GraphSAGE, PinSAGE])
def test_where_items_are_ids_alone_none_is_cold(model_class, interactions):
    features = Features([History(length=5)], [Categorical("item_id")]).adapt(interactions)
    model = model_class(features, dim=4)
    assert model.cold_rate == 0
    with pytest.raises(ValueError, match=r"where there is side info.*Received: cold_rate=0\.5"):
        model_class(features, cold_rate=0.5)
    with_numbers = model_class(features_of(interactions), dim=4).nodes
    cold = with_numbers.cold(1.0, tf.constant([1, 2]))
    hidden = Hidden(tf.constant([-1], tf.int64), cold)
    assert cold.numpy().all()
    assert with_numbers._is_cold(tf.range(16), hidden).numpy().all()


@pytest.mark.parametrize("label", ["kind", "tags"])
def test_the_supervised_head_learns_its_label_from_the_graph(label, interactions):
    """The label is no input; what a neighbourhood has in common foretells it."""
    settings = {"label": label, "unsupervised": False, "cold_rate": 0.0}
    model = trained(interactions, epochs=15, **settings)
    assert label not in model.nodes.encoder.tables
    found = model.label_probability(interactions.items)
    if label == "kind":
        assert (found.idxmax(axis=1).to_numpy() == interactions.items["kind"]).mean() > 0.9
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    else:
        truth = np.array([[t in tags for t in found] for tags in interactions.items["tags"]])
        assert found.to_numpy()[truth].mean() > found.to_numpy()[~truth].mean() + 0.2


def test_both_losses_may_teach(interactions, of_both_losses):
    assert margin(of_both_losses.embed_items(interactions.items)) > 0.3
    found = of_both_losses.label_probability(interactions.items).idxmax(axis=1)
    assert (found.to_numpy() == interactions.items["kind"]).mean() > 0.9


def test_only_the_strongest_edges_are_kept():
    generator = np.random.default_rng(1)
    weight = np.triu(generator.integers(0, 9, size=(8, 8)), 1).astype("float64")
    weight += weight.T
    kept = strongest(sp.csr_array(weight), degree=2).toarray()
    total = weight.sum(axis=1)
    scaled = weight / np.sqrt(np.outer(total, total))
    assert (np.count_nonzero(kept, axis=1) <= 2).all()
    for row in range(8):
        best = np.sort(scaled[row])[-2:]
        np.testing.assert_allclose(np.sort(kept[row])[-2:], best, rtol=1e-5)


def test_edges_are_drawn_evenly_whatever_their_weight():
    """Of node 0's ten edges, the last a hundred times as strong as the others."""
    weights = np.zeros((11, 11))
    weights[0, 1:] = weights[1:, 0] = [1.0] * 9 + [100.0]
    graph, counts = sp.csr_array(weights), np.zeros(11)
    for seed in range(300):
        kept = drawn_evenly(graph, 3, seed)
        assert np.diff(kept.indptr).tolist() == [3] + [1] * 10
        counts[kept.indices[:3]] += 1
    assert counts[0] == 0
    assert abs(counts[1:] - 90).max() < 5 * np.sqrt(90 * 0.7)


def test_walks_of_the_plain_form_begin_at_each_node_alike(interactions):
    features = GraphSAGE.default_features(interactions).adapt(interactions)
    starts = {}
    for even in (True, False):
        model = GraphSAGE(features, dim=4, starts_by_events=not even)
        data = model.training_data(interactions, batch_size=64)
        query = np.concatenate([batch["query_id"] for batch in data])
        starts[even] = np.bincount(query, minlength=model.nodes.nodes)[2:]
    assert np.ptp(starts[True]) <= 1 < np.ptp(starts[False])


def test_the_optimizer_knows_the_labels_that_it_knew_before_new_ones(of_both_losses, interactions):
    new = interactions.items.head(1).assign(item_id="n0", kind="flat")
    events = interactions.events.head(1).assign(item_id="n0", timestamp=9_000)
    before = of_both_losses
    since = Interactions(events, items=new, time_unit=interactions.time_unit)
    grown = before.grow(before.features.grow(since))
    np.testing.assert_array_equal(grown.label.values, [*before.label.values, "flat"])
    of_labels = {id(weight) for weight in grown.label.dense.weights}
    owners = owners_of(grown.optimizer, grown.trainable_variables)
    found = zip(owners, before.optimizer.variables, grown.optimizer.variables, strict=True)
    states = [(old.numpy(), new.numpy()) for owner, old, new in found if id(owner) in of_labels]
    assert len(states) == 4  # two moments of logits and of their biases
    for old, state in states:
        assert old.any()
        np.testing.assert_array_equal(state[..., :2], old)
        assert not state[..., 2:].any()
    known = interactions.items
    told, then = (model.label_probability(known) for model in (before, grown))
    np.testing.assert_allclose(then[told.columns], told, atol=1e-3)


def test_wrong_arguments_are_named(interactions):
    features = features_of(interactions)
    with pytest.raises(ValueError, match=r"one of mean, gcn, lstm, max-pool\. Received: 'sum'"):
        GraphSAGE(features, aggregator="sum")
    with pytest.raises(ValueError, match=r"Categorical or MultiValued .*'price'.*kind, tags"):
        GraphSAGE(features, label="price")
    with pytest.raises(ValueError, match="has to be a label"):
        GraphSAGE(features, unsupervised=False)
    with pytest.raises(ValueError, match=r"names the feature to foretell\. Received: None"):
        GraphSAGE(features).label_probability(interactions.items)
