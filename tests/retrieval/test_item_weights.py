import numpy as np
import pytest

from tests.retrieval.toys import MeanOfHistory, item_ids, item_vectors
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, InvertedFile
from tfrec_recall.retrieval.item_weights import below_all


@pytest.mark.parametrize("lift", [None, np.array([0.5, 3.0, 1.0, 2.0, 1.0])])
def test_items_without_a_vector_are_below_the_products_of_all_others(lift):
    vectors = 5 * np.random.default_rng(0).normal(size=(5, 3))
    vectors[2] = 0
    added = below_all(vectors, lift)
    products = vectors @ vectors.T * (1 if lift is None else lift)  # of a user who had one item
    assert products.min() < -10  # as no cosine is
    assert added[2] < products.min()
    assert not np.delete(added, 2).any()
    assert below_all(vectors[:2], None) is None


class Long(MeanOfHistory):
    """Queries that are far longer than any item."""

    def __call__(self, raw):
        return 1000 * super().__call__(raw)


@pytest.mark.parametrize("index", [Exact(), InvertedFile(leaves=4, leaves_to_search=4, reorder=40)])
def test_they_stay_below_however_long_a_query_is(index):
    ids, vectors, known = item_ids(40), item_vectors(40), 25
    vectors[known:] = 0
    bias = below_all(vectors)
    made = EmbeddingRetriever(Long(ids, vectors), ids, vectors, index, k=known, bias=bias)
    listed, scores, evident = made.recommend_with_evidence({"history": [["item 3"]]})
    assert evident.numpy().tolist() == [known]
    expected = np.sort(1000 * vectors[:known] @ vectors[3])[::-1]
    assert expected[-1] < 100 * bias.min()
    np.testing.assert_allclose(scores[0], expected, rtol=1e-4)
    assert set(listed.numpy()[0].astype(str)) == set(ids[:known])
