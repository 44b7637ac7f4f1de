"""Answers are written as TensorFlow Serving writes them."""

import json

import numpy as np
import pytest

from tfrec_recall.serving.json_answer import answer
from tfrec_recall.serving.refusal import Refusal

IDS = np.array([[b"a", "€".encode()], [b"", b"\xff"]], dtype=object)
SCORES = np.array([[0.1, 1.0], [-np.inf, np.nan]], dtype="float32")


def test_rows():
    body = answer({"item_id": IDS, "score": SCORES}, by_row=True)
    assert body == (
        '{"predictions": [{"item_id": ["a", "€"], "score": [0.1, 1.0]}, '.encode()
        + b'{"item_id": ["", "\xff"], "score": [-Infinity, NaN]}]}'
    )


def test_columns():
    body = answer({"item_id": np.array([[1], [2**60]]), "score": SCORES[:, :1]}, by_row=False)
    assert body == (
        b'{"outputs": {"item_id": [[1], [1152921504606846976]], "score": [[0.1], [-Infinity]]}}'
    )


@pytest.mark.parametrize(("by_row", "key"), [(True, "predictions"), (False, "outputs")])
def test_one_output_has_no_name(by_row, key):
    body = answer({"query": np.float32([[0.5, 0.25], [3, 4]])}, by_row)
    assert json.loads(body) == {key: [[0.5, 0.25], [3.0, 4.0]]}


def test_bytes_are_base64():
    assert answer({"image_bytes": IDS[1]}, by_row=True) == (
        b'{"predictions": [{"b64": ""}, {"b64": "/w=="}]}'
    )


def test_every_float32_is_read_back():
    values = np.random.default_rng(0).integers(0, 2**31, 5000, dtype=np.int32).view(np.float32)
    values = values[np.isfinite(values)]
    read = json.loads(answer({"x": values}, by_row=False))["outputs"]
    np.testing.assert_array_equal(np.array(read, np.float32), values)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (np.float32(1), "Tensor name: b has no shape information"),
        (np.float32([1]), "Tensor name: b has inconsistent batch size: 1 expecting: 2"),
    ],
)
def test_rows_need_a_common_size(other, message):
    outputs = {"a": SCORES, "b": other}
    with pytest.raises(Refusal, match=message):
        answer(outputs, by_row=True)
    assert answer(outputs, by_row=False)
