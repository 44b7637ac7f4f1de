"""Raw features in, raw ids out: what may come in, and what is left out."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.top_k import top_k
from tests.retrieval.toys import DIM, MeanOfHistory, item_ids, item_vectors, retriever, texts
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, InvertedFile, Popularity, ScaNN

pytestmark = pytest.mark.usefixtures("untraced")

COUNT = 40


@pytest.fixture(scope="module")
def by_name():
    return retriever(COUNT)


@pytest.fixture(scope="module")
def by_number():
    return retriever(COUNT, int)


def expected(history, k, exclude=()):
    """Positions of the best items for the mean of a history's vectors, and their scores."""
    vectors = item_vectors(COUNT)
    return top_k(vectors, vectors[history].mean(axis=0), k, exclude)


def test_the_best_items_of_a_history(by_name):
    item_id, score = by_name({"history": [["item 3", "item 8"]]}, exclude=[["item 3", "item 8"]])
    rows, scores = expected([3, 8], 5, [3, 8])
    assert texts(item_id) == [[f"item {row}" for row in rows]]
    np.testing.assert_allclose(score.numpy()[0], scores, rtol=1e-5)


def test_integer_ids(by_number):
    item_id, _ = by_number({"history": np.array([[103, 108, -1]])}, exclude=np.array([[103, -1]]))
    assert item_id.dtype == tf.int64
    np.testing.assert_array_equal(item_id[0], expected([3, 8], 5, [3])[0] + 100)


@pytest.mark.parametrize(
    "history",
    [
        [["item 1", "item 2"], ["item 5"]],
        np.array([["item 1", "item 2"], ["item 5", ""]], dtype=object),
        np.array([["item 1", "item 2"], ["", "item 5"]]),
        tf.constant([["item 1", "item 2"], ["item 5", ""]]),
        tf.ragged.constant([["item 1", "item 2"], ["item 5"]]),
        [np.array(["item 1", "item 2"]), np.array(["item 5"])],
    ],
    ids=["lists", "objects", "texts", "tensor", "ragged", "arrays"],
)
def test_whatever_holds_the_features(by_name, history):
    item_id, _ = by_name({"history": history})
    assert texts(item_id) == [
        [f"item {row}" for row in expected(rows, 5)[0]] for rows in ([1, 2], [5])
    ]


def test_columns_of_a_frame(by_number):
    frame = pd.DataFrame({"history": [[103], [104, 105]]})
    item_id, _ = by_number({"history": frame["history"].tolist(), "other": frame.index})
    np.testing.assert_array_equal(item_id[1], expected([4, 5], 5)[0] + 100)


def test_narrow_integers_are_widened(by_number):
    item_id, _ = by_number({"history": np.array([[103]], "int16")}, exclude=np.array([[1]], "int8"))
    np.testing.assert_array_equal(item_id[0], expected([3], 5)[0] + 100)


def test_excluded_ids_that_are_unknown_or_repeated_are_harmless(by_name):
    query = {"history": [["item 3"]]}
    plain = by_name(query, exclude=[["item 9"]])[0]
    noisy = by_name(query, exclude=[["", "item 9", "no such item", "item 9"]])[0]
    assert texts(noisy) == texts(plain)


def test_exclusions_of_unequal_length(by_name):
    query = {"history": [["item 3"], ["item 3"]]}
    item_id, _ = by_name(query, exclude=[["item 3", "item 4", "item 5"], []])
    assert "item 3" not in texts(item_id)[0]
    assert texts(item_id)[1][0] == "item 3"


def test_fewer_left_than_k(by_name):
    everything_but_two = [item_ids(COUNT)[2:]]
    item_id, score = by_name({"history": [["item 3"]]}, k=4, exclude=everything_but_two)
    assert sorted(texts(item_id)[0]) == ["", "", "item 0", "item 1"]
    assert texts(item_id)[0][2:] == ["", ""]
    assert np.isneginf(score.numpy()[0]).tolist() == [False, False, True, True]


