"""The proposal of mixed negatives is the distribution that is really drawn from."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.sampling import MixedNegatives, UniformNegatives

COUNTS = np.array([0, 3, 60, 30, 8, 2, 0])  # padding, unknown, five known items, one never bought


def test_log_probability_is_that_of_the_mixture():
    negatives = MixedNegatives(COUNTS, uniform=50)
    ids = np.array([2, 3, 4, 5, 6])
    result = negatives.log_probability(tf.constant(ids), tf.constant(200))
    expected = [np.log((200 * COUNTS[i] / 100 + 50 / 5) / 250) for i in ids]
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_probabilities_of_all_items_sum_to_one():
    negatives = MixedNegatives(COUNTS, uniform=7)
    ids = tf.range(2, len(COUNTS))
    total = tf.reduce_sum(tf.exp(negatives.log_probability(ids, tf.constant(13))))
    assert float(total) == pytest.approx(1, rel=1e-6)


def test_without_uniform_ones_it_is_the_training_frequency():
    negatives = MixedNegatives(COUNTS, uniform=0)
    assert negatives.sample().shape == (0,)
    result = negatives.log_probability(tf.constant([2, 5]), tf.constant(1024))
    np.testing.assert_allclose(result, np.log([0.6, 0.02]), rtol=1e-6)


def test_no_floor_flattens_the_probability_of_rare_items():
    """A floor of 1e-6 would make all items of a large catalogue alike."""
    counts = np.concatenate([[0, 0], np.full(3_000_000, 1_000), [1, 10]])
    negatives = MixedNegatives(counts, uniform=0)
    rare = negatives.log_probability(tf.constant([3_000_002, 3_000_003]), tf.constant(64))
    assert float(rare[1] - rare[0]) == pytest.approx(np.log(10), rel=1e-4)
    assert float(rare[0]) < np.log(1e-6)


def test_what_can_never_be_drawn_gives_a_finite_number():
    negatives = MixedNegatives(COUNTS, uniform=0)
    assert np.isfinite(negatives.log_probability(tf.constant([0, 1, 6]), tf.constant(8))).all()


def test_probabilities_of_all_ids_sum_to_one():
    ids = tf.range(len(COUNTS))
    evenly = UniformNegatives(size=len(COUNTS))
    assert float(tf.reduce_sum(evenly.probability_of(ids))) == pytest.approx(1)
    expected = np.where(ids > 1, -np.log(len(COUNTS) - 2), 0)
    np.testing.assert_allclose(evenly.log_probability(ids), expected, rtol=1e-6)
    share = tf.exp(MixedNegatives(COUNTS, uniform=5).log_probability(ids, tf.constant(13)))
    assert float(tf.reduce_sum(share[2:])) == pytest.approx(1)
    np.testing.assert_array_equal(share[:2], 1)  # never drawn: a logarithm of 0


def test_uniform_negatives_are_the_known_items_evenly():
    tf.random.set_seed(0)
    drawn = UniformNegatives(size=len(COUNTS)).sample([50_000]).numpy()
    shares = np.bincount(drawn, minlength=len(COUNTS)) / len(drawn)
    assert shares[:2].tolist() == [0, 0]  # neither padding nor unknown
    np.testing.assert_allclose(shares[2:], 0.2, atol=0.01)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match=r"no known item to draw\. Received: a vocabulary of 2"):
        UniformNegatives(size=2)
    with pytest.raises(ValueError, match="all of them are 0"):
        MixedNegatives(np.zeros(5), uniform=3)
