"""Evaluation against the measurement in plain Python, and against the protocol's own script."""

import dataclasses
import importlib.util
import os
import pathlib

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.evaluation.conftest import Known
from tests.references.measurement import best_unseen, measure
from tfrec_recall.evaluation import evaluate

CUTS = (1, 5, 10, 50)  # 50 is more than the catalogue holds


def truth(split, scores, on="test", k=50):
    """The right lists, and what they are measured with: each item wanted once."""
    part = split.part(on)
    targets = {u: rows.unique().tolist() for u, rows in part.targets.groupby("user_id")["item_id"]}
    seen = part.history.groupby("user_id")["item_id"].agg(set).to_dict()
    lists = {
        user: best_unseen(scores.loc[user].to_dict(), seen.get(user, set()), k) for user in targets
    }
    popularity = dict.fromkeys(split.interactions.items["item_id"], 0)
    for item in split.train.events["item_id"]:
        popularity[item] += 1
    return lists, targets, popularity


def of_report(report):
    return {user: rows.tolist() for user, rows in report.lists.groupby("user_id")["item_id"]}


@pytest.mark.parametrize("on", ["validation", "test"])
def test_lists_and_figures_are_those_of_the_definition(on, split, scores, known):
    report = evaluate(known, split, on=on, cuts=CUTS)
    lists, targets, popularity = truth(split, scores, on)
    assert of_report(report) == lists
    assert report.metrics == pytest.approx(measure(lists, targets, popularity, CUTS))


def test_users_without_a_list_and_short_lists_count_as_they_are(split, scores):
    def shortened(ranked):
        return ranked[: len(ranked) % 4]

    report = evaluate(Known(scores, answers=shortened), split, cuts=CUTS)
    lists, targets, popularity = truth(split, scores)
    lists = {user: shortened(ranked) for user, ranked in lists.items()}
    assert any(not ranked for ranked in lists.values())
    assert of_report(report) == {user: ranked for user, ranked in lists.items() if ranked}
    assert report.metrics == pytest.approx(measure(lists, targets, popularity, CUTS))


@pytest.mark.parametrize("shorten", [False, True])
def test_figures_are_those_of_the_protocol_script(shorten, split, scores):
    folder = os.environ.get("TFREC_RECALL_DATA")
    script = pathlib.Path(folder or ".").resolve().parent / "protocol.py"
    if not script.exists():
        pytest.skip(f"no {script}; TFREC_RECALL_DATA names the folder beside it")
    spec = importlib.util.spec_from_file_location("protocol", script)
    protocol = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(protocol)

    answers = (lambda ranked: ranked[: len(ranked) % 4]) if shorten else None
    report = evaluate(Known(scores, answers=answers), split)
    once = split.test.targets.drop_duplicates(["user_id", "item_id"])
    theirs = protocol.score(report.lists, once, len(split.interactions.items))
    assert "recall@50" in theirs
    assert {name: round(report.metrics[name], 4) for name in theirs} == theirs


def test_moments_of_the_request_are_asked_as_whole_seconds(split, scores):
    """As `TimeOf` takes them of a column of events, which training reads as moments."""
    targets = split.test.targets
    moments = pd.to_datetime(targets["timestamp"], unit="s")
    test = dataclasses.replace(split.test, targets=targets.assign(ordered_at=moments))
    retriever = Known(scores, {"ordered_at": tf.TensorSpec([None], tf.int64)})
    evaluate(retriever, dataclasses.replace(split, test=test))
    asked = {}
    for one in retriever.asked:
        users = [user.decode() for user in one.queries["user_id"].numpy()]
        asked |= dict(zip(users, one.queries["ordered_at"].numpy().tolist(), strict=True))
    assert asked == targets.groupby("user_id")["timestamp"].min().to_dict()


@pytest.mark.parametrize("batch_size", [1, 7])
def test_batches_change_nothing(batch_size, split, known):
    whole, parts = evaluate(known, split), evaluate(known, split, batch_size=batch_size)
    pd.testing.assert_frame_equal(whole.lists, parts.lists)
    pd.testing.assert_frame_equal(whole.per_user, parts.per_user)
    assert max(len(call.queries["user_id"]) for call in known.asked[1:]) == batch_size


