import numpy as np
import pytest

from tests.references.diversity import greedy
from tests.retrieval.toys import item_ids, item_vectors, retriever, texts
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import Diversity, ScaNN

pytestmark = pytest.mark.usefixtures("untraced")

COUNT, K = 40, 8
RANDOM = np.random.default_rng(3)
CATEGORIES = RANDOM.choice(["red", "green", "blue"], COUNT, p=[0.6, 0.3, 0.1])
QUERY = {"history": [["item 3", "item 8"], ["item 11"], []]}


def spread_out(weight, groups=CATEGORIES, **options):
    everything = {"candidates": COUNT, **options}
    return retriever(COUNT, k=K, diversity=Diversity(groups, weight, **everything))


def test_another_kind_of_object_is_refused():
    with pytest.raises(ValueError, match=r"diversity as Diversity\(.*Received: diversity=0.5"):
        retriever(COUNT, k=K, diversity=0.5)


@pytest.mark.parametrize("weight", [0.0, 0.1, 0.5, 3.0, 100.0])
def test_equals_the_papers_greedy_choice(weight):
    item_id, score = spread_out(weight)(QUERY)
    vectors = item_vectors(COUNT)
    for row, history in enumerate([[3, 8], [11]]):
        scores = vectors @ vectors[history].mean(0)
        expected = greedy(scores, CATEGORIES, K, weight)
        assert texts(item_id)[row] == [f"item {item}" for item in expected]
        before = [
            sum(CATEGORIES[i] == CATEGORIES[j] for j in expected[:n])
            for n, i in enumerate(expected)
        ]
        worth = scores[expected] - weight * np.array(before)
        np.testing.assert_allclose(score[row], worth, rtol=1e-4, atol=1e-5)
    assert (np.diff(score, axis=1) <= 0).all()


def test_weight_trades_score_for_variety():
    def categories(weight):
        return [
            len({CATEGORIES[int(name.split()[1])] for name in row[:3]})
            for row in texts(spread_out(weight)(QUERY)[0])
        ]

    assert categories(1e3)[:2] == [3, 3]  # the third is a stranger's list
    assert min(categories(0.0)) < 3
    assert texts(spread_out(0.0)(QUERY)[0])[:2] == texts(retriever(COUNT, k=K)(QUERY)[0])[:2]


def test_only_the_best_candidates_are_chosen_from():
    plain = texts(retriever(COUNT, k=K)(QUERY)[0])
    chosen = texts(spread_out(1e3, candidates=1)(QUERY)[0])
    assert [sorted(row) for row in chosen[:2]] == [sorted(row) for row in plain[:2]]


@pytest.mark.parametrize("k", [1, 3])
def test_a_shorter_list_is_how_the_longer_one_begins(k):
    made = spread_out(0.5, candidates=2)
    longer = texts(made(QUERY)[0])
    assert texts(made(QUERY, k=k)[0])[:2] == [row[:k] for row in longer[:2]]
    many = spread_out(1e3, candidates=1)  # the best of each category come first
    assert texts(many(QUERY, k=k)[0])[:2] == [row[:k] for row in texts(many(QUERY)[0])[:2]]


def test_items_without_a_category_are_like_no_other():
    plain = texts(retriever(COUNT, k=K)(QUERY)[0])
    assert texts(spread_out(5.0, groups=[None] * COUNT)(QUERY)[0])[:2] == plain[:2]


def test_exclusions_and_more_than_there_are():
    exclude = [[name for name in item_ids(COUNT) if name != "item 5"]] * 3
    item_id, score = spread_out(0.5)(QUERY, exclude=exclude)
    assert [row[:2] for row in texts(item_id)] == [["item 5", ""]] * 3
    assert np.isneginf(score.numpy()[:, 1:]).all()


@pytest.mark.usefixtures("traced")
def test_the_export_spreads_too(tmp_path):
    original = retriever(
        1500,
        k=K,
        index=ScaNN(leaves=20, leaves_to_search=20, reorder=1500),
        with_interest=True,
        diversity=Diversity(np.arange(1500) % 4, weight=0.7),
    )
    loaded = load(export(original, tmp_path / "model"))
    assert loaded.report["diversity"] == 0.7
    for ours, theirs in (
        (loaded(QUERY), original(QUERY)),
        (loaded.recommend_with_interest(QUERY), original.recommend_with_interest(QUERY)),
    ):
        for one, other in zip(ours[1:], theirs[1:], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5)
        assert texts(ours[0]) == texts(theirs[0])


def test_impossible_settings_are_refused():
    for weight in (-1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=rf"at least 0\. Received: weight={weight}"):
            Diversity(CATEGORIES, weight)
    for candidates in (0, 1.5):
        with pytest.raises(ValueError, match=rf"from 1 up\. Received: candidates={candidates}"):
            Diversity(CATEGORIES, 1.0, candidates)
    with pytest.raises(ValueError, match=r"each of the 40 items\. Received: 3"):
        spread_out(1.0, groups=["a", "b", "c"])
