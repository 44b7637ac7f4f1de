"""In-batch negatives of all replicas: the loss of the whole batch, and its gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tests.two_replicas import strategy
from tfrec_recall.losses import InBatchSoftmax

ROWS, DIM = (5, 2), 3  # of each replica
RANDOM = np.random.default_rng(0)
QUERY, ITEM = RANDOM.normal(size=(2, sum(ROWS), DIM)).astype("float32")
IDS = np.array([3, 4, 5, 3, 6, 4, 7])
LOG_PROBABILITY = np.log(RANDOM.uniform(0.1, 0.9, sum(ROWS))).astype("float32")
WEIGHT = RANDOM.uniform(0.5, 2.0, sum(ROWS)).astype("float32")
EXTRA = RANDOM.normal(size=(2, DIM)).astype("float32")
TOWERS = RANDOM.normal(size=(2, DIM, DIM)).astype("float32")


def loss_and_gradients(loss, towers, rows, kind="int64"):
    with tf.GradientTape() as tape:
        found = loss(
            tf.constant(QUERY[rows]) @ towers[0],
            tf.constant(ITEM[rows]) @ towers[1],
            sample_weight=WEIGHT[rows],
            candidate_ids=IDS[rows].astype(kind),
            log_probability=LOG_PROBABILITY[rows],
            extra_candidates=tf.constant(EXTRA) @ towers[1],
            extra_candidate_ids=np.array([5, 8]).astype(kind),
            excluded_ids=IDS[::-1][rows, np.newaxis].astype(kind),
            extra_log_probability=np.array([-1.0, -2.0], "float32"),
        )
    return [found, *tape.gradient(found, towers)]


@pytest.mark.parametrize(("whole", "reduction"), [(False, "sum"), (True, "mean"), (False, "mean")])
@pytest.mark.parametrize("kind", ["int64", "uint8", "str"])
def test_the_losses_of_two_replicas_are_that_of_one_batch(whole, reduction, kind):
    settings = {"temperature": 0.5, "remove_accidental_hits": True}
    settings |= {"whole": whole, "reduction": reduction}
    alone = loss_and_gradients(
        InBatchSoftmax(**settings), [tf.Variable(t) for t in TOWERS], slice(0, sum(ROWS))
    )
    with strategy().scope():
        towers = [tf.Variable(tower) for tower in TOWERS]
    loss = InBatchSoftmax(**settings, across_replicas=True)
    parts = [slice(0, ROWS[0]), slice(ROWS[0], None)]

    def step():
        context = tf.distribute.get_replica_context()
        own = parts[context.replica_id_in_sync_group]  # a number, where nothing is traced
        return context.all_reduce("sum", loss_and_gradients(loss, towers, own, kind))

    summed = [strategy().experimental_local_results(one)[0] for one in strategy().run(step)]
    for ours, expected in zip(summed, alone, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_a_mask_of_the_candidates_of_one_replica_is_refused():
    loss = InBatchSoftmax(across_replicas=True)
    with pytest.raises(ValueError, match=r"no `score_mask` for .* Received: .*\(7, 7\)"):
        loss(QUERY, ITEM, score_mask=np.ones((7, 7), bool))
    with pytest.raises(ValueError, match=r"Received: a score_mask of rows, by a function\."):
        loss(QUERY, ITEM, score_mask=lambda start, stop: np.ones((stop - start, 7), bool))
