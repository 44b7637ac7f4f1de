"""All logits at once: XLA may compile them."""

import warnings

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
