import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.neighbourhoods import relu
from tfrec_recall.data import Interactions, has_baskets
from tfrec_recall.features import Categorical, Features, History, MultiValued, Numeric
from tfrec_recall.graph import Neighbours
from tfrec_recall.models import PinSAGE
from tfrec_recall.models.graphs.node_encoder import Hidden, both_ways

SMALL = {"dim": 8, "neighbours": 4, "walks": 50, "negatives": 20, "run": None, "seed": 3}


def groups(users=40, seed=0):
    """Users who take items of one of two groups only; items 0 to 6 and 7 to 13."""
    generator = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        own = np.arange(7) if user % 2 else np.arange(7, 14)
        for place, item in enumerate(generator.permutation(own)[:5]):
            rows.append((f"u{user}", f"i{item}", 100 * place))
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    items = pd.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(14)],
            "kind": ["round"] * 7 + ["square"] * 7,
            "tags": [["a", "b"], [], ["b"], ["c"], ["a"], ["c"], ["b", "c"]] * 2,
            "price": np.arange(14.0) % 5,
        }
    )
    return Interactions(events, items=items)


def features_of(interactions):
    return Features(
        user=[History(length=5)],
        item=[Categorical("item_id"), Categorical("kind"), MultiValued("tags"), Numeric("price")],
    ).adapt(interactions)


def trained(interactions, epochs=8, **settings):
    tf.keras.utils.set_random_seed(0)
    model = PinSAGE(features_of(interactions), **{**SMALL, **settings})
    model.compile(optimizer=tf.keras.optimizers.Adam(0.01))
    model.fit(model.training_data(interactions, batch_size=32), epochs=epochs, verbose=0)
    return model


@pytest.fixture(scope="module")
def interactions():
    return groups()


@pytest.fixture(scope="module")
def model(interactions):
    return trained(interactions)


def test_layer_wise_inference_equals_one_item_at_a_time(model, interactions):
    new = pd.DataFrame({"item_id": ["new"], "kind": ["round"], "tags": [["c"]], "price": [2.0]})
    items = pd.concat([interactions.items, new], ignore_index=True)
    encoded = model.features.encode_items(items)
    together = model.embed_items(items)
    for row in range(len(items)):
        one = {name: values[row : row + 1] for name, values in encoded.items()}
        np.testing.assert_allclose(model.candidate_model(one)[0], together[row], atol=1e-5)
    ids = tf.constant(encoded["item_id"][:-1])
    np.testing.assert_allclose(model.nodes(ids), together[:-1], atol=1e-5)


def test_it_is_algorithm_2(model, interactions):
    """Two convolutions and the last layers, node by node."""
    important, nodes = model.important, model.nodes
    first = nodes.first(nodes.table(tf.range(nodes.nodes))).numpy().astype("float64")

    def of(node, depth):
        if depth == 0:
            return first[node]
        q, q_bias, w, w_bias = nodes.convolutions[depth - 1].get_weights()
        n = np.zeros(8)
        ids, shares = important.ids.numpy()[node], important.importance.numpy()[node]
        for neighbour, share in zip(ids, shares, strict=True):
            n += share / max(shares.sum(), 1e-9) * relu(of(neighbour, depth - 1) @ q + q_bias)
        z = relu(np.concatenate([of(node, depth - 1), n]) @ w + w_bias)
        return z / max(np.linalg.norm(z), 1e-6)

    g1, g1_bias, g2 = nodes.head.get_weights()
    for node in (2, 7, 15):
        expected = relu(of(node, 2) @ g1 + g1_bias) @ g2
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(nodes(tf.constant([node]))[0], expected, atol=1e-4)


def test_the_edge_between_a_query_and_its_positive_is_not_seen(interactions):
    """On a path 2 - 3 - 4, what 3 is shows in 2 if and only if their edge is there."""
    model = PinSAGE(features_of(interactions), **{**SMALL, "neighbours": 2})
    ids, weights = np.full((16, 2), -1, "int32"), np.zeros((16, 2), "float32")
    ids[2, 0], ids[3], ids[4, 0] = 3, [2, 4], 3
    weights[[2, 3, 3, 4], [0, 0, 1, 0]] = [1, 0.5, 0.5, 1]
    model.important.assign(Neighbours(ids, weights))
    nodes, nobody = tf.constant([2, 4]), tf.zeros([16], tf.bool)
    for layer in model.nodes.convolutions:  # all units are awake, whatever comes
        layer.set_weights([np.abs(weight) + 0.1 for weight in layer.get_weights()])

    def seen_of_3(pairs):
        hidden = Hidden(both_ways(*tf.transpose(tf.constant(pairs)), 16), nobody)
        embeddings = model.nodes.encoder.tables["item_id"]
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(model.nodes._hop(nodes[:1], 2, hidden, (1, 2), True)[:, 0])
        gradient = tf.convert_to_tensor(tape.gradient(total, embeddings))
        return np.abs(gradient[3]).max()

    assert seen_of_3([[2, 4]]) > 1e-6
    assert seen_of_3([[2, 3]]) == 0
    assert seen_of_3([[3, 2]]) == 0
    assert seen_of_3([[4, 2], [8, 9], [3, 2]]) == 0


