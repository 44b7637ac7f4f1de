import numpy as np
import pytest
import tensorflow as tf

from tests.references.skip_gram import mean_of_last
from tfrec_recall.export import export, load
from tfrec_recall.export.tuning_file import read_tuning, write_tuning
from tfrec_recall.retrieval import (
    EmbeddingRetriever,
    HistoryMean,
    IndexNotice,
    InvertedFile,
    Popularity,
    TriggerRetriever,
    TuningVectors,
    merge_by_maximum,
    merge_by_sum,
    trigger_retriever,
)

pytestmark = pytest.mark.usefixtures("untraced")

ITEMS, DIM = 12, 5
IDS = np.array([f"i{n}" for n in range(ITEMS)], dtype=object)
VECTORS = np.random.default_rng(0).normal(size=(ITEMS, DIM))
VECTORS = (VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)).astype("float32")
HISTORIES = [["i3", "new", "i1", "i7"], ["i2"], ["new"], ["i5", "i5", "i0"]]


def expected(history, last, half_life, neighbours, merge, exclude=()):
    """Scores by item: each of the last triggers gives its neighbours its weighted products."""
    known = [int(item[1:]) for item in history if item != "new"]
    found = {}
    for age, trigger in enumerate(known[::-1][:last]):
        weight = 0.5 ** (age / half_life)
        products = VECTORS @ VECTORS[trigger]
        left = [i for i in np.argsort(-products) if i not in known and f"i{i}" not in exclude]
        for item in left[:neighbours]:
            found.setdefault(item, []).append(weight * products[item])
    return {f"i{item}": merge(scores) for item, scores in found.items()}


def answers(retriever, **options):
    ids, scores = retriever({"history": HISTORIES}, **options)
    ids = np.char.decode(ids.numpy().astype(bytes))
    return [
        {item: score for item, score in zip(*row, strict=True) if item}
        for row in zip(ids, scores.numpy(), strict=True)
    ]


