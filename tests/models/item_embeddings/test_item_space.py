import numpy as np
import pytest

from tfrec_recall.models.item_embeddings.item_space import below_all


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
