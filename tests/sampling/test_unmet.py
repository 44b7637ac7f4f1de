import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.sampling import UnmetNegatives

SIZE = 12  # items 2 to 11
MET = {2: [2, 3, 4, 5, 6], 3: [11], 7: [2, 11], 4: list(range(2, 12))}


def sampler():
    pairs = [(user, item) for user, items in MET.items() for item in items for _ in range(2)]
    return UnmetNegatives(*np.array(pairs).T, size=SIZE)


def test_only_items_the_user_has_not_met_each_as_likely():
    users = np.repeat([2, 3, 7, 9], 20_000)  # 9 has met none
    drawn = sampler().sample(tf.constant(users), seed=[3, 4]).numpy()
    for user in (2, 3, 7, 9):
        share = np.bincount(drawn[users == user], minlength=SIZE) / 20_000
        expected = np.ones(SIZE)
        expected[[0, 1, *MET.get(user, [])]] = 0
        np.testing.assert_allclose(share, expected / expected.sum(), atol=0.01)


def test_the_seed_decides():
    users = tf.constant(np.resize([2, 3, 7], 300))
    one, again, other = (sampler().sample(users, seed=[s, 0]).numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_who_has_met_everything_gets_padding():
    drawn = sampler().sample(tf.constant([4] * 50), seed=[1, 1]).numpy()
    assert not drawn.any()


def test_who_has_met_all_but_one_gets_that_one():
    items = [item for item in range(2, 2000) if item != 700]
    negatives = UnmetNegatives(np.full(len(items), 5), items, size=2000)
    assert set(negatives.sample(tf.constant([5] * 100), seed=[1, 1]).numpy()) == {700}


def test_what_users_have_met_is_padded():
    met = sampler().items_of(tf.constant([3, 9, 7])).numpy()
    np.testing.assert_array_equal(met, [[11, 0], [0, 0], [2, 11]])


def test_membership_in_any_shape():
    users, items = np.array([[2, 2], [3, 9]]), np.array([[6, 7], [11, 11]])
    met = sampler().met(tf.constant(users), tf.constant(items))
    np.testing.assert_array_equal(met, [[True, False], [True, False]])
    nobody = UnmetNegatives([], [], size=4).met(tf.constant([2]), tf.constant([3]))
    np.testing.assert_array_equal(nobody, [False])


def test_a_vocabulary_without_items_is_refused():
    with pytest.raises(ValueError, match="no known item to draw"):
        UnmetNegatives([], [], size=2)
