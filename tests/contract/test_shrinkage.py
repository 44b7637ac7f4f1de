"""Vectors of rare items shrink to what is known of them, wherever a model's are read."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import CASES, begun, the_board
from tests.references.shrinkage import likeness, shrunk

OF_ITEMS = [model_class for model_class, case in CASES.items() if case.get("shrinkage")]


def expected(model, items):
    """By the vectors that were learnt, and what the model makes of new items that are alike."""
    ids = model.features.ids("item_id").encode(items["item_id"])
    learnt, events = model.shrunk.vectors(tf.constant(ids)).numpy(), model.taken.numpy()[ids]
    new = items.assign(item_id=[f"new {n}" for n in range(len(items))])
    new = np.asarray(model.embed_items(new))
    new[items["tags"].str.len().to_numpy() == 0] = 0  # nothing is known of it
    known = likeness(learnt, new, events) * new
    return learnt, shrunk(learnt, events, known, CASES[type(model)]["shrinkage"])


@pytest.mark.parametrize("model_class", OF_ITEMS)
def test_vectors_of_rare_items_shrink_to_what_is_known(model_class):
    model, items = begun(model_class), the_board().items
    learnt, short = expected(model, items)
    assert np.abs(learnt - short).max() > 0.05
    np.testing.assert_allclose(model.embed_items(items), short, rtol=1e-3, atol=1e-4)
    encoded = model.features.encode_items(items)
    served = model.candidate_model({name: tf.constant(v) for name, v in encoded.items()})
    np.testing.assert_allclose(served, short, rtol=1e-3, atol=1e-4)
    history = tf.constant(encoded["item_id"][:, np.newaxis])  # users of one item each
    units = short / np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-9)
    there = learnt.any(axis=1)
    asked = {name: tf.zeros(len(items), tf.int32) for name in model.query_model.input_names}
    query = model.query_model({**asked, "history": history}).numpy()
    np.testing.assert_allclose(query[there], units[there], rtol=1e-3, atol=1e-4)
