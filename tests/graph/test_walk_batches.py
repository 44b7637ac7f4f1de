import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import chisquare

from tests.graph.toys import weighted
from tests.references.graphs import transitions
from tfrec_recall.graph import RandomWalks, walk_batches


def rows(batch):
    """The walks of a batch, as lists."""
    session = batch["session"].numpy()
    return [batch["item_id"].numpy()[session == s].tolist() for s in np.unique(session)]


def test_steps_follow_the_weights():
    weight = np.pad(weighted(), ((1, 0), (1, 0)))
    data = walk_batches(RandomWalks(sp.csr_array(weight)), np.repeat(np.arange(1, 8), 3000), 8, 512)
    seen = np.zeros(weight.shape)
    for batch in data:
        item, session = batch["item_id"].numpy(), batch["session"].numpy()
        on = session[1:] == session[:-1]
        np.add.at(seen, (item[:-1][on], item[1:][on]), 1)
    assert seen.sum() == 7 * 3000 * 7
    assert not seen[weight == 0].any()
    for node, expected in enumerate(transitions(weight.astype(float))):
        possible = expected > 0
        if possible.sum() > 1:
            found = seen[node, possible]
            expected = expected[possible] / expected[possible].sum() * found.sum()
            assert chisquare(found, expected).pvalue > 1e-4


def test_epochs_differ_and_a_resumed_run_draws_the_same():
    walks = RandomWalks(sp.csr_array(np.pad(weighted(), ((1, 0), (1, 0)))))
    starts = np.arange(1, 8)
    data = walk_batches(walks, starts, 5, batch_size=4, seed=3)
    first, second = ([walk for batch in data for walk in rows(batch)] for _ in range(2))
    assert first != second
    assert sorted(walk[0] for walk in first) == sorted(walk[0] for walk in second) == [*starts]
    resumed = walk_batches(walks, starts, 5, batch_size=4, seed=3, first_epoch=1)
    assert [walk for batch in resumed for walk in rows(batch)] == second


@pytest.mark.parametrize("seed", [None, 2])
def test_a_dead_end_ends_the_walk(seed):
    graph = sp.csr_array(([1.0, 2.0], ([1, 2], [2, 4])), shape=(5, 5))
    (batch,) = walk_batches(RandomWalks(graph), [1, 2, 4], 4, batch_size=3, seed=seed)
    assert sorted(rows(batch)) == [[1, 2, 4], [2, 4], [4]]
