import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfrec_recall.sampling import SameGroupNegatives

GROUPS = np.array([-1, -1, 2, 0, 2, 0, 2, 2])  # group 1 has no member


def test_draws_are_even_within_the_group():
    negatives = SameGroupNegatives(GROUPS)
    asked = tf.fill([100, 40], 2)
    drawn = negatives.sample(asked, seed=[5, 6]).numpy()
    seen = np.bincount(drawn.ravel(), minlength=len(GROUPS))
    assert seen[GROUPS != 2].sum() == 0
    assert stats.chisquare(seen[GROUPS == 2]).pvalue > 1e-3


def test_each_place_has_its_own_group():
    negatives = SameGroupNegatives(GROUPS)
    asked = tf.constant([[2, 0, -1], [1, 0, 2]])
    drawn = negatives.sample(asked, seed=[1, 2]).numpy()
    assert drawn.shape == (2, 3)
    assert drawn[0, 2] == 0  # no group
    assert drawn[1, 0] == 0  # a group without members
    known = np.array([[True, True, False], [False, True, True]])
    np.testing.assert_array_equal(GROUPS[drawn[known]], asked.numpy()[known])


def test_groups_are_looked_up():
    np.testing.assert_array_equal(SameGroupNegatives(GROUPS).group_of([3, 7, 0]), [0, 2, -1])


def test_no_member_is_an_error():
    with pytest.raises(ValueError, match=r"at least one of them.*0 members"):
        SameGroupNegatives([-1, -1])
