import dataclasses
import functools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references import adaptive_rows, graphs, side_info_pooling
from tests.references.skip_gram import negative_sampling
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, MultiValued, Numeric, Vector
from tfrec_recall.graph import NoiseRemoval, hide_links
from tfrec_recall.models import BGE, EGES, GES
from tfrec_recall.models.graphs.side_info_vectors import OUTPUT, WEIGHTS

SMALL = {
    "shrinkage": 0.0,
    "dim": 8,
    "rate": 0.3,
    "negatives": 2,
    "block": 2,
    "lanes": 2,
    "walks": 4,
    "window": 2,
}
EACH = pytest.mark.parametrize("model_class", [BGE, GES, EGES])


def groups(users=40, seed=0):
    """Users who take items of one of two groups only; items 0 to 5 and 6 to 13."""
    generator = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        own = np.arange(6) if user % 2 else np.arange(6, 14)
        for place, item in enumerate(generator.permutation(own)[:5]):
            rows.append((f"u{user}", f"i{item}", 100 * place))
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    items = pd.DataFrame({"item_id": [f"i{item}" for item in range(14)]})
    items["kind"] = ["round"] * 6 + ["square"] * 8
    items["tags"] = [["soft", "red"], ["soft"], []] * 2 + [["hard", "red"], ["hard"]] * 4
    items["price"] = np.linspace(1, 9, 14)
    return Interactions(events, items=items)


def features_of(interactions):
    return Features(
        user=[History(length=5)],
        item=[Categorical("item_id"), Categorical("kind"), MultiValued("tags"), Numeric("price")],
    ).adapt(interactions)


def trained(model_class, interactions, epochs=6, **settings):
    tf.keras.utils.set_random_seed(0)
    model = model_class(features_of(interactions), **{**SMALL, "decay_epochs": epochs, **settings})
    model.compile()
    model.fit(model.training_data(interactions, batch_size=16), epochs=epochs, verbose=0)
    return model


@functools.cache
def of_groups(model_class):
    """A model of the groups, with the retriever and the trigger retriever of their items."""
    interactions = groups()
    model = trained(model_class, interactions, popularity=0.5)
    items = interactions.items
    return model, model.retriever(items), model.trigger_retriever(items)


@functools.cache
def with_a_new_item(model_class):
    """The model of the groups, their items and a new round one, and retrievers of these."""
    model, *_ = of_groups(model_class)
    new = {"item_id": ["new"], "kind": ["round"], "tags": [["soft", "never seen"]], "price": [2.0]}
    items = pd.concat([groups().items, pd.DataFrame(new)], ignore_index=True)
    return model, items, model.retriever(items)


@EACH
def test_items_of_one_group_are_near_and_users_find_theirs(model_class):
    interactions = groups()
    model, *retrievers = of_groups(model_class)
    vectors = model.embed_items(interactions.items)
    cosines = vectors @ vectors.T
    same = np.equal.outer(np.arange(14) < 6, np.arange(14) < 6)
    assert cosines[same & ~np.eye(14, dtype=bool)].mean() - cosines[~same].mean() > 0.5
    for retriever in retrievers:
        ids, _ = retriever({"history": [["i0", "i1"]]}, k=4, exclude=[["i0", "i1"]])
        assert set(ids.numpy()[0].astype(str)) == {"i2", "i3", "i4", "i5"}


