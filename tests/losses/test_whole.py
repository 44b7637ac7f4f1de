"""All logits at once: XLA may compile them, and no query is without a candidate of its own."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.losses import InBatchSoftmax


class Recommender(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.softmax = InBatchSoftmax()


@pytest.mark.parametrize("whole", [False, True])
def test_keras_may_have_xla_compile_what_has_all_logits_alone(whole):
    model = Recommender()
    assert not model.softmax.supports_jit  # which Keras 3 asks
    model.softmax.whole = whole  # as models here set it when they are compiled
    assert model.softmax.supports_jit == whole
    with warnings.catch_warnings():
        warnings.simplefilter("error" if whole else "ignore")
        model.compile("adam", "mse", jit_compile=True)
    if hasattr(tf.keras, "Variable"):
        assert model.jit_compile == whole


@pytest.mark.parametrize("hard", [None, 1])
@pytest.mark.parametrize("whole", [False, True])
def test_a_query_without_a_candidate_has_no_loss_where_lengths_are_unknown(whole, hard):
    loss = InBatchSoftmax(whole=whole, num_hard_negatives=hard)
    signature = [tf.TensorSpec([None, 3]), tf.TensorSpec([None, 3])]
    traced = tf.function(lambda *given: loss(*given), input_signature=signature, autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError):
        traced(tf.ones([4, 3]), tf.ones([2, 3]))
    np.testing.assert_allclose(traced(tf.ones([2, 3]), tf.ones([2, 3])), 2 * np.log(2), rtol=1e-6)


def test_nor_has_it_one_in_a_program_of_xla():
    loss, signature = (
        InBatchSoftmax(whole=True),
        [tf.TensorSpec([None, 3]), tf.TensorSpec([None, 3])],
    )
    traced = tf.function(lambda *given: loss(*given), signature, autograph=False, jit_compile=True)
    assert np.isnan(traced(tf.ones([4, 3]), tf.ones([2, 3])))
    np.testing.assert_allclose(traced(tf.ones([2, 3]), tf.ones([2, 3])), 2 * np.log(2), rtol=1e-6)
