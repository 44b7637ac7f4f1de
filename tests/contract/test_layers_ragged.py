"""A ragged or sparse tensor is refused by name, with what to give in its place: it does as said."""

import re

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.layer_cases import CASES, make, some, tensors
from tfrec_recall import layers, losses

ROWS = [some(2, 3), some(3, 3), some(1, 3)]  # vectors of each of three users
VECTORS = some(3, 3)
RAGGED = tf.RaggedTensor.from_row_lengths(np.concatenate(ROWS), [len(row) for row in ROWS])
LISTS = tf.ragged.constant([[7], [8, 9, 0], []], dtype=tf.int64)
IDS = np.array([0, 8, 9])  # 0 is an item, as to_tensor() would pad
SAMPLES = (VECTORS, VECTORS[::-1].copy(), VECTORS / 2)


def said(layer, *args, form="ragged", **kwargs):
    """The argument that the layer names, and what it asks for in its place."""
    with pytest.raises(TypeError, match=f"takes no {form} tensor as `") as error:
        layer(*args, **kwargs)
    text = rf"as `(\w+)`: give it (.*)\. Received: `.*{form}"
    return re.search(text, str(error.value)).groups()


def followed(asked, values):
    """The arguments that the text asks for."""
    dense, _, more = asked.partition(" and ")
    names = {"values": values, "tf": tf}
    made = {} if not more else {more.partition("=")[0]: eval(more.partition("=")[2], names)}
    return eval(dense, names), made


@pytest.mark.parametrize("place", [None, 0, 1])
def test_a_history_comes_with_its_mask(place):
    one = {
        None: layers.MaskedMean(),
        0: layers.LabelAwareAttention(),
        1: layers.MeanAggregator(2),
    }[place]
    parts = [RAGGED] if place is None else [VECTORS, VECTORS]
    if place is not None:
        parts[place] = RAGGED
    name, asked = said(one, parts[0] if place is None else tuple(parts))
    assert "mask=" in asked, name
    parts[place or 0], mask = followed(asked, RAGGED)
    found = one(parts[0] if place is None else tuple(parts), **mask)
    for row, history in enumerate(ROWS):
        single = [part[row : row + 1] for part in parts]
        single[place or 0] = history[np.newaxis]
        expected = one(single[0] if place is None else tuple(single))
        np.testing.assert_allclose(found[row : row + 1], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", [losses.InBatchSoftmax(), losses.SampledSoftmax()])
def test_excluded_ids_are_padded_with_an_id_of_no_candidate(loss):
    if isinstance(loss, losses.InBatchSoftmax):
        given, ids = SAMPLES[:2], {"candidate_ids": IDS}
    else:
        given, ids = (SAMPLES,), {"positive_ids": IDS, "negative_ids": IDS}
    name, asked = said(loss, *given, **ids, excluded_ids=LISTS)
    assert name == "excluded_ids"
    assert "mask" not in asked
    assert asked.endswith("an id that no candidate has")
    padded, no_one = (LISTS.to_tensor(default_value=value) for value in (-1, 0))
    assert float(loss(*given, **ids, excluded_ids=padded)) != pytest.approx(
        float(loss(*given, **ids, excluded_ids=no_one))
    )


def test_hard_negatives_come_with_what_is_there():
    loss = losses.MaxMargin(reduction="sum")
    name, asked = said(loss, SAMPLES[:2], negatives=VECTORS, hard_negatives=RAGGED)
    assert name == "hard_negatives"
    hard, present = followed(asked, RAGGED)
    found = loss(SAMPLES[:2], negatives=VECTORS, hard_negatives=hard, **present)
    single = [
        loss(
            (SAMPLES[0][row : row + 1], SAMPLES[1][row : row + 1]),
            negatives=VECTORS,
            hard_negatives=own[np.newaxis],
        )
        for row, own in enumerate(ROWS)
    ]
    np.testing.assert_allclose(found, np.sum(single), rtol=1e-5)


def test_no_mask_is_asked_of_what_takes_none():
    loss, weights = losses.SkipGramNegativeSampling(), np.ones((3, 3), "float32")
    name, asked = said(loss, (VECTORS, VECTORS), positive=LISTS, negative=weights)
    assert (name, asked) == ("positive", "values.to_tensor()")


def test_an_error_that_is_not_of_the_ragged_tensor_stays():
    loss = losses.InBatchSoftmax()
    with pytest.raises(ValueError, match="takes `extra_candidate_ids` beside"):
        loss(*SAMPLES[:2], candidate_ids=IDS, extra_candidate_ids=IDS, excluded_ids=LISTS)


@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_a_sparse_tensor_is_taken_or_made_dense_as_said(cls):
    case, layer = CASES[cls], make(cls)
    parts, call = tf.nest.flatten(case.inputs), dict(case.call)
    expected = layer(tensors(case.inputs), **tensors(call))

    def result(first):
        several = isinstance(case.inputs, tuple)
        return layer((first, *tensors(parts[1:])) if several else first, **tensors(call))

    sparse = tf.sparse.from_dense(parts[0])
    if cls is layers.FMInteraction:
        np.testing.assert_allclose(result(sparse), expected, rtol=1e-5)
        return
    with pytest.raises(TypeError, match="takes no sparse tensor as `") as error:
        result(sparse)
    asked = re.search(r"give it (.*)\. Received: `.*sparse", str(error.value))[1]
    np.testing.assert_array_equal(result(followed(asked, sparse)[0]), expected)


@pytest.mark.parametrize("loss", [losses.InBatchSoftmax(), losses.SampledSoftmax()])
def test_sparse_excluded_ids_are_filled_with_an_id_of_no_candidate(loss):
    given, ids = (SAMPLES,), {"positive_ids": IDS, "negative_ids": IDS}
    if isinstance(loss, losses.InBatchSoftmax):
        given, ids = SAMPLES[:2], {"candidate_ids": IDS}
    sparse = LISTS.to_sparse()
    name, asked = said(loss, *given, **ids, excluded_ids=sparse, form="sparse")
    assert (name, asked.partition(", an id")[0]) == (
        "excluded_ids",
        "tf.sparse.to_dense(values, default_value=...)",
    )


def test_a_tower_takes_sparse_features():
    tower, features = layers.Tower([4, 2]), np.array([[0, 1, 2], [3, 0, 0]], "float32")
    inputs = tf.keras.Input([3], sparse=True)
    model = tf.keras.Model(inputs, tower(inputs))
    np.testing.assert_allclose(model(tf.sparse.from_dense(features)), tower(features), rtol=1e-5)


def test_a_symbolic_sparse_history_is_refused_where_numbers_come_at_the_latest():
    """Keras 3 asks no layer that says its output's shape."""

    def modelled(senet):
        inputs = tf.keras.Input([3, 3], sparse=True)
        model = tf.keras.Model(inputs, senet(inputs))
        model(tf.sparse.from_dense(some(2, 3, 3)))

    name, _ = said(modelled, layers.SENet(), form="sparse")
    assert name == "fields"