def test_training_hides_the_edges_of_its_batch(interactions):
    model = PinSAGE(features_of(interactions), **SMALL)
    data = model.training_data(interactions, batch_size=8)
    batch = next(iter(data))
    seen = {}
    embed = model.nodes.embed

    def watch(nodes, hidden, **options):
        seen["edges"] = hidden.edges.numpy()
        return embed(nodes, hidden, **options)

    model.nodes.embed = watch
    model.compute_loss(batch, training=True)
    pairs = zip(batch["query_id"].numpy(), batch["item_id"].numpy(), strict=True)
    expected = [edge for q, i in pairs for edge in (q * 16 + i, i * 16 + q)]
    np.testing.assert_array_equal(seen["edges"], [-1, *np.sort(expected)])


def test_hard_negatives_are_one_more_each_epoch(interactions):
    model = PinSAGE(features_of(interactions), **{**SMALL, "most_hard": 2})
    model.steps.an_epoch.assign(10)
    pool = tf.constant([[5, 6, 7, 0, 0], [8, 0, 0, 0, 0]])
    for epoch, count in ((0, 0), (1, 1), (2, 2), (3, 2)):
        model.steps.done.assign(10 * epoch)
        drawn = model._hard(pool, tf.constant([1, epoch])).numpy()
        assert drawn.shape == (2, count)
        assert set(drawn[0]) <= {5, 6, 7}
        assert len(set(drawn[0])) == count
        assert drawn[1].tolist() == [8, 0][:count]


def test_all_of_the_pool_is_drawn(interactions):
    model = PinSAGE(features_of(interactions), **{**SMALL, "most_hard": 1})
    model.steps.an_epoch.assign(1)
    model.steps.done.assign(5)
    pool = tf.constant([[5, 6, 7]])
    drawn = {int(model._hard(pool, tf.constant([n, 0]))[0, 0]) for n in range(40)}
    assert drawn == {5, 6, 7}


def test_positives_may_be_what_a_user_took_next(interactions):
    features = features_of(interactions)
    model = PinSAGE(features, **SMALL, next_item=True)
    events = interactions.events.sort_values(["user_id", "timestamp"])
    item = features.ids("item_id").encode(events["item_id"]).reshape(40, 5)  # a row a user
    expected = np.stack([item[:, :-1].ravel(), item[:, 1:].ravel()])
    epoch = list(model.training_data(interactions, batch_size=32))
    found = [np.concatenate([batch[n] for batch in epoch]) for n in ("query_id", "item_id")]
    for pairs in (expected, found):
        pairs[:] = np.array(pairs)[:, np.lexsort(pairs)]
    np.testing.assert_array_equal(found, expected)


def test_what_was_taken_next_needs_an_order(interactions):
    events = interactions.events
    timeless = interactions.with_events(events.drop(columns="timestamp"))
    whole = events.assign(session_id=events["user_id"], timestamp=1)
    baskets = Interactions(whole, items=interactions.items)
    model = PinSAGE(features_of(interactions), **SMALL, next_item=True)
    for data, lack in ((timeless, "have no timestamps"), (baskets, "are baskets")):
        told = rf"PinSAGE pairs .* these events {lack}.*next_item=False.*Received: next_item=True"
        with pytest.raises(ValueError, match=told):
            PinSAGE.published(features_of(data))
        with pytest.raises(ValueError, match=told):
            model.training_data(data)
        assert PinSAGE.published(features_of(data), next_item=False).run is None