def test_users_with_long_histories_are_asked_few_at_a_time(split, known, monkeypatch):
    whole = evaluate(known, split)
    known.asked.clear()
    monkeypatch.setattr("tfrec_recall.data.feeding.like_lengths.EVENTS_AT_ONCE", 40)
    parts = evaluate(known, split)
    pd.testing.assert_frame_equal(whole.lists, parts.lists)
    pd.testing.assert_frame_equal(whole.per_user, parts.per_user)
    shapes = [tuple(call.exclude.shape) for call in known.asked]
    assert all(rows == 1 or rows * width <= 40 for rows, width in shapes)
    assert shapes[0][0] > shapes[-1][0]  # the others are many at once


def test_the_retriever_is_asked_for_k_places_of_one_batch_at_a_time(split, known):
    report = evaluate(known, split, cuts=(3,), batch_size=4, lists=False)
    longest = report.per_user["history"].max()
    assert {call.k for call in known.asked} == {3}
    assert max(call.exclude.shape[0] for call in known.asked) == 4
    assert max(call.exclude.shape[1] for call in known.asked) == longest
    assert known.asked[0].exclude.shape[1] < longest / 2  # users with short histories go together
    assert report.positions is None
    with pytest.raises(ValueError, match="lists were not kept"):
        _ = report.lists


def test_the_queries_know_nothing_of_the_targets(split, scores):
    """Other items wanted at the same times: the same questions, to the bit."""
    inputs = {
        "history": tf.TensorSpec([None, None], tf.string),
        "history_rating": tf.TensorSpec([None, None], tf.float32),
        "timestamp": tf.TensorSpec([None], tf.int64),
        "age": tf.TensorSpec([None], tf.float32),
    }
    targets = split.test.targets
    others = targets.assign(item_id="i30", rating=0.0)
    changed = dataclasses.replace(split, test=dataclasses.replace(split.test, targets=others))
    asked = []
    for which in (split, changed):
        retriever = Known(scores, inputs)
        evaluate(retriever, which, batch_size=100)
        asked.append(retriever.asked[0])
    for name, values in asked[0].queries.items():
        np.testing.assert_array_equal(values, asked[1].queries[name])
    users = [user.decode() for user in asked[0].queries["user_id"].numpy()]
    first = targets.groupby("user_id")["timestamp"].min()
    assert asked[0].queries["timestamp"].numpy().tolist() == first[users].tolist()


def test_integer_ids(split, scores):
    def numbered(events):
        return events.assign(
            user_id=events["user_id"].str[1:].astype("int64"),
            item_id=events["item_id"].str[1:].astype("int64"),
        )

    def numbered_part(part):
        return dataclasses.replace(
            part, history=numbered(part.history), targets=numbered(part.targets)
        )

    numbers = type(split.interactions)(
        numbered(split.interactions.events),
        items=pd.DataFrame({"item_id": np.arange(31)}),
    )
    renamed = dataclasses.replace(
        split,
        interactions=numbers,
        train=numbers.with_events(numbered(split.train.events)),
        validation=numbered_part(split.validation),
        test=numbered_part(split.test),
    )
    table = scores.rename(index=lambda u: int(u[1:]), columns=lambda i: int(i[1:]))
    report = evaluate(Known(table, user_type=tf.int64), renamed)
    expected = evaluate(Known(scores), split)
    assert report.metrics == pytest.approx(expected.metrics)
    assert report.lists["item_id"].tolist() == [int(item[1:]) for item in expected.lists["item_id"]]


def test_targets_that_the_retriever_lacks_are_misses_and_are_reported(split, scores):
    fewer = scores.drop(columns=["i29", "i00"])
    report = evaluate(Known(fewer), split, cuts=CUTS)
    lists, targets, popularity = truth(split, fewer)
    assert report.metrics == pytest.approx(measure(lists, targets, popularity, CUTS))
    lost = split.test.targets["item_id"].isin(["i29", "i00"]).sum()
    assert f"{lost} targets are items the retriever does not hold" in str(report)


def test_items_that_only_the_retriever_holds_take_places_and_are_reported(split, scores):
    more = scores.assign(new=1e9)
    report = evaluate(Known(more), split, cuts=(1, 5))
    assert set(report.lists.loc[report.lists["rank"] == 1, "item_id"]) == {"new"}
    assert report.metrics["coverage@1"] == report.metrics["recall@1"] == 0
    assert "1 items of the retriever are not in the catalogue" in str(report)


def test_a_retriever_of_other_data_is_refused(split, scores):
    with pytest.raises(ValueError, match=r"no item in common.*'i30'.*'film i"):
        evaluate(Known(scores.add_prefix("film ")), split)