def test_k_beyond_the_catalogue(by_number):
    item_id, score = by_number({"history": [[103]]}, k=COUNT + 3)
    assert item_id.shape == score.shape == (1, COUNT + 3)
    assert sorted(item_id.numpy()[0, :COUNT]) == item_ids(COUNT, int)
    assert item_id.numpy()[0, COUNT:].tolist() == [-1, -1, -1]


def test_a_batch_equals_its_rows(by_name):
    histories = [["item 1"], ["item 2", "item 30"], [], ["unknown"]]
    exclude = [["item 4"], [], ["item 1", "item 2"], ["item 9"]]
    together = texts(by_name({"history": histories}, exclude=exclude)[0])
    for row in range(4):
        alone = by_name({"history": [histories[row]]}, exclude=[exclude[row]])[0]
        assert texts(alone) == [together[row]]


def test_empty_and_unknown_histories_are_served(by_name):
    item_id, score = by_name({"history": [[], ["unknown"]]})
    assert all(texts(item_id)[0])
    assert np.isfinite(score).all()


@pytest.fixture(scope="module")
def approximate():
    return retriever(400, index=InvertedFile(leaves=4, leaves_to_search=2, reorder=100))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"k": 1},
        {"k": 300},  # more than the leaves visited hold
        {"k": 500},  # more than there are
        {"exclude": [["item 0", "", "item 7"]]},
        {"exclude": [[""]]},
    ],
)
@pytest.mark.parametrize("others", [[], [["new"]], [["item 3"]]])
def test_a_list_is_the_same_beside_any_other(approximate, asked, others):
    history = [["item 1"], ["item 2"], *others]
    width = asked.get("k", 1)
    alone = [approximate({"history": [one]}, **asked) for one in history]
    together = approximate({"history": history}, **asked)
    found = [np.concatenate(part) for part in zip(*alone, strict=True)]
    assert (together[0].numpy() == found[0]).all()
    np.testing.assert_allclose(together[1], found[1], rtol=1e-5, atol=1e-5)
    assert (together[0].numpy()[:, :width] != b"").sum() >= min(width, 397) * len(history)


@pytest.mark.parametrize("index", [Exact(), InvertedFile(leaves=4, leaves_to_search=4, reorder=40)])
@pytest.mark.parametrize("weights", [("lift",), ("bias",), ("lift", "bias")])
def test_lift_and_bias_change_the_lists_of_queries_alone(index, weights):
    random = np.random.default_rng(1)
    lift = random.uniform(0.2, 3, 40) if "lift" in weights else np.ones(40)
    bias = random.normal(size=40) if "bias" in weights else np.zeros(40)
    given = {name: {"lift": lift, "bias": bias}[name] for name in weights}
    made, plain, vectors = retriever(index=index, **given), retriever(), item_vectors(40)
    scores = lift * (vectors @ vectors[3]) + bias
    for exclude in ([], [int(np.argmax(scores))]):
        scores[exclude] = -np.inf
        ids, found = made({"history": [["item 3"]]}, exclude=[[f"item {i}" for i in exclude]])
        order = np.argsort(-scores)[:5]
        assert texts(ids)[0] == [f"item {i}" for i in order]
        np.testing.assert_allclose(found[0], scores[order], rtol=1e-4)
    for one in (made, plain):
        np.testing.assert_allclose(one.embed_item({"item_id": ["item 7"]}), vectors[[7]], rtol=1e-5)
        np.testing.assert_allclose(one.embed_query({"history": [["item 3"]]}), vectors[[3]])
    similar = [one.similar_items(["item 5"])[1].numpy() for one in (made, plain)]
    np.testing.assert_allclose(*similar, rtol=1e-4)
    assert made.of_items.keys() == set(weights)


@pytest.mark.parametrize("bias", [[1.0], np.full(40, np.nan)])
def test_a_bias_is_a_finite_number_for_each_item(bias):
    with pytest.raises(ValueError, match=r"finite number for each item\. Received: shape"):
        retriever(bias=bias)