def test_whether_sessions_are_baskets_the_features_say(interactions):
    """A few later events may share one time in each session by chance."""
    events = interactions.events.assign(session_id=lambda e: e["timestamp"] // 300)
    features = features_of(interactions.with_events(events))
    some = events.head(50).assign(timestamp=lambda e: e["session_id"])
    later = interactions.with_events(some)
    assert has_baskets(later)
    model = PinSAGE(features, **SMALL, most_hard=0, next_item=True)
    batch = next(iter(model.batches_to_measure(later, batch_size=30)))
    assert len(batch["query_id"]) == 30  # 2 and 1 of each of 10 users
    by_user = model._graph(later.with_events(some.drop(columns="session_id")))
    np.testing.assert_array_equal(model._graph(later).toarray(), by_user.toarray())


def test_a_query_and_its_positive_are_no_hard_negatives(interactions):
    model = PinSAGE(features_of(interactions), **{**SMALL, "most_hard": 3})
    model.steps.an_epoch.assign(1)
    model.steps.done.assign(3)
    pair = {"query_id": tf.constant([2]), "item_id": tf.constant([3])}
    losses = [
        float(model.compute_loss({**pair, "hard_ids": tf.constant([pool])}))
        for pool in ([9, 0, 0], [9, 2, 3], [9, 2, 8])
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] != pytest.approx(losses[2], rel=1e-5)


def margin(vectors):
    cosines = vectors @ vectors.T
    same = np.equal.outer(np.arange(14) < 7, np.arange(14) < 7)
    return cosines[same & ~np.eye(14, dtype=bool)].mean() - cosines[~same].mean()


@pytest.mark.parametrize(
    "settings", [{}, {"with_id": False, "seed": 0}, {"most_hard": 0, "layers": 1}]
)
def test_items_of_one_group_are_near(settings, interactions, model):
    model = trained(interactions, **settings) if settings else model
    assert margin(model.embed_items(interactions.items)) > 0.3


def test_a_new_item_is_embedded_by_its_features(model, interactions):
    new = pd.DataFrame(
        {
            "item_id": ["n0", "n1"],
            "kind": ["round", "square"],
            "tags": [["a"], ["a"]],
            "price": [1.0, 1.0],
        }
    )
    items = pd.concat([interactions.items, new], ignore_index=True)
    vectors = model.embed_items(items)
    cosines = vectors[14:] @ vectors[:14].T
    assert cosines[0, :7].mean() > cosines[0, 7:].mean() + 0.2
    assert cosines[1, 7:].mean() > cosines[1, :7].mean() + 0.2


def test_cold_items_are_without_id_and_neighbours(model):
    nobody, cold = tf.zeros([16], tf.bool), tf.range(16) == 5
    no_edge = tf.constant([0], tf.int64)
    shown = model.nodes.embed(tf.constant([5]), Hidden(no_edge, cold))
    item = {name: column[5:6] for name, column in model.features.item_table.items()}
    as_new = model.candidate_model({**item, "item_id": np.array([1])})
    np.testing.assert_allclose(shown, as_new, atol=1e-5)
    known = model.nodes.embed(tf.constant([5]), Hidden(no_edge, nobody))
    assert np.abs(known - as_new).max() > 1e-3


def test_triggers_and_the_mean_know_the_group(model, interactions):
    for retriever in (
        model.retriever(interactions.items),
        model.trigger_retriever(interactions.items),
    ):
        ids, _ = retriever({"history": [["i0", "i1"]]}, k=5, exclude=[["i0", "i1"]])
        assert set(ids.numpy()[0].astype(str)) == {f"i{n}" for n in range(2, 7)}
    ids, _ = model.retriever(interactions.items).similar_items(["i8"], k=6)
    assert set(ids.numpy()[0].astype(str)) == {f"i{n}" for n in range(7, 14)} - {"i8"}


def test_measuring_changes_nothing(interactions, model):
    learnt = [*model.nodes.weights, *model.steps.weights]
    before = [weight.numpy() for weight in learnt]
    loss = model.evaluate(model.training_data(interactions, 32), verbose=0, return_dict=True)
    assert np.isfinite(loss["loss"])
    for ours, theirs in zip(learnt, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_wrong_arguments_are_named(interactions):
    features = features_of(interactions)
    with pytest.raises(ValueError, match=r"negatives as a whole number from 1 up.*negatives=0"):
        PinSAGE(features, negatives=0)
    alone = Features(user=[History(length=5)], item=[Categorical("item_id")]).adapt(interactions)
    with pytest.raises(ValueError, match=r"Without the id .*set with_id=True; the form of the"):
        PinSAGE.published(alone)
    with pytest.raises(ValueError, match=r"hard_ranks as a window of ranks.*hard_ranks=\(5, 5\)"):
        PinSAGE(features, hard_ranks=(5, 5))
    assert PinSAGE(features, hard_ranks=tuple(np.array([3, 9]))).hard_ranks == (3, 9)