def test_a_step_is_the_references_gradient():
    """Of the skip-gram by H, and of H by the id's row, the kind's, the tags', the price's and the
    look's; the second centre is shown without its id."""
    interactions = groups()
    look = pd.DataFrame(np.random.default_rng(2).normal(size=(14, 3))).to_numpy().tolist()
    features = Features(
        user=[History(length=5)],
        item=[
            Categorical("item_id"),
            Categorical("kind"),
            MultiValued("tags"),
            Numeric("price"),
            Vector("look"),
        ],
    ).adapt(dataclasses.replace(interactions, items=interactions.items.assign(look=look)))
    model = EGES(features, **{**SMALL, "longest_step": 1e9})
    generator = np.random.default_rng(1)
    tables = model.vectors.encoder.tables | {
        WEIGHTS: model.vectors.pooling.importance,
        OUTPUT: model.vectors.output_vectors,
    }
    before, sums = {}, {}
    for name, table in tables.items():
        before[name] = generator.normal(size=table.shape)
        sums[name] = generator.uniform(0.5, 2, size=len(before[name]))
        table.assign(before[name])
        model.vectors.rows[name].sums.assign(sums[name])
    centre, context, noise = np.array([[2, 4, 2]]), np.array([[5, 3]]), np.array([[9]])
    cold = np.array([[False, True, False]])
    positive = np.array([[[1, 0], [1, 1], [0, 1]]], "float32")
    negative = np.array([[[0.5], [0.0], [2.0]]], "float32")

    item = {name: rows[centre[0]] for name, rows in features.item_table.items()}
    has_tag = item["tags"] > 1
    counts = np.maximum(has_tag.sum(axis=1, keepdims=True), 1)
    fields = np.stack(
        [
            before["item_id"][centre[0]],
            before["kind"][item["kind"]],
            (before["tags"][item["tags"]] * has_tag[:, :, None]).sum(axis=1) / counts,
            before["price"][0] * item["price"][:, None],
            item["look"] @ before["look"],
        ],
        axis=1,
    )
    present = np.stack([~cold[0], *[np.array([True] * 3)] * 4], axis=1)
    present[:, 2] = has_tag.any(axis=1)
    assert not present[:, 2].all()  # an item without tags is among them
    weights = np.where(cold[0][:, None], 0, before[WEIGHTS][centre[0]])
    pooled = side_info_pooling.weighted(fields, weights, present)
    columns = np.concatenate([context[0], noise[0]])
    _, by_centre, by_column = negative_sampling(
        pooled,
        before[OUTPUT][columns],
        np.concatenate([positive[0], np.zeros((3, 1))], axis=1),
        np.concatenate([np.zeros((3, 2)), negative[0]], axis=1),
    )
    by_fields, by_weights = side_info_pooling.gradients(fields, weights, present, by_centre)
    by_tag = by_fields[:, 2, None] / counts[:, :, None] * has_tag[:, :, None]
    changes = {
        "item_id": (centre[0], by_fields[:, 0] * ~cold[0][:, None]),
        "kind": (item["kind"], by_fields[:, 1]),
        "tags": (item["tags"].ravel(), by_tag.reshape(-1, 8)),
        "price": (np.zeros(3, int), by_fields[:, 3] * item["price"][:, None]),
        "look": (
            np.tile(np.arange(3), 3),
            np.einsum("bn,bd->bnd", item["look"], by_fields[:, 4]).reshape(-1, 8),
        ),
        WEIGHTS: (centre[0], by_weights * ~cold[0][:, None]),
        OUTPUT: (columns, by_column),
    }
    assert changes.keys() == tables.keys()

    model.vectors.learn(centre, context, positive, noise, negative, tf.constant(0.1), cold)
    for name, (ids, gradient) in changes.items():
        after, _ = adaptive_rows.step(before[name], sums[name], ids, gradient, 0.1, 1e9)
        np.testing.assert_allclose(tables[name], after, rtol=1e-4, atol=1e-5, err_msg=name)
        assert np.abs(after - before[name]).max() > 1e-3


@pytest.mark.parametrize("model_class", [GES, EGES])
def test_a_new_item_is_the_mean_of_its_side_information_at_once(model_class):
    model, items, retriever = with_a_new_item(model_class)
    encoded = model.features.encode_items(items.tail(1))
    _, kind, tags, price, *_ = (weight.numpy() for weight in model.vectors.inputs_of)
    soft = model.features.encodings["tags"].vocabulary.encode(np.array(["soft"]))[0]
    mean = kind[encoded["kind"][0]] + tags[soft] + price[0] * encoded["price"][0]
    vector = model.embed_items(items)[-1]
    centre = model.centring.mean.numpy()
    assert np.linalg.norm(centre) > 0.01
    mean = mean / np.linalg.norm(mean) - centre
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-5)
    ids, _ = retriever.similar_items(["new"], k=6)
    assert set(ids.numpy()[0].astype(str)) == {f"i{n}" for n in range(6)}
    ids, _ = retriever({"history": [["new"]]}, k=6, exclude=[["new"]])
    assert set(ids.numpy()[0].astype(str)) == {f"i{n}" for n in range(6)}