def test_a_retriever_that_recommends_the_history_is_refused(split, scores):
    class Careless(Known):
        def __call__(self, queries, k=None, exclude=None):
            return super().__call__(queries, k)

    with pytest.raises(ValueError, match=r"an item of the history.*for 24 of 25 users"):
        evaluate(Careless(scores), split)


def test_a_retriever_that_repeats_an_item_is_refused(split, scores):
    repeating = Known(scores, answers=lambda ranked: [ranked[0], *ranked])
    with pytest.raises(ValueError, match=r"an item twice.*for 25 of 25 users"):
        evaluate(repeating, split)


def test_progress_counts_users(split, known):
    calls = []
    evaluate(known, split, batch_size=10, progress=lambda done, users: calls.append((done, users)))
    assert calls == [(10, 25), (20, 25), (25, 25)]


@pytest.mark.parametrize("cuts", [(), (0, 5), (5, 101), (2.5, 5), (True,), 10, "10"])
def test_cuts_beyond_the_list_are_refused(cuts, split, known):
    with pytest.raises(ValueError, match=r"Cuts are whole numbers from 1 to k\. Received: cuts="):
        evaluate(known, split, cuts=cuts, k=100)


def test_a_part_without_targets_is_refused(split, known):
    nobody = dataclasses.replace(split.test, targets=split.test.targets.iloc[:0])
    with pytest.raises(ValueError, match="No user has a test target"):
        evaluate(known, dataclasses.replace(split, test=nobody))


class TestCandidates:
    @pytest.fixture
    def candidates(self, split):
        """The targets and five others for each user, some of the history; one item in no data."""
        generator = np.random.default_rng(11)
        users = split.test.targets["user_id"].unique()
        others = pd.DataFrame(
            [(user, f"i{i:02d}") for user in users for i in generator.permutation(31)[:5]],
            columns=["user_id", "item_id"],
        )
        stray = pd.DataFrame({"user_id": ["u03", "nobody"], "item_id": ["unheard of", "i01"]})
        wanted = split.test.targets[["user_id", "item_id"]]
        return pd.concat([wanted, others, stray]).sample(frac=1.0, random_state=1)

    @pytest.mark.parametrize("batch_size", [3, 512])
    def test_only_they_are_ranked_and_the_history_stays(
        self, batch_size, split, scores, known, candidates
    ):
        report = evaluate(known, split, cuts=(2, 10), batch_size=batch_size, candidates=candidates)
        lists, targets, popularity = truth(split, scores)
        given = candidates[candidates["item_id"].isin(scores.columns)]
        for user in lists:
            own = set(given.loc[given["user_id"] == user, "item_id"])
            lists[user] = best_unseen(scores.loc[user, sorted(own)].to_dict(), set(), 10)
        assert of_report(report) == lists
        assert report.metrics == pytest.approx(measure(lists, targets, popularity, (2, 10)))
        assert all(call.exclude is None for call in known.asked)
        assert any("candidates are items that neither" in note for note in report.notes)
        history = split.test.history[["user_id", "item_id"]]
        assert len(report.lists.merge(history, on=["user_id", "item_id"])) > 0

    def test_large_catalogues_are_ranked_a_few_users_at_a_time(
        self, split, known, candidates, monkeypatch
    ):
        monkeypatch.setattr("tfrec_recall.evaluation.ranking._SCORES_AT_ONCE", 100)
        evaluate(known, split, candidates=candidates)
        assert max(len(call.queries["user_id"]) for call in known.asked) == 4

    def test_an_index_that_does_not_reach_them_all_is_refused(self, split, scores, candidates):
        approximate = Known(scores, answers=lambda ranked: ranked[:20])
        with pytest.raises(ValueError, match=r"use a retriever with an Exact\(\) index"):
            evaluate(approximate, split, candidates=candidates)

    def test_a_user_without_any_is_refused(self, split, known, candidates):
        for wrong, said in (
            (candidates.drop(columns="user_id"), r"columns user_id and item_id\. .*\['item_id'\]"),
            (candidates.assign(user_id=7), r"candidates: column 'user_id' has another type"),
        ):
            with pytest.raises(ValueError, match=said):
                evaluate(known, split, candidates=wrong)
        with pytest.raises(ValueError, match=r"none known for 1 of 25 users, the first \['u04'\]"):
            evaluate(known, split, candidates=candidates[candidates["user_id"] != "u04"])
