import pytest
import tensorflow as tf

from tfrec_recall.sampling import ShownNegatives

USER, ITEM = [1, 0, 1, 1, 3, 1], [4, 2, 5, 5, 6, 1]  # the last is unknown
CHOSEN_USER, CHOSEN_ITEM = [1, 3, 0], [7, 6, 4]


@pytest.fixture
def shown():
    return ShownNegatives(USER, ITEM, CHOSEN_USER, CHOSEN_ITEM, users=5)


def test_only_what_was_shown_and_never_chosen_is_drawn(shown):
    drawn = shown.sample(tf.range(5), 400, seed=[1, 2]).numpy()
    assert [set(row) for row in drawn] == [{2}, {4, 5}, {0}, {0}, {0}]


def test_what_was_shown_twice_is_twice_as_likely(shown):
    drawn = shown.sample(tf.constant([1]), 9000, seed=[1, 2]).numpy()
    assert (drawn == 5).mean() == pytest.approx(2 / 3, abs=0.02)


def test_no_impressions_at_all():
    empty = ShownNegatives([], [], CHOSEN_USER, CHOSEN_ITEM, users=5)
    assert not empty.sample(tf.constant([0, 4]), 3, seed=[1, 2]).numpy().any()


def test_as_many_users_as_items():
    with pytest.raises(ValueError, match=r"columns of one length.*user \(2,\), item \(1,\)"):
        ShownNegatives([0, 1], [2], [], [], users=2)
