import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references import mind
from tests.references.interests import squash
from tfrec_recall.data import Interactions
from tfrec_recall.export import export, load
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import MIND
from tfrec_recall.models.sequences.mind import DRAW
from tfrec_recall.retrieval import Diversity, Exact, InvertedFile, ScaNN
from tfrec_recall.sampling import LogUniform

ITEMS, LENGTH = 40, 12
SMALL = {"dim": 8, "interests": 3, "hidden": (16,), "dropout": 0.0, "negatives": 12}


@pytest.fixture(scope="module")
def interactions():
    generator = np.random.default_rng(0)
    events = pd.DataFrame(
        {
            "user_id": generator.choice([f"u{n}" for n in range(9)], 300),
            "item_id": generator.choice([f"i{n}" for n in range(ITEMS)], 300),
            "timestamp": generator.permutation(300) * 60,
        }
    )
    names = [f"i{n}" for n in range(ITEMS)]
    items = pd.DataFrame({"item_id": names, "shop": [f"s{n % 4}" for n in range(ITEMS)]})
    return Interactions(events, items=items)


@pytest.fixture(scope="module")
def features(interactions):
    return Features(
        user=[Categorical("user_id"), History(length=LENGTH)],
        item=[Categorical("item_id"), Categorical("shop")],
    ).adapt(interactions)


def built(features, **settings):
    tf.keras.utils.set_random_seed(0)
    model = MIND(features, **{**SMALL, **settings})
    model.compile(optimizer="adam")
    return model


@pytest.fixture(scope="module")
def model(features, interactions):
    model = built(features)
    model.fit(model.training_data(interactions, batch_size=32), epochs=2, verbose=0)
    return model


def queries(*histories):
    return {"user_id": ["u1"] * len(histories), "history": list(histories)}


def vectors(model, *histories):
    encoded = model.retriever(pd.DataFrame({"item_id": ["i1"], "shop": ["s1"]})).query_embedder
    raw = {"user_id": tf.constant(["u1"] * len(histories))}
    raw["history"] = tf.ragged.constant(histories, dtype=tf.string).to_tensor("")
    return [part.numpy() for part in encoded(raw)]


SEEN = ["i5", "i3", "i9", "i12", "i30", "i7", "i8", "i11"]


def test_padding_changes_nothing(model):
    plain, _ = vectors(model, SEEN)
    gaps = ["i5", "", "i3", "i9", "", "", "i12", "i30", "i7", "i8", "i11"]
    for padded in (["", "", *SEEN], SEEN + [""] * 30, gaps):
        np.testing.assert_allclose(vectors(model, padded)[0], plain, rtol=1e-5, atol=1e-6)


def test_serving_is_the_same_each_time_and_whoever_else_is_asked(model):
    histories = [SEEN, ["i1"], [], SEEN[2:], ["i4", "i6", "i2", "i3"]]
    first, present = vectors(model, *histories)
    np.testing.assert_array_equal(vectors(model, *histories)[0], first)
    turned, _ = vectors(model, *histories[::-1])
    np.testing.assert_allclose(turned, first[::-1], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(present.sum(1), [3, 1, 1, 2, 2])


def test_the_interests_are_those_of_the_log_of_the_history(model, interactions):
    batch = next(iter(model.training_data(interactions, batch_size=64)))
    events = (batch["history"].numpy() != 0).sum(1)
    expected = [max(1, min(3, int(np.log2(n)))) for n in events]
    for training in (True, False):
        np.testing.assert_array_equal(model.query(batch, training)[1].numpy().sum(1), expected)
    assert len(set(expected)) == 3


@pytest.mark.parametrize("index", [Exact(), ScaNN(leaves=2, leaves_to_search=2, reorder=ITEMS)])
def test_interests_that_are_not_there_bring_nothing(model, interactions, index):
    retriever = model.retriever(interactions.items, index, k=ITEMS)
    histories = (["i1", "i2"], SEEN)
    item_id, score, interest = retriever.recommend_with_interest(
        queries(*histories), exclude=[["i4"], ["i4", "i6"]]
    )
    assert set(interest.numpy()[0]) == {0, -1}
    assert set(interest.numpy()[1]) <= {0, 1, 2, -1}
    found, _ = vectors(model, *histories)
    items = model.embed_items(interactions.items)
    products = np.einsum("bid,nd->bin", found, items)
    place = {f"i{n}": n for n in range(ITEMS)}
    for row, interests, left_out in ((0, 1, {"i4"}), (1, 3, {"i4", "i6"})):
        best = products[row, :interests].max(0)
        wanted = [n for n in np.argsort(-best) if f"i{n}" not in left_out]
        names = [raw.decode() for raw in item_id.numpy()[row] if raw]
        assert len(set(names)) == len(names) == ITEMS - len(left_out)
        np.testing.assert_allclose(best[[place[n] for n in names]], best[wanted], rtol=1e-4)
        np.testing.assert_allclose(score[row, : len(wanted)], best[wanted], rtol=1e-4, atol=1e-6)


def test_the_loss_is_the_corrected_softmax_of_the_label_aware_vector(model, interactions):
    batch = next(iter(model.training_data(interactions, batch_size=16)))
    tf.random.set_seed(5)
    extra = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch, training=False))

    ids = np.concatenate([batch["item_id"].numpy(), extra])
    interests, present = (part.numpy() for part in model.query(batch))
    items = model.candidate_model(model.items(tf.constant(ids))).numpy()
    data = model.training_data(interactions, batch_size=64)  # what an epoch has as targets
    counts = np.bincount(np.concatenate([b["item_id"] for b in data]), minlength=ITEMS + 2)
    proposal = (16 * counts[ids] / counts.sum() + 12 / ITEMS) / (16 + 12)
    losses = []
    for row in range(16):
        there = interests[row][present[row]]
        attention = np.exp(there @ items[row])  # power 1
        user = attention / attention.sum() @ there
        logits = items @ user / 0.2 - np.log(proposal)
        own = np.isin(ids, batch["own_items"][row])
        kept = ~own | (np.arange(len(ids)) == row)
        losses.append(np.log(np.exp(logits[kept]).sum()) - logits[row])
    weights = batch["sample_weight"].numpy()
    assert loss == pytest.approx(np.mean(weights * losses), rel=1e-4)