@pytest.mark.parametrize("index", [Exact(), InvertedFile(leaves=4, leaves_to_search=4, reorder=40)])
@pytest.mark.parametrize("below", [-100.0, -0.5])  # less than any product, and than some
def test_items_of_which_nothing_is_known_only_fill_lists(index, below):
    ids, vectors, known = item_ids(COUNT), item_vectors(COUNT), 30
    vectors[known:] = 0
    bias = np.where(np.arange(COUNT) < known, 0.0, below)
    embedder = MeanOfHistory(ids, vectors)
    made = EmbeddingRetriever(embedder, ids, vectors, index, k=COUNT, bias=bias)
    made.with_fallback(Popularity(ids, np.arange(COUNT)))
    query = {"history": [["item 3"], ["item 39"]]}
    listed, scores, evident = made.recommend_with_evidence(query)
    rows, expected_scores = top_k(vectors[:known], vectors[3], known)
    assert evident.numpy().tolist() == [known, 0]
    assert texts(listed)[0][:known] == [f"item {row}" for row in rows]
    np.testing.assert_allclose(scores[0, :known], expected_scores, rtol=1e-4, atol=1e-5)
    assert texts(listed)[0][known:] == [f"item {row}" for row in range(39, 29, -1)]
    assert (np.diff(scores, axis=1) <= 0).all()
    for k in (5, 35) if below == -100.0 else (5,):
        short, _, evident = made.recommend_with_evidence(query, k=k)
        assert evident.numpy().tolist() == [min(k, known), 0]
        assert texts(short)[0] == texts(listed)[0][:k]


def test_a_bias_changes_no_interest():
    class TwoInterests(tf.Module):
        inputs = {"scale": tf.TensorSpec([None], tf.float32)}  # noqa: RUF012

        def __call__(self, raw):
            return raw["scale"][:, tf.newaxis, tf.newaxis] * tf.eye(2)[tf.newaxis]

    made = EmbeddingRetriever(
        TwoInterests(), ["a", "b", "c"], [[3, 0], [0, 2], [1, 0]],
        bias=[0.0, 5.0, 3.0], k=3, with_interest=True,
    )  # fmt: skip
    ids, score, interest = made.recommend_with_interest({"scale": [1.0]})
    assert texts(ids) == [["b", "c", "a"]]
    assert score.numpy().tolist() == [[7.0, 4.0, 3.0]]
    assert interest.numpy().tolist() == [[1, 0, 0]]


def test_users_of_whom_nothing_is_known_have_no_items_of_the_index(approximate):
    _, scores, evident = approximate.recommend_with_evidence({"history": [["item 1"], ["new"]]})
    assert evident.numpy().tolist() == [5, 0]
    assert (scores[1] < 0).numpy().all()


def test_works_inside_a_graph(by_name):
    @tf.function
    def graph(history, exclude):
        item_id, score = by_name({"history": history}, k=3, exclude=exclude)
        assert item_id.shape[1] == score.shape[1] == 3
        return item_id

    history, exclude = tf.constant([["item 1"], ["item 2"]]), tf.constant([["item 3"], [""]])
    eager, _ = by_name({"history": history}, k=3, exclude=exclude)
    assert texts(graph(history, exclude)) == texts(eager)


def test_equal_scores_are_ordered_by_the_seed_not_by_id():
    ids = item_ids(30, int)

    def listed(seed, index):
        same = np.ones((30, DIM))
        toy = retriever(30, int, seed=seed)
        tied = EmbeddingRetriever(toy.query_embedder, ids, same, index=index, k=30, seed=seed)
        return tied({"history": [[101]]})[0].numpy()[0].tolist()

    first = listed(0, Exact())
    assert sorted(first) == ids
    assert first != ids
    assert first != listed(1, Exact())
    assert first == listed(0, Exact(block=7))


class Interests(tf.Module):
    """One interest an item of the history, as the item's vector; padding is no interest."""

    def __init__(self, toy, flagged):
        super().__init__()
        self.toy, self.flagged = toy, flagged
        self.inputs = toy.inputs

    def __call__(self, raw):
        rows = self.toy.catalogue.rows(raw["history"])
        vectors = tf.gather(self.toy.vectors, tf.maximum(rows, 0))
        return (vectors, rows >= 0) if self.flagged else vectors


