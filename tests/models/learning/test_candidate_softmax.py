"""What is no negative of a query, among candidates that come more than once."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import built, the_board
from tfrec_recall.data import Interactions, next_item
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.models import TwoTower
from tfrec_recall.sampling import InBatch, Uniform, Unmet


def test_every_copy_of_what_is_left_out_is_none_of_the_candidates():
    softmax = built(TwoTower).softmax
    size = softmax.frequency.shape[0]
    random = np.random.default_rng(0)
    ids = random.integers(2, size, 40).astype("int32")
    left_out = random.integers(0, size, (9, 7)).astype("int32")
    expected = ~(left_out[:, :, np.newaxis] == ids).any(axis=1)
    assert (~expected).any()
    for compiled in (False, True):
        softmax.softmax.whole = compiled

        @tf.function(jit_compile=compiled)
        def but(left_out, ids):
            mask = softmax.but(left_out, ids)
            return tf.concat([mask(0, 4), mask(4, 9)], axis=0)

        np.testing.assert_array_equal(but(tf.constant(left_out), tf.constant(ids)), expected)


def test_batches_of_ones_own_leave_out_what_their_histories_hold():
    model = built(TwoTower)
    batch = next(iter(model.training_data(the_board(), batch_size=8)))
    own, history = batch.pop("own_items"), batch[model.features.history.name]
    assert own.shape[1] <= model.softmax.own_items == 256
    np.testing.assert_array_equal(model.left_out(batch), history)
    with pytest.warns(ReadingNotice, match=r"nothing that their users took.*a history"):
        assert model.left_out({}) is None
    assert built(TwoTower, repeats=True).softmax.own_items == 0


def test_items_that_are_nobodys_target_count_as_the_rarest_of_these():
    items = ["first", "i1", "i2", "i3", "i4", "i5"]
    events = pd.DataFrame({"user_id": np.repeat(range(4), 6), "item_id": items * 4})
    log = Interactions(events.assign(timestamp=list(range(6)) * 4))
    features = TwoTower.default_features(log).adapt(log)
    ids = tf.constant(features.item_vocabulary.encode(["first", "i1", "never met"]))
    for negatives in ([InBatch(), Unmet(2)], [InBatch(), Uniform(4), Unmet(2)]):
        softmax = TwoTower(features, dim=2, negatives=negatives).softmax
        softmax.follow(log, next_item(log, 5))
        first, one, unknown = softmax.log_probability(ids, tf.constant(8)).numpy()
        if softmax.drawn:
            assert first == pytest.approx(np.log(4 / 6 / (4 + 8)))  # of the uniform ones alone
        else:
            assert first == pytest.approx(one) == pytest.approx(np.log(1 / 5))
        assert unknown == 0.0
