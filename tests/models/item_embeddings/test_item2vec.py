import functools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.skip_gram import mean_of_last, negative_sampling
from tfrec_recall.data import Interactions, has_baskets
from tfrec_recall.data.feeding.windows import Block, flatten_sessions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.streaming import parquet
from tfrec_recall.export import write_projector
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import Item2Vec
from tfrec_recall.models.item_embeddings import item2vec, item_space
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables

SMALL = {"dim": 8, "rate": 0.2, "negatives": 2, "block": 2, "lanes": 2, "threshold": None}


def groups(users=40, seed=0):
    """Users who take items of one of two groups only; items 0 to 5 and 6 to 13."""
    generator = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        own = np.arange(6) if user % 2 else np.arange(6, 14)
        for place, item in enumerate(generator.permutation(own)[:5]):
            rows.append((f"u{user}", f"i{item}", 100 * place))
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    names = [f"i{item}" for item in range(14)]
    kinds = ["round"] * 6 + ["square"] * 8
    return Interactions(events, items=pd.DataFrame({"item_id": names, "kind": kinds}))


def untrained(interactions, **settings):
    features = Features(
        user=[History(length=5)], item=[Categorical("item_id"), Categorical("kind")]
    ).adapt(interactions)
    tf.keras.utils.set_random_seed(0)
    return Item2Vec(features, **{**SMALL, **settings})


def trained(interactions, epochs=8, **settings):
    model = untrained(interactions, **{"decay_epochs": epochs, **settings})
    model.compile()
    model.fit(model.training_data(interactions, batch_size=16), epochs=epochs, verbose=0)
    return model


@functools.cache
def of_groups():
    return trained(groups())


def test_whether_sessions_are_baskets_the_features_say(monkeypatch):
    """Of baskets the order is drawn anew; a few later events may look like some by chance."""
    events, shuffled = groups().events.assign(session_id=1), []
    model = untrained(groups().with_events(events))
    monkeypatch.setattr(item2vec, "session_batches", lambda *given: shuffled.append(given[-1]))
    later = groups().with_events(events.head(10).assign(timestamp=1))
    assert has_baskets(later)
    model.batches_to_measure(later, batch_size=4)
    untrained(later).training_data(later, batch_size=4)
    assert shuffled == [False, True]


def with_random_vectors(interactions, **settings):
    model, generator = untrained(interactions, **settings), np.random.default_rng(3)
    for table in (model.tables.input_vectors, model.tables.output_vectors):
        table.assign(generator.normal(size=table.shape))
    model.tables.learnt.assign(tf.ones_like(model.tables.learnt))
    return model


def margin(model, interactions):
    """How much nearer items of one group are than items of two."""
    vectors = model.embed_items(interactions.items)
    cosines = vectors @ vectors.T
    same = np.equal.outer(np.arange(14) < 6, np.arange(14) < 6)
    return cosines[same & ~np.eye(14, dtype=bool)].mean() - cosines[~same].mean()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"window": None},
        {"cbow": True, "rate": 0.05, "epochs": 30},
        {"window": 2, "power": 0.0},
    ],
)
def test_items_of_one_group_are_near(settings):
    interactions = groups()
    model = trained(interactions, **settings) if settings else of_groups()
    assert margin(model, interactions) > 0.5


def test_a_step_is_the_references_gradient():
    generator = np.random.default_rng(1)
    tables = VectorTables(9, 4, longest_step=1e9)
    before = generator.normal(size=(9, 4)), generator.normal(size=(9, 4))
    tables.input_vectors.assign(before[0])
    tables.output_vectors.assign(before[1])
    centre, context = np.array([[2, 3, 2]]), np.array([[4, 2, 5, 4]])  # rows that come twice
    noise = np.array([[5, 8]])
    positive = generator.integers(0, 2, size=(1, 3, 4)).astype("float32")
    negative = generator.uniform(size=(1, 3, 2)).astype("float32")
    tables.learn(centre, context, positive, noise, negative, tf.constant(0.1))
    columns = np.concatenate([context[0], noise[0]])
    _, by_centre, by_column = negative_sampling(
        before[0][centre[0]],
        before[1][columns],
        np.concatenate([positive[0], np.zeros((3, 2))], axis=1),
        np.concatenate([np.zeros((3, 4)), negative[0]], axis=1),
    )
    expected = before[0].copy(), before[1].copy()
    np.subtract.at(expected[0], centre[0], 0.1 * by_centre)
    np.subtract.at(expected[1], columns, 0.1 * by_column)
    np.testing.assert_allclose(tables.input_vectors, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tables.output_vectors, expected[1], rtol=1e-4, atol=1e-5)


