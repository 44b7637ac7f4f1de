"""Several retrievers as one: merged lists, united inputs, and the same again from disk."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.blending import quotas, reciprocal_ranks, scaled_scores
from tests.retrieval.toys import MeanOfHistory, item_ids, item_vectors, retriever
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import (
    Blend,
    EmbeddingRetriever,
    Popularity,
    Quotas,
    ReciprocalRank,
    WeightedScores,
)
from tfrec_recall.retrieval.embedding_retriever import EVERYBODY

pytestmark = pytest.mark.usefixtures("untraced")

NAMES, WEIGHTS = ("near", "far", "new"), (2.0, 0.5, 1.0)
# Lists of rows and scores, best first, of one query; -1 for none.
LISTS = [
    ([7, 3, 9, 1, 5], [0.9, 0.8, 0.5, 0.2, -1.0]),
    ([3, 8, 7, 2, -1], [40.0, 30.0, 20.0, 10.0, -np.inf]),
    ([4, 4 + 2, 8, -1, -1], [1.0, 1.0, 1.0, -np.inf, -np.inf]),
]
PAIRS = [[(row, score) for row, score in zip(*one, strict=True) if row >= 0] for one in LISTS]


def merged(merging, k):
    """The merged list of the lists, and of the same beside another query without any."""
    rows = [tf.constant([rows, [-1] * 5]) for rows, _ in LISTS]
    scores = [tf.constant([scores, [-np.inf] * 5], tf.float32) for _, scores in LISTS]
    found = merging.for_channels(NAMES).merged(rows, scores, k)
    rows, scores = (part.numpy() for part in found)
    assert (rows[1] == -1).all()
    assert np.isneginf(scores[1]).all()
    return rows[0], scores[0]


@pytest.mark.parametrize(
    ("merging", "expected"),
    [
        (WeightedScores, scaled_scores(PAIRS, WEIGHTS)),
        (ReciprocalRank, reciprocal_ranks(PAIRS, WEIGHTS, 60.0)),
    ],
)
def test_an_item_is_worth_the_sum_over_the_lists(merging, expected):
    rows, scores = merged(merging(dict(zip(NAMES, WEIGHTS, strict=True))), k=11)
    assert {*rows} - {-1} == expected.keys()
    there = rows >= 0
    np.testing.assert_allclose(scores[there], [expected[row] for row in rows[there]], rtol=1e-5)
    assert (np.diff(scores[there]) <= 1e-9).all()


@pytest.mark.parametrize("k", [1, 4, 7, 8])
def test_every_channel_fills_its_quota_with_what_is_new(k):
    _, dealt = quotas(PAIRS, WEIGHTS)
    rows, _ = merged(Quotas(dict(zip(NAMES, WEIGHTS, strict=True))), k)
    assert rows.tolist() == dealt[:k]  # what a channel cannot fill the others do


@pytest.mark.parametrize("merging", [WeightedScores, ReciprocalRank, Quotas])
def test_a_shorter_list_is_how_a_longer_one_begins(merging):
    generator = np.random.default_rng(6)
    rows = [generator.permuted(np.tile(np.arange(150), (7, 1)), axis=1)[:, :90] for _ in "abc"]
    rows[2][:, 40:] = -1
    scores = [tf.constant(np.where(own < 0, -np.inf, -np.arange(90)), tf.float32) for own in rows]
    shares = (4.0, 2.0, 1.0)  # by which no two turns fall together
    weighed = merging(dict(zip(NAMES, shares, strict=True))).for_channels(NAMES)

    def of(k):
        return weighed.merged([tf.constant(own, tf.int32) for own in rows], scores, k)[0].numpy()

    longest = of(60)
    for k in (1, 10, 28):
        np.testing.assert_array_equal(of(k), longest[:, :k])
    if merging is Quotas:
        lists = [[(row, 0) for row in own[0] if row >= 0] for own in rows]
        brought, dealt = quotas(lists, shares)
        assert longest[0].tolist() == dealt[:60]
        assert [len({*one} & {*longest[0, :28]}) for one in brought] == [16, 8, 4]


def test_what_one_channel_has_first_keeps_its_place_in_a_longer_list():
    """Item 99 is first in the second channel, and thirtieth in the first."""
    first, second = np.arange(400, 500), np.arange(200, 300)
    first[30], second[0] = 99, 99
    rows = [tf.constant([own], tf.int32) for own in (first, second)]
    scores = [tf.constant([-np.arange(100)], tf.float32)] * 2
    merging = Quotas().for_channels(("a", "b"))
    for k in (50, 100):
        assert merging.merged(rows, scores, k)[0].numpy()[0, :4].tolist() == [400, 99, 401, 201]


@pytest.mark.parametrize("merging", [WeightedScores, ReciprocalRank, Quotas])
def test_what_fills_a_list_is_behind_all_that_there_is_evidence_for(merging):
    """Two channels whose lists are filled: rows without a score, of which one has evidence."""
    rows = [tf.constant([[7, 3, 5, 9]]), tf.constant([[8, 5, 9, 1]])]
    scores = [tf.constant([[2.0, -1.0, -np.inf, -np.inf]]), tf.constant([[0.5] + [-np.inf] * 3])]
    found, score = (
        part.numpy()[0] for part in merging().for_channels(("a", "b")).merged(rows, scores, 7)
    )
    assert {*found[:3]} == {7, 3, 8}
    assert found[3:].tolist() == [5, 9, 1, -1]  # 5 is first in both, 9 second
    assert (score[:3] >= 0).all()
    np.testing.assert_allclose(score[3:], [-1 / 2, -2 / 3, -3 / 4, -np.inf])


@pytest.mark.parametrize("merging", [WeightedScores, ReciprocalRank, Quotas])
@pytest.mark.parametrize(
    ("near", "expected"),
    [
        ([(-1, -np.inf), (-1, -np.inf), (-1, -np.inf)], [9, 3, 7, -1, -1]),
        ([(5, 2.0), (3, 1.0), (-1, -np.inf)], [5, 3, 9, 7, -1]),  # 3 may be worth no more than 9
        ([(5, 2.0), (2, -np.inf), (9, -np.inf)], [5, 9, 3, 7, 2]),  # 2 only fills the list
    ],
    ids=["nothing", "some", "some and fills"],
)
def test_a_channel_without_weight_comes_in_its_order_behind_all_others(merging, near, expected):
    lists = [tuple(zip(*one, strict=True)) for one in (near, [(9, 3.0), (3, 2.0), (7, 1.0)])]
    merging = merging({"near": 0.6, "far": 0.0}).for_channels(("near", "far"))
    rows, scores = merging.merged(
        [tf.constant([rows]) for rows, _ in lists],
        [tf.constant([scores], tf.float32) for _, scores in lists],
        k=5,
    )
    assert rows.numpy()[0].tolist() == expected
    score = scores.numpy()[0]
    assert (score[np.isin(expected, [5, 9, 3, 7])] >= 0).all()  # there is evidence for them
    assert (score[:-1] >= score[1:]).all()


def test_weights_are_of_the_channels():
    with pytest.raises(ValueError, match=r"a weight from 0 for each.*near, far.*Received: \{'x'"):
        WeightedScores({"x": 1.0}).for_channels(("near", "far"))
    with pytest.raises(ValueError, match="one above"):
        Quotas({"near": 0.0, "far": 0.0}).for_channels(("near", "far"))
    for weight in (np.inf, np.nan):
        with pytest.raises(ValueError, match=f"none infinite.*Received.*'near': {weight}"):
            Quotas({"near": weight, "far": 1.0}).for_channels(("near", "far"))
    for constant in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=f"at least 0. Received: constant={constant}"):
            ReciprocalRank(constant=constant)


class ByPlace(tf.Module):
    inputs = {"place": tf.TensorSpec([None], tf.int64)}  # noqa: RUF012

    def __call__(self, raw):
        return tf.one_hot(raw["place"], 2)


def by_place():
    """Another catalogue: the last of the toys' items, and two that they lack."""
    ids = [*item_ids(20)[10:], "new 0", "new 1"]
    vectors = np.stack([np.arange(12), -np.arange(12)], axis=1).astype("float32")
    return EmbeddingRetriever(ByPlace(), ids, vectors, k=4)