def test_interests_are_merged_by_maximum():
    ids, vectors = item_ids(COUNT), item_vectors(COUNT)
    interests = Interests(retriever(COUNT).query_embedder, flagged=False)
    merged = EmbeddingRetriever(interests, ids, vectors, k=6)
    item_id, score = merged({"history": [["item 3", "item 8"]]})
    rows, scores = top_k(vectors, vectors[[3, 8]], 6)
    assert texts(item_id)[0] == [f"item {row}" for row in rows]
    np.testing.assert_allclose(score[0], scores, rtol=1e-5)


def test_an_interest_that_is_not_present_never_wins():
    ids, vectors = item_ids(COUNT), item_vectors(COUNT)
    interests = Interests(retriever(COUNT).query_embedder, flagged=True)
    merged = EmbeddingRetriever(interests, ids, vectors, k=6)
    item_id, score = merged({"history": [["", "item 8"], ["", ""]]})
    assert texts(item_id)[0] == [f"item {row}" for row in expected([8], 6)[0]]
    assert (score[1].numpy() == -1).all()  # none is known to be popular: any items
    assert merged.embed_query({"history": [["item 3"]]}).shape == (1, 1, DIM)


@pytest.mark.parametrize("index", [Exact(), Exact(block=7), ScaNN()])
def test_which_interest_brought_an_item(index):
    ids, vectors = item_ids(COUNT), item_vectors(COUNT)
    interests = Interests(retriever(COUNT).query_embedder, flagged=True)
    merged = EmbeddingRetriever(interests, ids, vectors, index, k=6, with_interest=True)
    query = {"history": [["", "item 8", "item 3"], ["item 5", "", ""], ["", "", ""]]}
    item_id, score, interest = merged.recommend_with_interest(query, exclude=[["item 3"], [], []])
    for ours, theirs in zip(
        (item_id, score), merged(query, exclude=[["item 3"], [], []]), strict=False
    ):
        np.testing.assert_array_equal(ours, theirs)
    products = vectors[[8, 3]] @ vectors[[int(name.split()[1]) for name in texts(item_id)[0]]].T
    np.testing.assert_array_equal(interest[0], products.argmax(0) + 1)
    assert set(interest.numpy()[0]) == {1, 2}
    np.testing.assert_array_equal(interest[1:], [[0] * 6, [-1] * 6])


def test_no_interest_brought_what_fills_a_list():
    """Also where popular items stand where the interests of a user not known would put them."""

    class NobodyIsKnown(tf.Module):
        inputs = {"scale": tf.TensorSpec([None], tf.float32)}  # noqa: RUF012

        def knows(self, raw):
            return tf.fill(tf.shape(raw["scale"]), False)

        def __call__(self, raw):
            return raw["scale"][:, tf.newaxis]

    made = EmbeddingRetriever(NobodyIsKnown(), ["a", "b"], [[2], [1]], k=2, with_interest=True)
    made.with_fallback(Popularity(["a", "b"], [2.0, 1.0]))
    item_id, _, interest = made.recommend_with_interest({"scale": [1.0]})
    assert texts(item_id) == [["a", "b"]]
    assert interest.numpy().tolist() == [[-1, -1]]


def test_which_interest_is_not_offered_unasked(by_name):
    with pytest.raises(ValueError, match=r"no recommend_with_interest\. There are: embed_query"):
        by_name.recommend_with_interest({"history": [["item 3"]]})


def test_similar_items_leave_the_item_out(by_name):
    item_id, score = by_name.similar_items(["item 4", "unknown"], k=3, exclude=[["item 5"], []])
    vectors = item_vectors(COUNT)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, scores = top_k(units, units[4], 3, [4, 5])  # cosines, whatever the lengths
    assert texts(item_id) == [[f"item {row}" for row in rows], [""] * 3]
    np.testing.assert_allclose(score[0], scores, rtol=1e-5)
    assert np.isneginf(score[1]).all()


def test_embeddings_of_queries_and_of_items(by_name):
    vectors = item_vectors(COUNT)
    query = by_name.embed_query({"history": [["item 1", "item 2"]]})
    np.testing.assert_allclose(query[0], vectors[[1, 2]].mean(axis=0), rtol=1e-5)
    item = by_name.embed_item({"item_id": ["item 9", "unknown"]})
    np.testing.assert_allclose(item, [vectors[9], np.zeros(DIM)])