def test_a_row_moves_no_farther_than_the_longest_step():
    tables = VectorTables(4, 3, longest_step=0.05)
    tables.output_vectors.assign(10 * tf.ones([4, 3]))
    before = tables.input_vectors.numpy()
    one = np.ones((1, 1, 1), "float32")
    tables.learn([[2]], [[3]], one, [[1]], one, tf.constant(5.0))
    moved = np.linalg.norm(tables.input_vectors.numpy() - before, axis=1)
    np.testing.assert_allclose(moved, [0, 0, 0.05, 0], atol=1e-6)


def test_cbow_foretells_from_the_mean():
    generator = np.random.default_rng(2)
    tables = VectorTables(9, 4, longest_step=1e9)
    before = generator.normal(size=(9, 4)), generator.normal(size=(9, 4))
    tables.input_vectors.assign(before[0])
    tables.output_vectors.assign(before[1])
    centre, context, noise = np.array([[2, 3]]), np.array([[4, 5, 6]]), np.array([[7]])
    window = np.array([[[1, 0, 1], [0, 0, 0]]], "float32")  # the second centre has no window
    negative = np.array([[[0.5], [0.0]]], "float32")
    tables.learn_from_mean(centre, context, window, noise, negative, tf.constant(0.1))
    mean = before[0][[4, 6]].mean(axis=0, keepdims=True)
    _, by_mean, by_column = negative_sampling(
        mean, before[1][[2, 7]], np.array([[1.0, 0.0]]), np.array([[0.0, 0.5]])
    )
    expected = before[0].copy(), before[1].copy()
    expected[0][[4, 6]] -= 0.1 * by_mean
    expected[1][[2, 7]] -= 0.1 * by_column
    np.testing.assert_allclose(tables.input_vectors, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(tables.output_vectors, expected[1], rtol=1e-4, atol=1e-5)


def test_pairs_expect_their_negatives():
    """Weights of the noise sum to `negatives` a pair, but for draws of the centre itself."""
    model = with_random_vectors(groups())
    seen = {}

    def learn(centre, context, positive, noise, negative, rate):
        hit = noise.numpy()[:, None] == centre.numpy()[:, :, None]
        share = 1 - hit.mean(axis=2)
        expected = positive.numpy().sum(axis=2) * model.noise.negatives * share
        np.testing.assert_allclose(negative.numpy().sum(axis=2), expected, rtol=1e-5)
        seen["pairs"] = positive.numpy().sum()
        return tf.constant(0.0)

    model.tables.learn = learn
    ids = tf.constant([[2, 3, 4], [5, 6, 7]])
    columns = {"item_id": ids}
    together = tf.constant(~np.eye(3, dtype=bool)[None].repeat(2, axis=0))
    distance = tf.constant(np.abs(np.subtract.outer(range(3), range(3))).astype("int32"))
    model.training.lanes = 2
    model.learn_block(
        Block(columns, columns, distance, together), tf.constant(0.1), tf.constant([1, 2])
    )
    assert seen["pairs"] > 0


def test_the_rate_falls_in_a_line_over_the_epochs():
    model = trained(groups(), epochs=2)  # 40 users in batches of 16: 3 batches an epoch
    assert int(model.training.batches_seen) == int(model.training.batches_done) == 6
    model.training.batches_done.assign(3)
    assert float(model.training._rate(0)) == pytest.approx(0.1)
    assert float(model.training._rate(3)) == pytest.approx(0.2 * 1e-3)


def test_measuring_changes_nothing():
    interactions, model = groups(), of_groups()
    learnt = [*model.tables.weights, *model.training.weights]
    before = [weight.numpy() for weight in learnt]
    loss = model.evaluate(model.training_data(interactions, 16), verbose=0, return_dict=True)
    assert np.isfinite(loss["loss"])
    for ours, theirs in zip(learnt, before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_sub_sampling_leaves_a_small_catalogue_its_events():
    model = untrained(groups(), threshold="auto")
    counts = np.array(model.features.item_counts)[2:]
    known = counts > 0
    # t is the mean frequency: of an item with as many events as the mean, all are kept
    expected = np.sqrt(np.minimum(1, counts[known].mean() / counts[known]))
    np.testing.assert_allclose(np.array(model.training.keep)[2:][known], expected, rtol=1e-6)


def test_unknown_items_of_the_training_data_are_left_out():
    interactions = groups()
    features = Features(user=[History()], item=[Categorical("item_id", min_count=12)]).adapt(
        interactions
    )
    assert 2 < len(features.item_vocabulary) < 16
    model = Item2Vec(features, **SMALL)
    before = model.tables.input_vectors.numpy()
    model.compile()
    model.fit(model.training_data(interactions), epochs=1, verbose=0)
    moved = np.abs(model.tables.input_vectors.numpy() - before).max(axis=1) > 0
    assert not moved[:2].any()
    assert moved[2:].all()


def test_a_cold_item_is_the_mean_of_its_category(monkeypatch):
    interactions = groups()
    model = trained(interactions, cold_by="kind", shrinkage=0.0)
    new = pd.DataFrame({"item_id": ["new", "odd"], "kind": ["round", "never seen"]})
    items = pd.concat([interactions.items, new], ignore_index=True)
    vectors = model.embed_items(items)
    mean = vectors[:6].mean(axis=0)
    np.testing.assert_allclose(vectors[14], mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-5)
    assert (vectors[15] == 0).all()
    monkeypatch.setattr(item_space, "ROWS", 5)
    encoded = model.features.encode_items(items)
    some = {name: tf.constant(values[4:]) for name, values in encoded.items()}
    np.testing.assert_allclose(model.candidate_model(some), vectors[4:], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.embed_items(items), vectors, rtol=1e-4, atol=1e-5)
    ids, _ = model.retriever(items).similar_items(["new"], k=6)
    assert set(ids.numpy()[0].astype(str)) == {f"i{n}" for n in range(6)}
    ids, _ = model.retriever(items)({"history": [["new"]]}, k=6, exclude=[["new"]])
    assert set(ids.numpy()[0].astype(str)) == {f"i{n}" for n in range(6)}


def test_the_query_model_equals_the_mean_of_the_last():
    model = with_random_vectors(groups(), last=2, half_life=1.5)
    codes = np.array([[4, 5, 1, 6, 0]])
    table = model.tables.input_vectors.numpy()
    expected = mean_of_last(table, [4, 5, 6], 2, 1.5)
    found = model.query_model({"history": codes}).numpy()[0]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), rtol=1e-4, atol=1e-5)