@pytest.fixture(scope="module")
def channels(tmp_path_factory):
    """One in this process and one from disk, which take different things."""
    path = tmp_path_factory.mktemp("channel")
    export(by_place(), path)
    return {"near": retriever(20, k=4), "place": load(path)}


def texts(values):
    return np.char.decode(values.numpy().astype(bytes)).tolist()


QUERY = {"history": [["item 3"], ["item 12"]], "place": [0, 1]}


@pytest.mark.usefixtures("traced")
def test_what_is_blended_is_served(channels, tmp_path):
    blend = Blend(channels, WeightedScores({"near": 0.6, "place": 0.4}), k=4, depth=8)
    assert blend.inputs.keys() == {"history", "place"}
    assert len(blend.item_ids) == 22
    exclude = [["item 3", "new 1"], ["item 12"]]
    ids, scores = blend(QUERY, k=6, exclude=exclude)
    for row, left_out in enumerate(exclude):
        listed = texts(ids)[row]
        assert len({*listed}) == 6
        assert not {*listed} & {*left_out}
        lists = []
        for one in channels.values():
            own = {name: QUERY[name][row : row + 1] for name in one.inputs}
            found = one(own, k=8, exclude=[left_out])
            lists.append(list(zip(texts(found[0])[0], found[1].numpy()[0], strict=True)))
        worth = scaled_scores(lists, (0.6, 0.4))
        np.testing.assert_allclose(scores[row], sorted(worth.values())[::-1][:6], rtol=1e-4)
        np.testing.assert_allclose(scores[row], [worth[item] for item in listed], rtol=1e-4)
    *_, channel = blend.recommend_with_channel(QUERY, k=6, exclude=exclude)
    assert texts(channel)[0][texts(ids)[0].index("new 0")] == "place"

    version = export(blend, tmp_path)
    loaded = load(version)
    for ours, theirs in zip(
        blend.recommend_with_channel(QUERY, exclude=exclude),
        loaded.recommend_with_channel(QUERY, exclude=exclude),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    signature = tf.saved_model.load(str(version)).signatures["recommend_with_channel_where"]
    served = signature(
        history=tf.constant(QUERY["history"]),
        place=tf.constant(QUERY["place"], tf.int64),
        exclude=tf.constant([[""]]),
        k=tf.constant([2]),
    )
    assert texts(served["channel"])[0][0] in channels


def test_other_types_of_one_name_are_refused(channels):
    class Otherwise(ByPlace):
        inputs = {"place": tf.TensorSpec([None], tf.string)}  # noqa: RUF012

    other = EmbeddingRetriever(Otherwise(), ["a"], [[1.0, 0.0]])
    with pytest.raises(
        ValueError, match=r"'place' alike.*Received: place takes int64.*other string"
    ):
        Blend({**channels, "other": other})
    with pytest.raises(ValueError, match="ids of one type"):
        Blend({"near": channels["near"], "numbers": retriever(5, kind=int)})
    with pytest.raises(ValueError, match="two channels or more"):
        Blend({"near": channels["near"]})
    with pytest.raises(ValueError, match=r"Blend takes far as Retriever: .* far of the kind int"):
        Blend({**channels, "far": 3})
    for name in ("k", "depth"):
        with pytest.raises(ValueError, match=rf"\b{name}\b.*Received: {name}=1.5"):
            Blend(channels, **{name: 1.5})


def test_filters_hold_in_every_channel_and_those_of_some_are_told(channels):
    items = pd.DataFrame({"item_id": [*item_ids(20), "new 0", "new 1"], "kind": ["a", "b"] * 11})
    both = {"near": retriever(20, k=4), "place": by_place()}
    blend = Blend(both, k=4).with_filters(items, ["kind"])
    listed = texts(blend(QUERY, filters={"where_kind": [["b"]]})[0])
    kind = items.set_index("item_id")["kind"]
    assert all(kind[item] == "b" for row in listed for item in row)
    with pytest.warns(UserWarning, match="Some channel lacks where_kind, where_not_kind"):
        mixed = Blend({"near": both["near"], "place": channels["place"]})
    assert not mixed.filter_inputs


def test_filters_of_all_channels_leave_none_lost():
    items = pd.DataFrame({"item_id": [*item_ids(20), "new 0", "new 1"], "kind": ["a", "b"] * 11})
    near = retriever(20, k=4).with_filters(items[:20], ["kind"])
    with pytest.warns(UserWarning, match="Some channel lacks where_kind"):
        blend = Blend({"near": near, "place": by_place()})
    assert blend.report["filters_lost"] == ["where_kind", "where_not_kind"]
    blend.with_filters(items, ["kind"])
    assert "filters_lost" not in blend.report


class KnowsNobody(MeanOfHistory):
    def knows(self, raw):
        return tf.fill([tf.shape(raw["history"])[0]], False)


def test_popular_items_are_behind_what_any_channel_knows():
    """A user whom one channel does not know, and one whom none does."""
    ids, vectors = item_ids(20), item_vectors(20)
    far = EmbeddingRetriever(KnowsNobody(ids, vectors), ids, vectors, k=4)
    both = {"far": far, "near": retriever(20, k=4)}
    for one in both.values():
        one.with_fallback(Popularity(["item 4", "item 9"], [5.0, 7.0]))
    blend = Blend(both, k=3)
    query = {"history": [["item 3"], [""]]}
    ids, _, evident = blend.recommend_with_evidence(query)
    assert texts(ids)[0] == texts(both["near"](query)[0])[0][:3]
    assert texts(ids)[1][:2] == ["item 9", "item 4"]
    assert evident.numpy().tolist() == [3, 0]
    assert texts(blend.recommend_with_channel(query)[2]) == [["near"] * 3, [""] * 3]


class Alike(tf.Module):
    inputs = {"history": tf.TensorSpec([None, None], tf.string)}  # noqa: RUF012
    report = {"kind": EVERYBODY}  # noqa: RUF012

    def __call__(self, raw):
        return tf.ones([tf.shape(raw["history"])[0], 1])


@pytest.mark.parametrize(
    ("known", "firsts", "evident", "channel"),
    [
        (20, ["item 19", "item 1", "item 19"], [3, 0, 0], ["alike", "", ""]),
        (2, ["item 19"] * 3, [3, 3, 3], ["alike"] * 3),  # the list for everybody is longer
    ],
)
def test_a_list_for_everybody_gives_way_to_what_is_popular_in_the_segment_of_a_stranger(
    known, firsts, evident, channel
):
    """Item 19 counts most of all, item 1 among the old. Where something is known of a user, the
    list for everybody is evidence as before."""
    ids = item_ids(20)
    alike = EmbeddingRetriever(Alike(), ids, np.arange(20.0)[:, np.newaxis], k=3)
    segments = pd.DataFrame({"segment": ["old"], "item_id": ["item 1"], "score": 1.0})
    near = retriever(known, k=3).with_fallback(Popularity(ids, np.arange(20.0), "age", segments))
    blend = Blend({"near": near, "alike": alike}, WeightedScores({"near": 0, "alike": 1}), k=3)
    query = {"history": [["item 3"], [""], [""]], "age": ["old", "old", "young"]}
    listed, _, found = blend.recommend_with_evidence(query)
    assert [row[0] for row in texts(listed)] == firsts
    assert found.numpy().tolist() == evident
    assert [row[0] for row in texts(blend.recommend_with_channel(query)[2])] == channel


class ByAge(tf.Module):
    inputs = {"age": tf.TensorSpec([None], tf.float32)}  # noqa: RUF012

    def __call__(self, raw):
        return tf.zeros([tf.shape(raw["age"])[0], 2])  # nothing is known: popular items are listed


def of_ages(ages):
    """Two channels whose popular items are by age: one takes it as a number, one as it is told."""
    segments = pd.DataFrame({"segment": ages, "item_id": ["item 4", "item 9"], "score": 1.0})
    popularity = Popularity(item_ids(20), np.zeros(20), "age", segments)
    vectors = np.eye(20, 2, dtype="float32")
    return {
        "whole": retriever(20, k=3).with_fallback(popularity),
        "number": EmbeddingRetriever(ByAge(), item_ids(20), vectors, k=3),
    }


def test_whole_numbers_of_segments_are_taken_as_floats_where_another_channel_takes_these():
    blend = Blend(of_ages([30, 40]), k=3)
    assert blend.inputs["age"].dtype == tf.float32
    query = {"age": [30.0, 40.0, 30.5, float("nan")], "history": [[""]] * 4}
    listed = texts(blend(query)[0])
    assert [row[0] for row in listed[:2]] == ["item 4", "item 9"]
    assert listed[2] == listed[3]  # of no segment
    with pytest.raises(ValueError, match=r"'age' alike.*whole takes int64.*number float32"):
        Blend(of_ages([30, 2**24 + 1]), k=3)
