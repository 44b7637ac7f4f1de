"""Weights that validation likes, and what each channel adds."""

import dataclasses

import numpy as np

from tfrec_recall.evaluation import metrics
from tfrec_recall.evaluation.blending import ChannelLists, fit_weights, what_each_adds
from tfrec_recall.evaluation.pairs import Pairs
from tfrec_recall.retrieval import ReciprocalRank, WeightedScores
from tfrec_recall.retrieval.giving_way import GivingWay

USERS, DEPTH = 40, 6


def lists(seed):
    """Users want items 0, 1 and 2: one channel finds 0 and 1, one finds 2, one finds nothing."""
    generator = np.random.default_rng(seed)
    noise = generator.integers(10, 300, size=(3, USERS, DEPTH)).astype(np.int32)
    rows = [noise[channel] + 300 * channel for channel in range(3)]  # no two agree by chance
    rows[0][:, :2] = [0, 1]
    rows[1][:, 0] = 2
    scores = np.tile(np.linspace(1, 0.5, DEPTH, dtype=np.float32), (USERS, 1))
    codes = np.arange(USERS)[:, np.newaxis] * 1000 + np.arange(3)
    return ChannelLists(
        ("two", "one", "none"),
        tuple(rows),
        (scores, 5 * scores, scores),
        Pairs(codes.ravel(), 1000),
        np.full(USERS, 3),
    )


def test_weights_are_fitted_on_what_they_are_given():
    validation, test = lists(0), lists(1)
    merging = fit_weights(validation, WeightedScores(), cut=3)
    assert validation.recall(merging, 3) == 1.0
    assert test.recall(merging, 3) == 1.0
    assert validation.recall(WeightedScores(), 3) < 1.0  # equal weights let the third in
    weights = merging.weights
    assert weights["none"] < min(weights["one"], weights["two"])
    assert abs(sum(weights.values()) - 1) < 1e-3


def test_what_each_adds_is_what_the_others_lack():
    validation, test = lists(0), lists(1)
    merging = fit_weights(validation, ReciprocalRank(), cut=3)
    table = what_each_adds(validation, test, merging, cut=3).set_index("channel")
    np.testing.assert_allclose(table.loc["two", ["alone", "without"]].astype(float), [2 / 3, 1 / 3])
    whole = test.recall(merging, 3)
    assert whole > 0.95
    np.testing.assert_allclose(table["adds"], whole - table["without"])
    assert table.loc["one", "adds"] > 0.28
    assert abs(table.loc["none", "adds"]) < 0.05


def test_what_the_others_leave_open_is_not_found_by_a_channel_alone():
    """A channel that lists nothing finds nothing, though the others would fill its lists."""
    silent = lists(0)
    rows = (*silent.rows[:2], np.full((USERS, DEPTH), -1, np.int32))
    scores = (*silent.scores[:2], np.full((USERS, DEPTH), -np.inf, np.float32))
    silent = dataclasses.replace(silent, rows=rows, scores=scores)
    table = what_each_adds(silent, silent, WeightedScores(), cut=3).set_index("channel")
    assert table["alone"]["none"] == 0.0


def test_strangers_lists_are_merged_as_a_blend_merges_them():
    """What is popular of all gives way to what is popular in the segment of a stranger."""
    rows = np.array([[1, 2], [1, 2]], np.int32), np.array([[8, 9], [8, 9]], np.int32)
    scores = (np.float32([[2, 1], [2, 1]]), np.float32([[2, 1], [-np.inf] * 2]))  # one is known
    wants = Pairs(np.array([1, 1008]), 1000)
    given = ChannelLists(("popular", "near"), rows, scores, wants, np.ones(2, "int64"))
    served = dataclasses.replace(given, giving_way=GivingWay((True, False), (False, True)))
    merging = WeightedScores({"popular": 2.0, "near": 1.0})
    assert given.recall(merging, 1) == 0.5
    assert served.recall(merging, 1) == 1.0
    assert served.mean(metrics.ndcg, merging, 1) == 1.0
    assert served.mean(metrics.recall, merging, 1) == served.recall(merging, 1)
    assert served.alone("popular").recall(WeightedScores(), 1) == 0.5
    assert served.recall(fit_weights(served, merging, 1), 1) == 1.0
