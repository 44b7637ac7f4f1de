"""The plain forms of the graph models' papers against transcriptions in NumPy."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.models.graphs.test_pin_sage import groups
from tests.references import graphs as graphs_reference
from tests.references import published_graphs as reference
from tests.references.neighbourhoods import max_margin
from tests.references.side_info_pooling import weighted
from tfrec_recall.features import Categorical, Features, History, Numeric
from tfrec_recall.models import BGE, EGES, GES, GraphSAGE, PinSAGE
from tfrec_recall.models.fitting.run import Run

NOISE = 3  # what every draw is


class Always:
    """A proposal without chance."""

    def sample(self, shape, seed):
        return tf.fill(shape, NOISE)


@pytest.fixture(scope="module")
def interactions():
    return groups(users=12)


def features_of(interactions, *item):
    item = [Categorical("item_id"), *item]
    return Features(user=[History(length=5)], item=item).adapt(interactions)


def made(model_class, features, **settings):
    """A plain form with distinct weights."""
    tf.keras.utils.set_random_seed(0)
    model = model_class.published(features, **settings)
    random = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(random.normal(size=variable.shape) * 0.7)
    return model


def first_seeds(model):
    return tf.unstack(tf.random.split(model.steps.next(training=False), 3))


def sums_of_fields(model):
    """The input of the first layer: the kind's embedding and the price's."""
    tables = {name: table.numpy() for name, table in model.nodes.encoder.tables.items()}
    assert set(tables) == {"kind", "price"}  # no id
    item = model.features.item_table
    first = tables["kind"][item["kind"]] + item["price"][:, None] * tables["price"]
    first[item["kind"] == 0] = 0  # padding and unknown have neither
    return first.astype("float64")


def test_graph_sage_is_algorithm_1_and_equation_1(interactions):
    features = features_of(interactions, Categorical("kind"), Numeric("price"))
    model = made(GraphSAGE, features, dim=4)
    model.proposal = Always()
    walks = [b["query_id"].numpy() for b in model.training_data(interactions, batch_size=512)]
    assert set(np.unique(np.concatenate(walks), return_counts=True)[1]) == {50}  # from each node
    batch = next(iter(model.training_data(interactions, batch_size=3)))
    sample, first = first_seeds(model)[0], sums_of_fields(model)
    layers = [kernel for layer in model.nodes.convolutions for kernel in layer.get_weights()]
    assert len(layers) == 2  # no bias

    nodes = np.arange(len(features.item_vocabulary))

    def vector_by(seed):
        # S_1 and S_2; Algorithm 2 begins at the batch, whose nodes draw S_2.
        drawn = [model.sampled(tf.constant(nodes), layer, seed + layer) for layer in (0, 1)]
        assert [ids.shape[1] for ids, _ in drawn] == [25, 10]
        assert all(there.numpy()[2:].all() for _, there in drawn)
        ids = [ids.numpy() for ids, _ in drawn]
        return functools.cache(
            lambda node: reference.graph_sage(
                node, 2, first, lambda node, layer: ids[layer][node], layers
            )
        )

    vector = vector_by(sample)
    losses, easy = [], vector(NOISE)
    for query, positive in zip(batch["query_id"].numpy(), batch["item_id"].numpy(), strict=True):
        noise = [] if NOISE in (query, positive) else 20 * [easy]
        losses.append(reference.graph_sage_loss(vector(query), vector(positive), noise))
    assert float(model.compute_loss(batch)) == pytest.approx(np.mean(losses), rel=1e-4)
    known = features.ids("item_id").encode(interactions.items["item_id"])
    served = [vector_by(tf.constant((20_17, 20_18)))(node) for node in known[:3]]
    found = model.embed_items(interactions.items)[:3]
    np.testing.assert_allclose(found, served, rtol=1e-3, atol=1e-5)


def test_pin_sage_is_algorithm_2_and_equation_1(interactions):
    features = features_of(interactions, Categorical("kind"), Numeric("price"))
    model = made(PinSAGE, features, dim=4, hidden=7, walks=30, negatives=6)
    batch = next(iter(model.training_data(interactions, batch_size=3)))
    events = interactions.events.sort_values(["user_id", "timestamp"])
    item = features.ids("item_id").encode(events["item_id"]).reshape(12, 5)  # a row a user
    taken = set(zip(item[:, :-1].ravel(), item[:, 1:].ravel(), strict=True))
    assert set(zip(batch["query_id"].numpy(), batch["item_id"].numpy(), strict=True)) <= taken
    model.steps.an_epoch.assign(1)
    assert model.most_hard == 6  # of a query, section 4.1
    model.steps.done.assign(2)  # of the third epoch: two hard negatives of each query
    first, layers = sums_of_fields(model), model.nodes.convolutions
    convolutions = [layer.get_weights() for layer in layers]

    def neighbours(node):
        ids, share = model.important.ids.numpy()[node], model.important.importance.numpy()[node]
        return ids[share > 0], share[share > 0]

    def vector(node):
        last = model.nodes.head.get_weights()
        return reference.pin_sage(node, 2, first, neighbours, convolutions, last)

    for_easy, for_hard, _ = first_seeds(model)
    query, positive = batch["query_id"], batch["item_id"]
    easy = model._easy(tf.concat([query, positive], axis=0), for_easy).numpy()
    assert not set(easy) & {*query.numpy(), *positive.numpy()}  # from outside of the batch
    hard = model._hard(batch["hard_ids"], for_hard).numpy()
    assert hard.shape == (3, 2)
    losses = []
    for row, (q, i) in enumerate(zip(query.numpy(), positive.numpy(), strict=True)):
        negatives = [vector(n) for n in (*easy, *(n for n in hard[row] if n and n != i))]
        losses.append(max_margin(vector(q), vector(i), negatives, margin=0.2))
    assert float(model.compute_loss(batch)) == pytest.approx(np.mean(losses), rel=1e-4)
    known = features.ids("item_id").encode(interactions.items["item_id"])
    found = model.embed_items(interactions.items)
    np.testing.assert_allclose(found, [vector(n) for n in known], rtol=1e-3, atol=1e-5)
    ways = model.retriever(interactions.items), model.trigger_retriever(interactions.items)
    for one, other in zip(*(way.similar_items(["i0"], k=3) for way in ways), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model_class", [EGES, GES, BGE])
def test_eges_is_algorithm_2(model_class, interactions):
    """Windows over walks, a pair's own negatives, and one step of descent a centre; without
    weights of the fields in GES, and without fields in BGE."""
    features = features_of(interactions, Categorical("kind"), Categorical("price"))
    settings = {"dim": 4, "window": 2, "negatives": 2, "walks": 1, "length": 5}
    model = made(model_class, features, **settings)
    model.noise.proposal = Always()
    graph = model.graph(interactions)
    events = interactions.events.sort_values(["user_id", "timestamp"])
    item = features.ids("item_id").encode(events["item_id"])
    walked = graphs_reference.item_graph(item, events["user_id"].to_numpy(), graph.shape[0])
    np.testing.assert_allclose(graph.toarray(), walked)  # no pause of an hour in it
    batch = next(iter(model.training_data(interactions, batch_size=4)))
    ids, walk = batch["item_id"].numpy(), batch["session"].numpy()
    assert ((ids[:-1] == NOISE) | (walked[ids[:-1], ids[1:]] > 0) | (walk[:-1] != walk[1:])).all()

    vectors, weighs = model.vectors, model_class is EGES
    names = ("item_id",) if model_class is BGE else ("item_id", "kind", "price")
    fields = [vectors.encoder.tables[name].numpy().astype("float64") for name in names]
    importance = np.zeros((len(fields[0]), len(names)))
    if weighs:
        importance[:] = vectors.pooling.importance.numpy()
    output = vectors.output_vectors.numpy().astype("float64")
    centres, pairs = [], 0
    for row, centre in enumerate(ids):
        near = [
            ids[other]
            for other in range(max(0, row - 2), min(len(ids), row + 3))
            if walk[other] == walk[row] and ids[other] != centre
        ]
        columns = [(other, 1.0, 0.0) for other in near]
        columns += [] if centre == NOISE else len(near) * 2 * [(NOISE, 0.0, 1.0)]
        centres.append((centre, columns))
        pairs += len(near)

    def step(centre, columns, rate):
        rows = [features.item_table[name][centre] for name in names]
        weights = importance if weighs else np.zeros(importance.shape)  # as they stay
        return reference.eges_step(fields, weights, output, rows, centre, columns, rate)

    still = [step(centre, columns, 0.0) for centre, columns in centres]
    assert float(model.compute_loss(batch)) == pytest.approx(np.sum(still) / pairs, rel=1e-4)
    for n, (centre, columns) in enumerate(centres):
        step(centre, columns, 0.025 * (1 - n / len(centres) / 40))
    model.compile()
    model.begin(Run(40, steps=1))
    model.train_step(batch)
    for name, expected in zip(names, fields, strict=True):
        found = vectors.encoder.tables[name]
        np.testing.assert_allclose(found[2:], expected[2:], rtol=1e-3, atol=1e-5)
    if weighs:
        np.testing.assert_allclose(vectors.pooling.importance, importance, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(vectors.output_vectors, output, rtol=1e-3, atol=1e-5)
    learnt = sorted(set(ids))
    table = {name: column[learnt] for name, column in features.item_table.items()}
    own = np.stack([field[table[name]] for name, field in zip(names, fields, strict=True)], axis=1)
    expected = weighted(own, importance[learnt], np.ones(own.shape[:2], bool))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(model.candidate_model(table), expected, rtol=1e-3, atol=1e-5)