def test_shortened_vectors_come_later_among_similar_items():
    short = VECTORS * np.linspace(0.2, 1, ITEMS, dtype="float32")[:, np.newaxis]
    mean = HistoryMean(IDS, VECTORS)
    lift = np.linspace(2, 1, ITEMS)
    triggers = TriggerRetriever(IDS, short, k=ITEMS, last=1, shortened=True)
    lists = EmbeddingRetriever(mean, IDS, short, k=ITEMS, lift=lift, shortened=True)
    products = short @ VECTORS[4]
    order = [item for item in np.argsort(-products) if item != 4]
    for retriever in (triggers, lists):
        assert retriever.report["shortened"]
        ids, scores = retriever.similar_items(["i4"], k=ITEMS - 1)
        assert [int(item[1:]) for item in ids.numpy()[0]] == order
        np.testing.assert_allclose(scores[0], products[order], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(retriever.embed_item({"item_id": IDS}), short, rtol=1e-5)
    found, scores = triggers({"history": [["i4"]]}, k=ITEMS - 1)
    assert [int(item[1:]) for item in found.numpy()[0]] == order
    np.testing.assert_allclose(scores[0], products[order], rtol=1e-5, atol=1e-6)
    _, scores = lists({"history": [["i4"]]}, k=ITEMS)
    lifted = np.sort(lift * (VECTORS @ VECTORS[4]))[::-1]  # lists of users go by directions
    np.testing.assert_allclose(scores[0], lifted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("merge", "of"), [(merge_by_sum, sum), (merge_by_maximum, max)])
@pytest.mark.parametrize("neighbours", [2, ITEMS])
def test_neighbours_are_merged_by_weighted_scores(merge, of, neighbours):
    retriever = TriggerRetriever(
        IDS, VECTORS, k=ITEMS, last=2, half_life=1.5, neighbours=neighbours, merge=merge
    )
    for history, found in zip(HISTORIES, answers(retriever), strict=True):
        wanted = expected(history, 2, 1.5, neighbours, of)
        assert set(list(found)[: len(wanted)]) == wanted.keys()
        assert set(found) == set(IDS) - set(history)  # the others fill the list, below 0
        assert all(found[item] < 0 for item in found.keys() - wanted.keys())
        for item, score in wanted.items():
            assert found[item] == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("block", [1, 3, 4])  # of 12 triggers: also across two users
def test_blocks_of_triggers_answer_as_one(monkeypatch, block):
    retriever = TriggerRetriever(IDS, VECTORS, k=ITEMS, last=3, neighbours=4)
    exclude = [["i4"], ["i6"], ["i8"], ["i9"]]  # another for each user
    whole = answers(retriever, exclude=exclude)
    sizes = []
    search = retriever.index.search

    def counted(query, *arguments, **options):
        if tf.executing_eagerly():
            sizes.append(len(query))
        return search(query, *arguments, **options)

    monkeypatch.setattr(trigger_retriever, "BLOCK", block)
    blocks = TriggerRetriever(IDS, VECTORS, k=ITEMS, last=3, neighbours=4)
    monkeypatch.setattr(blocks.index, "search", counted)
    queries = {"history": blocks.catalogue.rows(tf.constant([["i3", "i1", "i7"], ["i2", "", ""]]))}
    blocks._found(queries["history"], tf.zeros([2, 0], tf.int32), None)
    assert sizes == [block] * (6 // block) + [6 % block] * (6 % block > 0)
    for one, other in zip(whole, answers(blocks, exclude=exclude), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_lists_are_sorted_and_cut():
    retriever = TriggerRetriever(IDS, VECTORS, last=None, half_life=2.0, neighbours=ITEMS)
    ids, scores = retriever({"history": HISTORIES}, k=3)
    assert ids.shape == (4, 3)
    assert (np.diff(scores.numpy()[[0, 1, 3]]) <= 0).all()
    whole = expected(HISTORIES[0], None, 2.0, ITEMS, sum)
    best = sorted(whole, key=whole.get, reverse=True)[:3]
    assert np.char.decode(ids.numpy().astype(bytes))[0].tolist() == best


def test_excluded_items_make_room_for_others():
    retriever = TriggerRetriever(IDS, VECTORS, k=ITEMS, last=1, half_life=1.0, neighbours=2)
    exclude = [["i4", "i8", "i9"]] * 4
    for history, found in zip(HISTORIES, answers(retriever, exclude=exclude), strict=True):
        wanted = expected(history, 1, 1.0, 2, max, exclude[0])
        assert set(list(found)[: len(wanted)]) == wanted.keys()
        assert not found.keys() & {*exclude[0], *history}


def test_a_stranger_gets_what_is_popular():
    retriever = TriggerRetriever(IDS, VECTORS, k=4)
    retriever.with_fallback(Popularity(["i5", "i2", "gone", "i9"], [3.0, 1.0, 9.0, 2.0]))
    ids, scores = retriever({"history": [["new", ""], ["", ""]]}, exclude=[["i9"], []])
    first, second = np.char.decode(ids.numpy().astype(bytes)).tolist()
    assert first[:2] == ["i5", "i2"]
    assert second[:3] == ["i5", "i9", "i2"]
    np.testing.assert_allclose(scores[1], [3 / 4 - 1, 2 / 4 - 1, 1 / 4 - 1, -1])
    ids, _ = retriever({"history": np.empty((1, 0), dtype=object)})
    assert ids.numpy()[0, 0] == b"i5"


def test_padding_stands_anywhere():
    retriever = TriggerRetriever(IDS, VECTORS, k=5, last=2, half_life=1.0)
    plain = retriever({"history": [["i3", "i1"]]})
    padded = retriever({"history": [["", "i3", "", "", "i1", ""]]})
    np.testing.assert_array_equal(plain[0], padded[0])
    np.testing.assert_allclose(plain[1], padded[1], rtol=1e-6)


def test_similar_items_are_those_of_the_vectors():
    ids, _ = TriggerRetriever(IDS, VECTORS).similar_items(["i3", "new"], k=ITEMS - 1)
    order = [f"i{i}" for i in np.argsort(-(VECTORS @ VECTORS[3])) if i != 3]
    assert np.char.decode(ids.numpy().astype(bytes))[0].tolist() == order
    assert (ids.numpy()[1] == b"").all()


def test_items_of_zeros_are_near_nothing_and_take_no_place():
    ids = [*IDS, "cold"]
    vectors = np.vstack([VECTORS, np.zeros(DIM, "float32")])
    retriever = TriggerRetriever(ids, vectors, k=4, last=1, neighbours=3)
    retriever.with_fallback(Popularity(["i5", "i2", "i9"], [3.0, 1.0, 2.0]))
    found, scores = retriever.similar_items(["cold"], k=4)
    assert (found.numpy() == b"").all()
    assert np.isneginf(scores).all()
    assert retriever({"history": [["cold"]]})[0].numpy()[0, :3].tolist() == [b"i5", b"i9", b"i2"]
    for ours, plain in zip(
        retriever({"history": [["i3", "cold"]]}), retriever({"history": [["i3"]]}), strict=True
    ):
        np.testing.assert_array_equal(ours, plain)
    mean = HistoryMean(ids, vectors, last=1)
    np.testing.assert_allclose(mean({"history": tf.constant([["i3", "cold"]])})[0], VECTORS[3])
    by_mean = EmbeddingRetriever(mean, ids, vectors)
    assert (by_mean.similar_items(["cold"], k=4)[0].numpy() == b"").all()
    assert (by_mean.similar_items(["i3"], k=4)[0].numpy() != b"").all()


@pytest.mark.parametrize("merge", [merge_by_sum, merge_by_maximum])
def test_no_trigger_recalls_items_of_zeros(merge):
    """They would stand before what is unlike all that the user had, as their cosine is 0."""
    vectors = np.where(np.arange(ITEMS)[:, np.newaxis] == 4, 0.0, VECTORS)
    retriever = TriggerRetriever(IDS, vectors, k=ITEMS, neighbours=ITEMS, merge=merge)
    for history, found in zip(HISTORIES, answers(retriever), strict=True):
        if history == ["new"]:
            continue
        assert list(found)[-1] == "i4"
        assert min(found.values()) == found["i4"] < 0


@pytest.mark.usefixtures("traced")
def test_the_export_equals_the_retriever(tmp_path):
    retriever = TriggerRetriever(IDS, VECTORS, k=5, last=2, half_life=1.0, neighbours=4)
    served = load(export(retriever, tmp_path / "triggers"))
    for ours, theirs in zip(
        retriever({"history": HISTORIES}, exclude=[["i4"]] * 4),
        served({"history": HISTORIES}, exclude=[["i4"]] * 4),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_the_mean_of_the_history_is_a_query():
    mean = HistoryMean(IDS, VECTORS, last=2, half_life=1.5)
    found = mean({"history": tf.ragged.constant(HISTORIES).to_tensor()}).numpy()
    for row, history in enumerate(HISTORIES):
        known = [int(item[1:]) for item in history if item != "new"]
        if known:
            np.testing.assert_allclose(
                found[row], mean_of_last(VECTORS, known, 2, 1.5), rtol=1e-5, atol=1e-6
            )
        else:
            assert (found[row] == 0).all()


@pytest.mark.parametrize("made", [TriggerRetriever, HistoryMean])
@pytest.mark.parametrize("vectors", [ITEMS - 1, ITEMS + 1])
def test_items_have_a_vector_each(made, vectors):
    told = f"one vector for each item id. Received: {ITEMS} ids, {vectors} vectors"
    with pytest.raises(ValueError, match=told):
        made(IDS, np.ones((vectors, DIM)))


def test_all_triggers_and_neighbours_rank_as_the_mean_does():
    mean = HistoryMean(IDS, VECTORS, last=3, half_life=2.0)
    by_mean = EmbeddingRetriever(mean, IDS, VECTORS, k=5)
    by_triggers = TriggerRetriever(IDS, VECTORS, k=5, last=3, half_life=2.0, neighbours=ITEMS)
    query = {"history": [["i3", "i1", "i7"]]}
    ids, _ = by_mean(query, exclude=query["history"])
    np.testing.assert_array_equal(ids, by_triggers(query)[0])


def test_the_lift_is_of_candidates_and_not_of_triggers():
    """One item counts a hundredfold: as a trigger it says what it said, as a candidate it leads."""
    lift = np.ones(ITEMS, "float32")
    lift[3] = 100
    given = {"k": 5, "last": 2, "neighbours": ITEMS}
    plain, lifted = (
        TriggerRetriever(IDS, VECTORS, **given),
        TriggerRetriever(IDS, VECTORS, lift=lift, **given),
    )
    query = {"history": [["i3", "i1"]]}
    np.testing.assert_array_equal(lifted(query)[0], plain(query)[0])
    np.testing.assert_allclose(lifted(query)[1], plain(query)[1], rtol=1e-4)
    scores = VECTORS @ VECTORS[1] * lift
    ids, found = lifted({"history": [["i1"]]}, k=ITEMS - 1)
    order = [i for i in np.argsort(-scores) if i != 1]
    np.testing.assert_allclose(found[0], scores[order], rtol=1e-4)
    assert np.char.decode(ids.numpy().astype(bytes))[0].tolist() == [f"i{i}" for i in order]


@pytest.mark.parametrize("lift", [[1.0], np.zeros(ITEMS), np.full(ITEMS, np.inf)])
def test_a_lift_is_a_number_above_0_for_each_item(lift):
    with pytest.raises(ValueError, match=r"above 0 for each item\. Received: shape"):
        TriggerRetriever(IDS, VECTORS, lift=lift)


WRONG = {"last": (0, 1.5, "x"), "half_life": (0.0, "x"), "neighbours": (0, 1.5, "x")}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n in WRONG for v in WRONG[n]])
def test_numbers_are_positive(name, value):
    with pytest.raises(ValueError, match=f"Retriever takes {name} as .*Received: {name}={value!r}"):
        TriggerRetriever(IDS, VECTORS, **{name: value})


def test_an_index_that_no_request_tuned_says_so():
    with pytest.warns(IndexNotice, match="was tuned on item vectors: the recall that users get"):
        made = TriggerRetriever(IDS, VECTORS, index=InvertedFile(0.5, 2, 2, ITEMS))
    assert made.report["index"]["tuned_with"] == "item vectors"


def test_requests_without_a_trigger_tune_nothing(tmp_path):
    made = TriggerRetriever(IDS, VECTORS, tuning_queries={"history": [["new"], [""]]})
    assert made.tuned_with is None
    without = TuningVectors(np.zeros((0, DIM), "float32"))
    assert TriggerRetriever(IDS, VECTORS, tuning_queries=without).tuned_with is None
    write_tuning(tmp_path, without)  # as earlier exports have it
    assert read_tuning(tmp_path) is None


def test_merged_sums_do_not_mix_queries():
    rows = tf.constant([[4, 2, 4], [4, -1, 2]])
    scores = tf.constant([[1.0, 1.5, 1.0], [0.5, 9.0, -0.5]])
    found, total = merge_by_sum(rows, scores, k=3)
    np.testing.assert_array_equal(found, [[4, 2, -1], [4, 2, -1]])
    np.testing.assert_allclose(total, [[2.0, 1.5, -np.inf], [0.5, -0.5, -np.inf]])
