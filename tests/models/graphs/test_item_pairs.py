import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from tfrec_recall.data import Interactions
from tfrec_recall.data.examples import NoExample
from tfrec_recall.features import Categorical, Features
from tfrec_recall.graph import RandomWalks
from tfrec_recall.models.fitting.run import Run
from tfrec_recall.models.graphs import item_pairs
from tfrec_recall.models.graphs.item_pairs import (
    Steps,
    board_weights,
    boards,
    pair_batches,
    taken_next,
)


def events_of(users=3, length=7):
    rows = [(f"u{u}", f"i{u}{n}", 100 * n) for u in range(users) for n in range(length)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    events["session_id"] = np.arange(len(events)) // 2
    return Interactions(events.sample(frac=1, random_state=0))


def members(board, item):
    return {tuple(sorted(group)) for _, group in item.groupby(board)}


def test_boards_are_runs_in_time_and_of_one_user():
    found = members(*boards(events_of(2, 5), by_session=False, run=4))
    runs = [[(0, 1, 2, 3), (4,)], [(0, 1), (2, 3, 4)]]
    assert found == {
        tuple(f"i{u}{n}" for n in run) for u in range(2) for cut in runs for run in cut
    }


def test_neighbouring_events_share_a_board():
    board, item = boards(events_of(1, 40), by_session=False, run=6)
    of = {name: set(board[item == name]) for name in item.unique()}
    for n in range(39):
        assert of[f"i0{n}"] & of[f"i0{n + 1}"]


def test_boards_of_users_and_sessions():
    whole = members(*boards(events_of(2, 3), by_session=False, run=None))
    assert whole == {("i00", "i01", "i02"), ("i10", "i11", "i12")}
    sessions = members(*boards(events_of(2, 2), by_session=True, run=3))
    assert sessions == {("i00", "i01"), ("i10", "i11")}


def test_without_time_a_board_is_a_user():
    timeless = events_of(2, 3)
    timeless = timeless.with_events(timeless.events.drop(columns="timestamp"))
    assert members(*boards(timeless, False, 2)) == members(*boards(events_of(2, 3), False, None))


def test_positives_are_where_walks_come_by(monkeypatch):
    monkeypatch.setattr(item_pairs, "QUERIES_AT_A_TIME", 300)
    ring = sp.csr_array(([1.0] * 4, ([0, 1, 2, 3], [1, 2, 3, 0])), shape=(5, 5))
    query = np.tile([0, 3, 4], 400)
    found = item_pairs.walked_to(RandomWalks(ring), query, draws=5, steps=2, seed=1)
    assert set(found[query == 4].ravel()) == {-1}  # it leads nowhere
    steps = (found - query[:, None])[query != 4] % 4
    share = np.bincount(steps.ravel(), minlength=4) / steps.size
    np.testing.assert_allclose(share, [0, 0.5, 0.5, 0], atol=0.05)
    again = item_pairs.walked_to(RandomWalks(ring), query, draws=5, steps=2, seed=1)
    np.testing.assert_array_equal(found, again)
    assert not np.array_equal(found[:300], found[300:600])  # blocks draw for themselves


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        (None, ["ab", "bc", "ca", "cb"]),  # of x, y and z by their times, without a repeated a
        ([1, 1, 1, 2, 2, 3, 4, 4, 4], ["ab", "ca", "cb"]),  # x took c after a pause
    ],
)
def test_what_is_taken_next_is_of_one_user_or_session_and_known(session, expected):
    rows = [("x", "a", 1), ("x", "a", 2), ("x", "b", 3), ("x", "c", 4), ("x", "a", 5)]
    rows += [("y", "b", 9), ("z", "c", 6), ("z", "rare", 7), ("z", "b", 8)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    if session is not None:
        events["session_id"] = session
    train = Interactions(events.sample(frac=1, random_state=1))
    features = Features([], [Categorical("item_id", min_count=2)]).adapt(train)
    query, following = taken_next(train, features)
    names = np.array(["", "?", *features.item_vocabulary.ids], dtype=object)
    assert sorted(names[query] + names[following[:, 0]]) == expected


def test_where_nothing_is_taken_next_is_an_error():
    alone = pd.DataFrame({"user_id": [1, 2, 2], "item_id": [5, 6, 6], "timestamp": [1, 2, 3]})
    features = Features([], [Categorical("item_id")]).adapt(Interactions(alone))
    with pytest.raises(NoExample, match=r"next_item=False.*3 events, 3 of known items, in 2 seq"):
        taken_next(Interactions(alone), features)


def test_events_count_by_the_size_of_their_board():
    np.testing.assert_allclose(board_weights(np.array([0, 0, 0, 0, 1]), -0.5), [0.5] * 4 + [1])


def test_pairs_are_drawn_anew_each_epoch_and_never_of_one_item():
    query = np.array([2, 3, 4], "int32")
    positives = np.array([[3, 4, 3, 4], [3, -1, 5, 0], [4, 4, -1, 0]], "int32")
    hard = np.arange(12).reshape(6, 2)
    data = pair_batches(query, positives, 2, hard_ids=hard)
    seen = set()
    for _ in range(20):
        for batch in data:
            ids = batch["query_id"].numpy()
            np.testing.assert_array_equal(batch["hard_ids"], hard[ids])
            seen |= set(zip(ids.tolist(), batch["item_id"].numpy().tolist(), strict=True))
    assert seen == {(2, 3), (2, 4), (3, 5)}  # 4 never met another item


def test_a_resumed_run_draws_what_it_would_have_drawn():
    query, positives = np.arange(2, 50, dtype="int32"), np.arange(50, 434).reshape(48, 8)
    through = pair_batches(query, positives, 7)
    _, second = list(through), list(through)
    resumed = list(pair_batches(query, positives, 7, first_epoch=1))
    for ours, theirs in zip(resumed, second, strict=True):
        np.testing.assert_array_equal(ours["item_id"], theirs["item_id"])


def test_steps_count_in_training_alone():
    steps = Steps(seed=5)
    steps.an_epoch.assign(2)
    assert [steps.next(training).numpy().tolist() for training in (False, True, True, False)] == [
        [5, 0],
        [5, 0],
        [5, 1],
        [5, 2],
    ]
    assert int(steps.epoch) == 1


def test_epochs_count_over_calls_of_fit():
    steps = Steps(seed=5)
    for before in range(3):
        steps.begin(Run(epochs=1, steps=2), "what is tried here")
        assert int(steps.epoch) == before
        for _ in range(2):
            steps.next(training=True)
    steps.begin(Run(epochs=9, steps=2, epoch=5), "what is tried here")  # as `initial_epoch` says
    assert int(steps.epoch) == 5


@pytest.mark.parametrize("lengths", [(9, 2, 2), (2, 9, 9)])
def test_epochs_count_whatever_their_lengths(lengths):
    steps = Steps(seed=5)
    for before, length in enumerate(lengths):
        steps.begin(Run(epochs=1, steps=length), "what is tried here")
        assert int(steps.epoch) == before
        for _ in range(length):
            steps.next(training=True)
        assert int(steps.epoch) == before + 1


def test_a_run_goes_on_within_an_epoch_after_one_of_another_length():
    steps, resumed = Steps(seed=5), Steps(seed=5)
    for length, learnt in ((9, 9), (4, 6)):
        steps.begin(Run(epochs=2, steps=length), "what is tried here")
        for _ in range(learnt):
            steps.next(training=True)
    resumed.set_weights(steps.get_weights())
    resumed.begin(Run(epochs=2, steps=4, epoch=1, step=2), "what is tried here")
    assert resumed.get_weights() == steps.get_weights()
    assert int(resumed.epoch) == 2
    resumed.begin(Run(epochs=1, steps=6), "what is tried here")  # what was begun counts as none
    assert (int(resumed.epoch), int(resumed.done)) == (2, 12)


def test_no_pair_is_an_error():
    with pytest.raises(NoExample, match="every walk ends where it began"):
        pair_batches(np.array([2], "int32"), np.array([[2]], "int32"), 2)