def test_triggers_and_the_mean_know_the_group():
    interactions, model = groups(), of_groups()
    for retriever in (
        model.retriever(interactions.items),
        model.trigger_retriever(interactions.items),
    ):
        ids, _ = retriever({"history": [["i0", "i1"]]}, k=4, exclude=[["i0", "i1"]])
        assert set(ids.numpy()[0].astype(str)) == {"i2", "i3", "i4", "i5"}


def test_it_learns_from_a_parquet_stream(tmp_path):
    interactions = groups()
    model = trained(interactions, epochs=1, decay_epochs=10)
    codes = model.features.encodings["item_id"].encode(interactions.events["item_id"])
    lists = pd.Series(codes).groupby(interactions.events["user_id"].to_numpy()).agg(list)
    pd.DataFrame({"item_id": lists}).to_parquet(tmp_path / "part.parquet")
    model.fit(parquet(tmp_path, ["item_id"], 16).map(flatten_sessions), epochs=8, verbose=0)
    assert margin(model, interactions) > 0.5


def test_a_stream_of_single_items_is_told(tmp_path):
    model = trained(groups(), epochs=1)
    pd.DataFrame({"item_id": [[2], [3], [4]]}).to_parquet(tmp_path / "part.parquet")
    single = parquet(tmp_path, ["item_id"], 16).map(flatten_sessions)
    with pytest.warns(ReadingNotice, match="no two events of a sequence.*epoch 1, and learnt"):
        model.fit(single, verbose=0)