def test_an_item_embedder_embeds_items_that_the_catalogue_lacks():
    embedder = retriever(COUNT).query_embedder
    toy = retriever(20, item_embedder=embedder)
    assert list(toy.item_inputs) == ["history"]
    np.testing.assert_allclose(toy.embed_item({"history": [["item 30"]]})[0], item_vectors(40)[30])


def test_ids_of_the_catalogue_are_in_the_order_of_the_rows(by_name):
    assert sorted(by_name.item_ids) == sorted(item_ids(COUNT))
    np.testing.assert_allclose(
        by_name.index.vectors_of(tf.range(COUNT)),
        item_vectors(COUNT)[[int(raw.split()[1]) for raw in by_name.item_ids]],
    )


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ({}, r"takes \['history'\], and \['history'\] is missing\. Received: \[\]"),
        ({"history": ["item 1"]}, r"'history' has the shape \[batch, any\].*Received"),
        ({"history": [[1, 2]]}, r"'history' is string\. Received: int"),
    ],
)
def test_features_that_do_not_fit(by_name, queries, message):
    with pytest.raises(ValueError, match=message):
        by_name(queries)


def test_fractions_are_no_ids(by_number):
    for fraction in (1.5, 2.0**60):  # whose neighbours among the floats are 256 apart
        with pytest.raises(ValueError, match=r"'history' is int64\. Received: float"):
            by_number({"history": np.array([[fraction]])})


def test_k_below_one(by_name):
    with pytest.raises(ValueError, match=r"at least 1\. Received: k=0"):
        by_name({"history": [["item 1"]]}, k=0)
    for k in (0, 1.5, "ten"):
        with pytest.raises(ValueError, match=rf"at least 1\. Received: k={k!r}"):
            retriever(k=k)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (["a", "b", "a"], r"listed once.*Received: 1 repeated ids, the first are \['a'\]"),
        (["a", ""], r"padding value ''"),
        ([3, -1], r"padding value -1"),
        ([1.0, 2.0], r"floating-point"),
        (["a", 1], r"mixed types"),
        (["a", None], r"missing values"),
        ([], r"at least one item"),
    ],
)
def test_ids_that_are_no_catalogue(ids, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingRetriever(tf.identity, ids, np.ones((len(ids), 2)), inputs={})


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((2, 4)), r"Received: 3 ids, 2 vectors"),
        (np.ones(3), r"Received: an array of shape \(3,\)"),
        (np.ones((3, 0)), r"Received: an array of shape \(3, 0\)"),
        (np.array([[1.0], [np.nan], [np.inf]]), r"2 of 3 rows.*the first are rows \[1, 2\]"),
    ],
)
def test_vectors_that_do_not_fit(vectors, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingRetriever(tf.identity, ["a", "b", "c"], vectors, inputs={})


def test_an_embedder_that_does_not_say_what_it_takes():
    with pytest.raises(ValueError, match=r"pass inputs=\{name: tf\.TensorSpec\}"):
        EmbeddingRetriever(lambda raw: raw, ["a"], np.ones((1, 2)))


def test_a_functional_model_says_by_its_inputs_what_it_takes():
    ids, vectors = item_ids(COUNT), item_vectors(COUNT)
    table = tf.keras.layers.Embedding(9, DIM)
    user, recent = tf.keras.Input((), dtype="int32", name="u"), tf.keras.Input((2,), name="r")
    query = table(user) + tf.reduce_sum(recent, 1, keepdims=True)
    raw = {"u": [3, 5], "r": [[0.1, 0.2], [0.3, -0.4]]}
    expected = table(tf.constant([3, 5])) + tf.reduce_sum(tf.constant(raw["r"]), 1, keepdims=True)
    named = {"user": user, "recent": recent}
    for inputs, asked in (
        ([user, recent], raw),
        (named, {"user": raw["u"], "recent": raw["r"]}),
    ):
        found, _ = EmbeddingRetriever(tf.keras.Model(inputs, query), ids, vectors, k=3)(asked)
        best = [top_k(vectors, row.numpy(), 3, ())[0] for row in expected]
        assert texts(found) == [[ids[place] for place in row] for row in best]
