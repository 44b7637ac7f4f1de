"""Which targets count: each item once, and nothing that no list can hold."""

import pandas as pd
import pytest
import tensorflow as tf

from tests.evaluation.conftest import Known
from tfrec_recall.data import Interactions
from tfrec_recall.data.splits import given, last_events_out
from tfrec_recall.evaluation import RecallOnValidation, compare, evaluate

ITEMS = list("abcdefgh")
LISTENED = {
    "again": "abcab",  # both targets are items of the history
    "both": "abcad",  # one of them is
    "new": "abcde",
    "twice": "abcdd",
}


def split_of(histories, **options):
    rows = [(u, i, time) for u, items in histories.items() for time, i in enumerate(items)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    data = Interactions(events, items=pd.DataFrame({"item_id": ITEMS}), name="songs")
    return last_events_out(data, **{"test": 2, "validation": 0, **options})


def knowing(split):
    """A retriever that puts each user's targets first, in the order of ITEMS."""
    wanted = split.test.targets.groupby("user_id")["item_id"].agg(set)
    scores = pd.DataFrame(
        {i: [10.0 * (i in wanted[u]) - p for u in wanted.index] for p, i in enumerate(ITEMS)},
        index=wanted.index,
    )
    return Known(scores)


def test_targets_of_the_history_are_left_out_and_said():
    split = split_of(LISTENED)
    report = evaluate(knowing(split), split, cuts=(1, 2))
    assert report.per_user["targets"].to_dict() == {"both": 1, "new": 2, "twice": 1}
    assert report.per_user["recall@2"].tolist() == [1.0, 1.0, 1.0]
    assert report.metrics["recall@1"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert report.metrics["ndcg@2"] == report.metrics["map@2"] == 1.0
    notes = " ".join(report.notes)
    assert "3 targets are items of their user's history" in notes
    assert "--repeats" in notes
    assert "1 users have no other target" in notes
    assert "1 target events want an item that another one" in notes


def test_with_repeats_the_history_is_ranked_and_wanted():
    split = split_of(LISTENED)
    retriever = knowing(split)
    report = evaluate(retriever, split, cuts=(1, 2), repeats=True)
    assert report.per_user["targets"].tolist() == [2, 2, 2, 1]
    assert report.metrics["recall@2"] == 1.0
    assert report.lists.query("user_id == 'again' and rank < 3")["item_id"].tolist() == ["a", "b"]
    assert all(call.exclude is None for call in retriever.asked)
    assert not any("left out" in note for note in report.notes)
    with pytest.raises(ValueError, match="one part of one split"):
        compare({"new": evaluate(retriever, split, cuts=(1, 2)), "all": report})


def test_a_retriever_that_cannot_repeat_is_told_from_one_that_does_not():
    split = split_of(LISTENED)
    histories = split.test.history.groupby("user_id")["item_id"].agg(set)

    class OnlyNew(Known):
        def __call__(self, queries, k=None, exclude=None):
            had = [sorted(histories[user.decode()]) for user in queries["user_id"].numpy()]
            return super().__call__(queries, k, tf.ragged.constant(had).to_tensor())

    report = evaluate(OnlyNew(knowing(split).table), split, cuts=(2,), repeats=True)
    assert any("No list holds an item of its user's history" in note for note in report.notes)


def test_nothing_but_repeats_is_refused_with_the_way_on():
    split = split_of({"one": "abcab", "other": "bcabc"})
    with pytest.raises(ValueError, match=r"All 4 test targets .* repeats=True, or --repeats"):
        evaluate(Known(pd.DataFrame(0.0, ["one", "other"], ITEMS)), split, cuts=(2,))


def test_validation_of_nothing_but_repeats_is_refused_before_training():
    split = split_of({"one": "abcabde"}, validation=2)
    model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    model.compile(loss="mse")
    ones, steps = tf.ones([4, 1]), []
    count = tf.keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_: steps.append(1))
    with pytest.raises(ValueError, match=r"All 2 validation targets .* --repeats"):
        model.fit(ones, ones, callbacks=[count, RecallOnValidation(split)], verbose=0)
    assert not steps


def test_candidates_hold_items_of_the_history_and_may_lack_targets():
    split = split_of(LISTENED)
    chosen = [(user, item) for user in LISTENED for item in "abe"]
    chosen = pd.DataFrame(chosen, columns=["user_id", "item_id"])
    report = evaluate(knowing(split), split, cuts=(2,), candidates=chosen)
    assert report.per_user["recall@2"].to_dict() == {
        "again": 1,
        "both": 0.5,
        "new": 0.5,
        "twice": 0,
    }
    assert "3 targets are not among the candidates: they are misses." in report.notes
    with pytest.raises(ValueError, match="leave repeats out"):
        evaluate(knowing(split), split, cuts=(2,), candidates=chosen, repeats=True)


def test_a_published_split_is_also_measured_at_20():
    split = split_of(LISTENED)
    retriever = knowing(split)
    events = split.interactions.events
    parts = events["timestamp"].map(lambda place: "train" if place < 3 else "test")
    published = given(split.interactions.with_events(events.assign(split=parts)))
    assert evaluate(retriever, published).cuts == (10, 20, 50, 100)
    assert evaluate(retriever, split).cuts == (10, 50, 100)
    assert evaluate(retriever, published, cuts=[5, 3]).cuts == (3, 5)


@pytest.mark.parametrize("more", [0, 10])
def test_a_table_with_items_of_no_event_is_another_catalogue_which_is_noted(more):
    split = split_of(LISTENED)
    ids = [*"abcde", *(f"unmet{one}" for one in range(more))]
    table = pd.DataFrame({"item_id": ids})
    data = Interactions(split.interactions.events, items=table)
    report = evaluate(knowing(split), last_events_out(data, test=2, validation=0), cuts=(2,))
    said = [note for note in report.notes if "in no event that was learnt" in note]
    assert [note.split()[0] for note in said] == (["10"] if more else [])