def test_one_interest_is_the_single_vector_model(interactions):
    """The squashed sum of what was watched, around its tower, and a softmax of its cosine."""
    features = Features(user=[History(length=LENGTH)], item=[Categorical("item_id")])
    features.adapt(interactions)
    model = built(features, interests=1, recency=False, common=False, hidden=(), power=7.0)
    history = np.zeros((4, LENGTH), "int32")
    for row, count in enumerate((0, 1, 5, LENGTH)):
        history[row, :count] = np.arange(count) + 3
    inputs = {"history": tf.constant(history), DRAW: tf.random.normal([4, LENGTH, 1])}
    drawn, _ = model.drawn_model(inputs, training=True)
    served, _ = model.query_model({"history": tf.constant(history)})
    np.testing.assert_allclose(drawn, served, rtol=1e-5)  # the routing has nothing to decide

    table = model.item_model({"item_id": tf.range(len(features.item_counts))}).numpy()
    (tower,) = [layer for layer in model.drawn_model.layers if layer.name.startswith("tower")]
    kernel, bias = tower.get_weights()
    items = table / np.linalg.norm(table, axis=1, keepdims=True).clip(1e-9)
    for row in range(4):
        interest = squash(table[history[row]].sum(0))
        expected = interest + interest @ kernel + bias
        expected /= np.linalg.norm(expected).clip(1e-9)
        np.testing.assert_allclose(served[row, 0], expected, rtol=1e-4, atol=1e-5)
        user = model.attention((served[row : row + 1], items[row : row + 1]))
        np.testing.assert_allclose(user[0], served[row, 0], rtol=1e-6)


def test_a_feature_of_the_user_may_be_called_draw(interactions):
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(9)], "draw": [*"abcabcabc"]})
    of_lottery = Interactions(interactions.events, users)
    user = [Categorical("draw"), History(length=LENGTH)]
    features = Features(user=user, item=[Categorical("item_id")]).adapt(of_lottery)
    model = built(features)
    batch = next(iter(model.training_data(of_lottery, batch_size=16)))
    assert {*batch["draw"].numpy()} == {2, 3, 4}
    assert np.isfinite(model.compute_loss(batch, training=True))
    assert model.query_model.input_names == ["draw", "history"]