@pytest.mark.parametrize(("model_class", "share"), [(BGE, 0), (GES, 0.3), (EGES, 0.3)])
def test_a_share_of_centres_is_shown_without_its_id(model_class, share):
    interactions = groups()
    tf.keras.utils.set_random_seed(0)
    settings = {**SMALL, "block": 16, "lanes": 8, **({"cold_rate": share} if share else {})}
    model = model_class(features_of(interactions), **settings)
    learn, seen = model.vectors.learn, []

    def watch(*arguments):
        seen.append(arguments[-1])
        return learn(*arguments)

    model.vectors.learn = watch
    for batch in model.training_data(interactions, batch_size=64).take(1):
        model.compute_loss(batch)
    if not share:
        assert seen == [None] * len(seen) != []
        return
    drawn = [block.numpy() for block in seen]  # [lanes, block] each
    assert sum(block.size for block in drawn) > 500
    assert abs(np.mean(drawn) - share) < 0.06
    assert len({block.tobytes() for block in drawn}) == len(drawn) > 3  # drawn anew each time


def test_a_centre_that_has_nothing_but_its_id_keeps_it():
    """Of two cold centres, the tables of the one with tags learn these, of the other the id."""
    features = Features([History(length=5)], [Categorical("item_id"), MultiValued("tags")])
    features.adapt(groups())
    model = EGES(features, **SMALL)
    has_tags = (features.item_table["tags"][2:] != 0).any(axis=1)  # of known items
    tagged, bare = 2 + has_tags.argmax(), 2 + has_tags.argmin()
    model.vectors.output_vectors.assign(tf.ones_like(model.vectors.output_vectors))
    before = model.vectors.encoder.tables["item_id"].numpy()
    one = np.ones((1, 2, 1), "float32")
    arguments = np.array([[tagged, bare]]), np.array([[9]]), one, np.array([[8]]), 0 * one
    model.vectors.learn(*arguments, tf.constant(0.1), tf.constant([[True, True]]))
    moved = np.abs(model.vectors.encoder.tables["item_id"] - before).max(axis=1)
    assert np.flatnonzero(moved).tolist() == [bare]
    assert np.flatnonzero(model.vectors.learnt.numpy()[2:]).tolist() == [bare - 2]


@pytest.mark.parametrize("model_class", [GES, EGES])
def test_where_items_are_ids_alone_none_is_cold(model_class):
    features = Features([History(length=5)], [Categorical("item_id")]).adapt(groups())
    assert model_class(features, **SMALL).cold_rate == 0
    with pytest.raises(ValueError, match=r"where there is side info.*Received: cold_rate=0\.5"):
        model_class(features, cold_rate=0.5)


def test_scores_are_lifted_by_popularity_and_those_of_new_items_are_cosines():
    model, items, retriever = with_a_new_item(EGES)
    vectors = model.embed_items(items)
    counts = items["item_id"].map(groups().events["item_id"].value_counts()).fillna(1)
    expected = vectors @ vectors[0] * np.sqrt(counts.to_numpy())
    for one in (retriever, model.trigger_retriever(items)):
        ids, scores = one({"history": [["i0"]]}, k=15, exclude=[["i0"]])
        found = pd.Series(scores.numpy()[0], index=ids.numpy()[0].astype(str)).drop("")
        wanted = pd.Series(expected, index=items["item_id"])[found.index]
        assert len(found) == 14
        np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_a_new_item_without_side_information_is_zeros():
    model, *_ = of_groups(BGE)
    new = pd.DataFrame({"item_id": ["new"], "kind": ["round"], "tags": [[]], "price": [2.0]})
    assert (model.embed_items(new) == 0).all()


def test_the_class_chooses_the_side_information_and_an_argument_overrules_it():
    features = features_of(groups())
    shares = {}
    for model_class in (BGE, GES, EGES):
        model = model_class(features, **SMALL)
        shares[model_class] = model.vectors.pooling.side_info, len(model.vectors.fields)
    assert shares == {BGE: ("none", 1), GES: ("mean", 4), EGES: ("weighted", 4)}
    assert EGES(features, side_info="mean", **SMALL).vectors.pooling.side_info == "mean"


def test_each_item_learns_weights_of_its_own():
    model, *_ = of_groups(EGES)
    importance = model.vectors.pooling.importance.numpy()
    assert len(np.unique(importance[2:, 0])) == 14
    np.testing.assert_array_equal(importance[:2], 0)  # a new item weighs all alike


def test_the_graph_keeps_direction_and_weight_and_users_apart():
    interactions = groups()
    model = EGES(features_of(interactions), **SMALL, reach=2)
    events = interactions.events.sort_values(["user_id", "timestamp"])
    item = model.features.encodings["item_id"].encode(events["item_id"])
    user = pd.factorize(events["user_id"])[0]
    expected = graphs.item_graph(item, user, 16, reach=2)
    np.testing.assert_array_equal(model.graph(interactions).toarray(), expected)


