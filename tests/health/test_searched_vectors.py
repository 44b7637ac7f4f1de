"""The recall of an index is measured where the scores of items have more than a product."""

import numpy as np
import pytest
import tensorflow as tf

from tests.health.shop import ITEMS
from tests.health.test_watch import Blind
from tests.retrieval.toys import MeanOfHistory, item_ids, item_vectors
from tfrec_recall.health.asked import lists_of, searched_vectors, vectors_of
from tfrec_recall.retrieval import EmbeddingRetriever, Exact

IDS, VECTORS = item_ids(ITEMS), item_vectors(ITEMS)


class Friends(MeanOfHistory):
    """Nothing is known of who begins with the first item."""

    def knows(self, raw):
        return raw["history"][:, 0] != IDS[0]


def made(index, known=ITEMS, lift=None):
    """A retriever whose bias puts some items first, and those that it does not know last."""
    vectors, bias = VECTORS.copy(), np.linspace(0, 3, ITEMS).astype("float32")
    vectors[known:], bias[known:] = 0, -100
    embedder = Friends(IDS, VECTORS)
    return EmbeddingRetriever(embedder, IDS, vectors, index=index, k=10, bias=bias, lift=lift)


def recall(retriever):
    """That of each request but the first, a stranger's."""
    queries = {"history": tf.constant(np.reshape(IDS, (-1, 3)))}
    _, asked = vectors_of(retriever, queries)
    popularity = np.zeros(ITEMS)
    lists = lists_of(retriever, queries, popularity, asked, searched_vectors(retriever))
    assert lists.wanted.tolist() == [0] + [1] * (ITEMS // 3 - 1)
    return lists.found[1:]


@pytest.mark.parametrize("known", [ITEMS, 8])
@pytest.mark.parametrize("lift", [None, np.linspace(1, 2, ITEMS)])
def test_exact_search_by_a_bias_finds_all(known, lift):
    np.testing.assert_array_equal(recall(made(Exact(), known, lift)), 1.0)


def test_an_index_that_finds_less_is_found_beside_a_bias():
    assert 0.3 < recall(made(Blind())).mean() < 0.9


def test_where_no_item_is_known_there_is_no_recall():
    with pytest.raises(ValueError, match="it knows nothing of any item"):
        searched_vectors(made(Exact(), known=0))