@pytest.mark.parametrize("power", [2.0, float("inf")])
def test_the_published_form_is_the_papers(features, interactions, power):
    settings = {"dim": 8, "interests": 3, "hidden": (16,), "power": power}
    tf.keras.utils.set_random_seed(3)
    model = MIND.published(features, negatives=LogUniform(12), **settings)
    batch = next(iter(model.training_data(interactions, batch_size=16)))
    tf.random.set_seed(5)
    drawn = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch, training=False))

    table = features.item_table
    (encoder,) = [layer for layer in model.item_model.layers if "encoder" in layer.name]
    by_id, by_shop = (encoder.tables[name].numpy() for name in ("item_id", "shop"))
    items = (by_id + by_shop[table["shop"]] * (table["shop"] > 0)[:, None]) / 2
    layers = {layer.name.split("_")[0]: layer for layer in model.drawn_model.layers}
    (bilinear,) = layers["capsule"].get_weights()
    assert not layers["capsule"].stop_gradient
    users = layers["feature"].tables["user_id"].numpy()
    tower = layers["tower"].get_weights()
    tower = list(zip(tower[::2], tower[1::2], strict=True))
    rank = np.argsort(np.argsort(-features.item_counts[2:], kind="stable"))
    log_q = np.log(np.log((rank + 2) / (rank + 1)) / np.log(len(rank) + 1))
    losses, served = [], model.query(batch)[0].numpy()
    for row, target in enumerate(batch["item_id"].numpy()):
        history = batch["history"].numpy()[row]
        history = history[history > 1]
        draw = layers["capsule"]._fixed[np.arange(len(history))[::-1]]
        profile = users[batch["user_id"].numpy()[row]]
        vectors = mind.user_vectors(items[history], profile, bilinear, draw, 3, 3, tower)
        np.testing.assert_allclose(served[row, : len(vectors)], vectors, rtol=1e-4, atol=1e-5)
        others = drawn[drawn != target]
        if power == 2.0:
            own = mind.loss(
                vectors, items[target], items[others], power, log_q[[target - 2, *(others - 2)]]
            )
        else:  # the best interest alone
            best = vectors[[np.argmax(vectors @ items[target])]]
            own = mind.loss(
                best, items[target], items[others], 1, log_q[[target - 2, *(others - 2)]]
            )
        losses.append(batch["sample_weight"].numpy()[row] * own)
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)


def test_what_training_never_saw_is_no_behaviour(model):
    plain, present = vectors(model, SEEN[:7])
    odd = [SEEN[0], "never", *SEEN[1:7], "seen", "this"]
    found, there = vectors(model, odd)
    np.testing.assert_allclose(found, plain, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(there, present)
    assert present.sum() == 2  # of seven, and of eight there would be three


def test_diversity_spreads_a_list_over_shops(model, interactions):
    shops = dict(zip(interactions.items["item_id"], interactions.items["shop"], strict=True))

    def shops_of(diversity):
        retriever = model.retriever(interactions.items, k=4, diversity=diversity)
        return [{shops[raw.decode()] for raw in row} for row in retriever(queries(SEEN))[0].numpy()]

    (spread,) = shops_of(Diversity(interactions.items["shop"], weight=2.0, candidates=10))
    assert len(spread) == 4


def test_the_export_says_which_interest(model, interactions, tmp_path):
    retriever = model.retriever(interactions.items, k=6)
    loaded = load(export(retriever, tmp_path / "mind"))
    ours = retriever.recommend_with_interest(queries(SEEN, []))
    theirs = loaded.recommend_with_interest(queries(SEEN, []))
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[2], theirs[2])
    signature = tf.saved_model.load(str(loaded.path)).signatures["recommend_with_interest"]
    assert set(signature.structured_outputs) == {"item_id", "score", "interest"}


def test_training_draws_anew_and_serving_never(features, interactions):
    model = built(features, dropout=0.0, negatives=0)
    batch = next(iter(model.training_data(interactions, batch_size=64)))
    losses = {float(model.compute_loss(batch, training=True)) for _ in range(3)}
    assert len(losses) == 3
    assert len({float(model.compute_loss(batch, training=False)) for _ in range(3)}) == 1
    seeds = [tf.constant(seed) for seed in ([1, 2], [1, 2], [3, 2])]
    first, again, other = (
        float(model.compute_loss({**batch, "seed": seed}, training=True)) for seed in seeds
    )
    assert first == again != other


@pytest.mark.parametrize("self_attentive", [False, True])
def test_every_weight_learns(features, interactions, self_attentive):
    model = built(features, self_attentive=self_attentive)
    batch = next(iter(model.training_data(interactions, batch_size=64)))
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_without_times_an_index_is_tuned_with_sets_of_any_size(interactions):
    timeless = interactions.with_events(interactions.events.drop(columns="timestamp"))
    features = Features(
        user=[Categorical("user_id"), History(length=LENGTH)],
        item=[Categorical("item_id"), Categorical("shop")],
    ).adapt(timeless)
    model = built(features)
    model.run_eagerly = True
    batch = model.training_data(timeless, batch_size=16).take(1)
    model.fit(batch, verbose=0)
    index = InvertedFile(recall=0.9)
    retriever = model.retriever(
        interactions.items, index=index, k=5, tuning_queries=queries(SEEN[:3], SEEN[:2])
    )
    assert retriever(queries(SEEN * 2))[0].shape == (1, 5)