def test_sets_need_no_time_and_windows_do():
    interactions = groups()
    timeless = interactions.with_events(interactions.events.drop(columns="timestamp"))
    features = Item2Vec.default_features(interactions).adapt(interactions)
    Item2Vec(features, window=None).training_data(timeless)
    with pytest.raises(ValueError, match="A window over sequences"):
        Item2Vec(features).training_data(timeless)


def test_projector_files_hold_a_row_an_item(tmp_path):
    interactions = groups()
    written = of_groups().embed_items(interactions.items)
    write_projector(tmp_path, interactions.items, written)
    vectors = np.loadtxt(tmp_path / "vectors.tsv", delimiter="\t")
    np.testing.assert_allclose(vectors, written, atol=1e-5)
    lines = (tmp_path / "metadata.tsv").read_text().splitlines()
    assert lines[:2] == ["item_id\tkind", "i0\tround"]
    assert len(lines) == 15
    assert "vectors.tsv" in (tmp_path / "projector_config.pbtxt").read_text()


def test_without_times_a_window_samples_the_set():
    timed = groups()
    interactions = Interactions(timed.events[["user_id", "item_id"]], items=timed.items)
    assert margin(trained(interactions), interactions) > 0.5
    features = Features(user=[History(length=5)], item=[Categorical("item_id")]).adapt(interactions)
    batches = Item2Vec(features).training_data(interactions, batch_size=64)
    first, second = (next(iter(batches))["item_id"].numpy() for _ in range(2))
    assert not np.array_equal(first, second)  # in another order each epoch
    np.testing.assert_array_equal(np.sort(first), np.sort(second))


@pytest.mark.parametrize("both", [None, False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_in_sets_an_item_is_the_sum_of_its_two_vectors(ordered, both):
    timed = groups()
    events = timed.events if ordered else timed.events[["user_id", "item_id"]]
    model = with_random_vectors(Interactions(events, items=timed.items), both=both)
    ids = model.features.encodings["item_id"].encode(timed.items["item_id"])
    vectors = model.tables.input_vectors.numpy()
    if both or (both is None and not ordered):
        vectors = vectors + model.tables.output_vectors.numpy()
    vectors = vectors[ids] / np.linalg.norm(vectors[ids], axis=1, keepdims=True)
    np.testing.assert_allclose(model.embed_items(timed.items), vectors, atol=1e-5)


def test_lists_are_lifted_by_the_power_of_the_events(monkeypatch):
    interactions, model = groups(), of_groups()
    history = {"history": np.array([["i0", "i1", "", "", ""]])}
    ids, scores = model.retriever(interactions.items)(history, k=14)
    monkeypatch.setattr(model, "popularity", 0.0)
    plain_ids, plain = model.retriever(interactions.items)(history, k=14)
    counts = interactions.events["item_id"].value_counts()
    expected = {
        item: score * counts.get(item.decode(), 1) ** 0.1
        for item, score in zip(plain_ids.numpy()[0], plain.numpy()[0], strict=True)
    }
    for item, score in zip(ids.numpy()[0], scores.numpy()[0], strict=True):
        assert score == pytest.approx(expected[item], abs=1e-5)


@pytest.mark.parametrize("window", [20, None])
def test_without_times_the_order_of_rows_decides_nothing(window):
    timed = groups()
    events = timed.events[["user_id", "item_id"]]
    others = events.sample(frac=1.0, random_state=1)
    first, second = (
        trained(Interactions(rows, items=timed.items), epochs=2, window=window)
        for rows in (events, others)
    )
    np.testing.assert_array_equal(first.embed_items(timed.items), second.embed_items(timed.items))
