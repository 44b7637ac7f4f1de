import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.sampling import HardNegatives, MineHardNegatives, UnmetNegatives

ITEMS, USERS = 20, 3
VECTORS = np.stack([np.arange(ITEMS)[::-1], np.arange(ITEMS)], axis=1).astype("float32")
QUERIES = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")  # user 0 likes id 2 best, user 1 id 21
MET_USER, MET_ITEM = [0, 0, 1, 2], [5, 6, 15, 2]


def negatives(**settings):
    met = UnmetNegatives(MET_USER, MET_ITEM, size=ITEMS + 2)
    return HardNegatives(met, USERS, **{"window": (3, 9), "kept": 4, "ratio": 1.0, **settings})


def mined(**settings):
    made = negatives(**settings)
    made.mine([(tf.constant([0, 1]), tf.constant(QUERIES))], VECTORS)
    return made


def test_what_is_mined_lies_in_the_window_and_was_not_met():
    table = mined(kept=8).table.numpy()
    # Of what was not met, ranks 3 to 8: 2, 3 and 4 are before, 5 and 6 have no rank; nor has 15.
    assert set(table[0]) - {0} == {7, 8, 9, 10, 11, 12}
    assert set(table[1]) - {0} == {18, 17, 16, 14, 13, 12}
    assert not table[2].any()


def test_a_choice_of_the_window_has_no_repetition():
    for row in mined(kept=4).table.numpy()[:2]:
        assert len(set(row)) == 4
        assert (row > 0).all()


def test_hard_and_easy_ones_are_mixed_by_ratio():
    made = mined(ratio=0.25)
    user = tf.repeat(tf.constant([0, 1]), 4000)
    drawn = made.sample(user, 5, seed=[3, 4]).numpy()
    table = made.table.numpy()
    for number in (0, 1):
        rows = drawn[user.numpy() == number]
        in_table = np.isin(rows, table[number]).mean()
        unmet = ITEMS - (np.array(MET_USER) == number).sum()
        assert in_table == pytest.approx(0.25 + 0.75 * 4 / unmet, abs=0.01)
        met = np.array(MET_ITEM)[np.array(MET_USER) == number]
        assert not np.isin(rows, met).any()


def test_a_user_without_mined_items_gets_easy_ones():
    drawn = mined().sample(tf.constant([2] * 500), 4, seed=[1, 2]).numpy()
    assert set(drawn.ravel()) == set(range(3, ITEMS + 2))  # all but the met 2


def test_a_window_beyond_the_catalogue_is_refused():
    with pytest.raises(ValueError, match=r"a catalogue of 20 items.*window=\(17, 400\)"):
        negatives(window=(17, 400))


def test_a_window_beyond_what_a_user_has_not_met_gives_what_there_is():
    table = mined(window=(16, 20), kept=8).table.numpy()
    assert set(table[0]) - {0} == {20, 21}  # of 18 unmet items


def test_the_same_seed_draws_the_same_items_in_a_graph():
    made = mined(ratio=0.5)
    draw = tf.function(lambda user: made.sample(user, 6, seed=[7, 8]))
    user = tf.constant([0, 1, 1])
    np.testing.assert_array_equal(draw(user), made.sample(user, 6, seed=[7, 8]))


def test_the_callback_mines_again_from_the_model_as_it_is():
    made, seen = negatives(), []

    def vectors():
        seen.append(len(seen))
        return VECTORS * (1 if len(seen) == 1 else [[-1, -1]])

    batches = [(tf.constant([0, 1]), tf.constant(QUERIES))]
    callback = MineHardNegatives(made, lambda: batches, vectors, every=2, after=1)
    tables = []
    for epoch in range(4):
        callback.on_epoch_begin(epoch)
        tables.append(made.table.numpy().copy())
    assert not tables[0].any()
    assert tables[1].any()
    np.testing.assert_array_equal(tables[2], tables[1])
    assert (tables[3][0][tables[3][0] > 0] > 12).all()  # the other end of the catalogue
    assert len(seen) == 2


def test_a_model_that_has_learnt_is_mined_before_the_first_epoch():
    made, seen = negatives(), []
    batches = [(tf.constant([0, 1]), tf.constant(QUERIES))]
    callback = MineHardNegatives(made, lambda: batches, lambda: seen.append(1) or VECTORS, every=2)

    def mined_in(*epochs, step=0, has_learnt=True):
        callback.begin(epochs[0], step, has_learnt)
        before = len(seen)
        for epoch in epochs:
            callback.on_epoch_begin(epoch)
        return len(seen) - before

    assert mined_in(0, has_learnt=False) == 0
    assert mined_in(2) == 1  # a table of new data, which is empty
    assert mined_in(0) == mined_in(0) == 1  # calls of fit, of an epoch each
    assert mined_in(0, step=3) == 0  # it goes on within an epoch that was mined for
    assert mined_in(2) == 0  # it goes on from a backup, as it would have without
    assert mined_in(0, 1, 2, 3) == 3


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"window of ranks.*Received: window=\(9, 3\)"):
        negatives(window=(9, 3))
    with pytest.raises(ValueError, match=r"Received: every=0"):
        MineHardNegatives(negatives(), list, list, every=0)
