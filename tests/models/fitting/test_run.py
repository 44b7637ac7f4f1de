"""Where in its data a run goes on."""

import pytest
import tensorflow as tf

from tfrec_recall.data.feeding.next_pass import followed_by
from tfrec_recall.data.streaming import batches
from tfrec_recall.models.fitting.run import Passes, Run


def made(make):
    ours = batches(6, 2, seed=5)  # three batches
    return make(ours), followed_by(ours)[0]


@pytest.mark.parametrize(
    ("make", "step", "expected"),
    [
        (lambda ours: ours.repeat(2), 4, (1, 1)),  # an epoch has two passes of one number
        (lambda ours: ours.repeat(), 1, (1, 2)),  # 2 * 2 + 1 batches
        (lambda ours: ours.repeat(2).repeat(), 1, (1, 2)),
    ],
)
def test_a_run_goes_on_within_data_made_of_passes(make, step, expected):
    data, following = made(make)
    endless = data.cardinality() == tf.data.INFINITE_CARDINALITY
    run = Run(epochs=3, steps=2 if endless else 6, epoch=2 if endless else 1, step=step)
    passes = Passes(data, 2 if endless else None)
    passes.begin(run, 0)
    assert (int(following.number), int(following.skipped)) == expected
    passes.end()  # nothing was learnt
    assert (int(following.number), int(following.skipped)) == (1, 2 if endless else 0)
    passes.begin(run, 0)
    following.begin()
    passes.end()
    assert (int(following.number), int(following.skipped)) == (3 if endless else 1, 0)


@pytest.mark.parametrize(
    ("make", "steps"),
    [(lambda ours: ours.concatenate(ours), None), (lambda ours: ours.take(2).repeat(), 1)],
)
def test_data_that_a_run_cannot_go_on_within_begins_again_and_says_so(make, steps):
    data, following = made(make)
    passes = Passes(data, steps)
    with pytest.warns(UserWarning, match="how its batches were ordered is not known"):
        passes.begin(Run(epochs=9, steps=steps or 6, epoch=3, step=0 if steps else 1), 0)
    assert int(following.skipped) == 0