def test_baskets_are_complete_graphs():
    events = pd.DataFrame(
        {
            "user_id": ["a"] * 5,
            "item_id": list("xyzxw"),
            "timestamp": [1, 1, 1, 9, 9],
            "session_id": [1, 1, 1, 2, 2],
        }
    )
    interactions = Interactions(events)
    features = EGES.default_features(interactions).adapt(interactions)
    x, y, z, w = features.encodings["item_id"].encode(pd.Series(list("xyzw"))) - 2
    expected = graphs.basket_graph([[x, y, z], [x, w]], 4)
    found = EGES(features, **SMALL).graph(interactions).toarray()
    np.testing.assert_allclose(found[2:, 2:], expected, rtol=1e-6)


def test_noise_is_removed_and_counted():
    interactions = groups()
    model = EGES(features_of(interactions), **SMALL, noise_removal=NoiseRemoval(most_events=4))
    assert model.graph(interactions).nnz == 0
    assert (model.removed.users, model.removed.of_users) == (40, 200)


def test_hidden_links_are_foretold():
    interactions = groups()
    model = EGES(features_of(interactions), **SMALL, reach=1)
    links = hide_links(model.graph(interactions))
    model.compile()
    model.fit(model.walk_data(links.graph, batch_size=16), epochs=6, verbose=0)
    vectors = tf.math.l2_normalize(model.vectors(np.arange(16)), axis=1).numpy()
    assert links.auc(lambda a, b: (vectors[a] * vectors[b]).sum(axis=1)) > 0.9


def test_wrong_arguments_are_named():
    features = features_of(groups())
    with pytest.raises(ValueError, match=r"length as a whole number from 2 up.*length=1"):
        EGES(features, length=1)
    with pytest.raises(ValueError, match=r"cold_rate as a number .*Received: cold_rate=1\.5"):
        EGES(features, cold_rate=1.5)
    with pytest.raises(ValueError, match=r"one of none, mean, weighted\. Received: 'sum'"):
        EGES(features, side_info="sum")


def test_similar_items_are_by_cosine_and_agree_with_triggers():
    interactions = groups()
    model, retriever, triggers = of_groups(EGES)
    items = interactions.items
    vectors = model.embed_items(items)
    cosines = pd.Series(vectors @ vectors[0], index=items["item_id"]).drop("i0")
    ids, scores = (part.numpy()[0] for part in retriever.similar_items(["i0"], k=13))
    assert ids.astype(str).tolist() == cosines.sort_values(ascending=False).index.tolist()
    np.testing.assert_allclose(scores, cosines[ids.astype(str)], rtol=1e-4, atol=1e-6)
    for ours, theirs in zip(triggers.similar_items(["i0"], k=13), (ids, scores), strict=True):
        np.testing.assert_array_equal(ours[0], theirs)
    counts = interactions.events["item_id"].value_counts()
    found, lifted = (part.numpy()[0] for part in triggers({"history": [["i0"]]}, k=13))
    found = found.astype(str)
    np.testing.assert_allclose(lifted, cosines[found] * np.sqrt(counts[found]), rtol=1e-4)
    for one in (retriever, triggers):
        np.testing.assert_allclose(one.embed_item({"item_id": ["i3"]})[0], vectors[3], atol=1e-6)


def test_an_item_that_was_never_a_centre_has_no_id():
    interactions = groups()
    alone = pd.DataFrame({"user_id": ["x"], "item_id": ["lonely"], "timestamp": [5]})
    row = {"item_id": ["lonely"], "kind": ["round"], "tags": [["soft"]], "price": [2.0]}
    items = pd.concat([interactions.items, pd.DataFrame(row)], ignore_index=True)
    events = pd.concat([interactions.events, alone], ignore_index=True)
    model = trained(EGES, Interactions(events, items=items), epochs=1)
    new = items.tail(1).assign(item_id="new")
    np.testing.assert_allclose(model.embed_items(items)[-1], model.embed_items(new)[0], atol=1e-6)


def test_sequences_are_sessions_where_there_are_any():
    interactions = groups()
    events = interactions.events.assign(session_id=lambda e: e["timestamp"] // 200)
    by_id = Interactions(events, items=interactions.items)
    features = features_of(by_id)
    whole = EGES(features, **SMALL, reach=1, by_session=False).graph(by_id)
    apart = EGES(features, **SMALL, reach=1).graph(by_id)
    assert (whole.sum(), apart.sum()) == (40 * 4, 40 * 2)
    paused = EGES(features, **SMALL, reach=1, by_session=False, gap=99).graph(by_id)
    assert paused.nnz == 0
