"""Requests are read by TensorFlow Serving's rules, and refused in its words."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.serving.json_request import PredictRequest
from tfrec_recall.serving.refusal import Refusal

IDS = {"ids": tf.string}
TWO = {"ids": tf.string, "price": tf.float32}


def arrays(body, inputs):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PredictRequest.parse(body).arrays(inputs)


@pytest.mark.parametrize(
    ("body", "inputs", "expected"),
    [
        ({"instances": ["a", "b"]}, IDS, {"ids": [b"a", b"b"]}),
        ({"instances": [["a", "b"], ["c", ""]]}, IDS, {"ids": [[b"a", b"b"], [b"c", b""]]}),
        ({"instances": [{"ids": ["a"]}, {"ids": ["b"]}]}, IDS, {"ids": [[b"a"], [b"b"]]}),
        ({"instances": [{"b64": "AP8="}, {"b64": "AP8"}]}, IDS, {"ids": [b"\0\xff", b"\0\xff"]}),
        ({"instances": [{"b64": "AP8="}]}, TWO, {"ids": [b"\0\xff"]}),  # which lacks an input
        ({"inputs": {"b64": "AP8="}}, IDS, {"ids": b"\0\xff"}),
        ({"inputs": {"ids": [["a"]], "price": 2}}, TWO, {"ids": [[b"a"]], "price": 2.0}),
        ({"inputs": {"ids": ["a"], "price": [1], "other": 1}}, TWO, {"ids": [b"a"], "price": [1]}),
        (
            {"instances": [{"ids": ["a", "b"], "price": 1.5}, {"ids": ["c", "d"], "price": 2}]},
            TWO,
            {"ids": [[b"a", b"b"], [b"c", b"d"]], "price": [1.5, 2.0]},
        ),
        ({"inputs": [[2**62, -1], [0, 7]]}, {"n": tf.int64}, {"n": [[2**62, -1], [0, 7]]}),
        ({"inputs": [math.nan, -math.inf]}, {"x": tf.float32}, {"x": [math.nan, -math.inf]}),
        ({"inputs": [True, False]}, {"x": tf.bool}, {"x": [True, False]}),
        (b'{"instances": ["\xff"]}', IDS, {"ids": [b"\xff"]}),
        (b'\xef\xbb\xbf{"instances": ["\xe2\x82\xac"]}', IDS, {"ids": ["€".encode()]}),
    ],
)
def test_values(body, inputs, expected):
    found = arrays(body, inputs)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == inputs[name].as_numpy_dtype
        np.testing.assert_array_equal(found[name], np.array(value, found[name].dtype))


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ({"instances": [[], []]}, (2, 0)),
        ({"inputs": [[]]}, (1, 0)),
        ({"inputs": []}, (0,)),
        ({"inputs": [[["a", "b"]], [["c", "d"]]]}, (2, 1, 2)),
    ],
)
def test_shapes(body, shape):
    assert arrays(body, IDS)["ids"].shape == shape


ELEMENT = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "


@pytest.mark.parametrize(
    ("body", "inputs", "message"),
    [
        (b"", IDS, "JSON Parse error: The document is empty"),
        (b"{", IDS, "JSON Parse error: .* at offset: 1"),
        (b"[" * 100_000, IDS, "JSON Parse error: The document is nested too deeply"),
        (b'{"inputs": %s}' % (b"[" * 99 + b"]" * 99), IDS, "Encountered list at unexpected level"),
        (b'{"inputs": %s}' % (b"9" * 5000), IDS, "JSON Parse error: "),
        (b'{"inputs": ["\\ud800"]}', IDS, "JSON Parse error: The surrogate pair in string is inv"),
        ([1], IDS, r"JSON Value: \[1\] Is not object"),
        ({}, IDS, "Missing 'inputs' or 'instances' key"),
        ({"inputs": [], "instances": []}, IDS, "expecting only one of 'inputs' or 'instances'"),
        ({"inputs": [], "signature_name": 3}, IDS, "'signature_name' key must be a string value"),
        ({"instances": "a"}, IDS, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, IDS, "No values in 'instances' array"),
        ({"instances": ["a"]}, {}, "Failed to get input map for signature: DEFAULT"),
        ({"instances": ["a"]}, TWO, "instances is a plain list, but expecting list of objects"),
        ({"inputs": ["a"]}, TWO, "inputs is a plain value/list, but expecting an object"),
        ({"inputs": {"ids": ["a"]}}, TWO, "Missing named input: price in 'inputs' object."),
        (
            {"instances": [{"ids": "a"}]},
            TWO,
            r"element: 0 of 'instances' list. JSON object: .* keys must be equal to: ids,price",
        ),
        (
            {"instances": [{"id": "a"}]},
            IDS,
            ELEMENT.format("0 key: id") + "JSON object: does not have named input: id",
        ),
        ({"instances": [{"ids": "a"}, "b"]}, IDS, "Expecting object but got list at item 1"),
        ({"instances": ["a", {"ids": "b"}]}, IDS, "Expecting value/list but got object at item 1"),
        (
            {"instances": [["a", "b"], ["c"]]},
            IDS,
            ELEMENT.format("1") + "Expecting tensor size: 2 but got: 1",
        ),
        (
            {"instances": [[["a", "b"]], [["a"], ["b"]]]},
            IDS,
            r"Expecting shape \[1,2\] but got: \[2,1\]",
        ),
        ({"inputs": [["a", "b"], ["c"]]}, IDS, "list at unexpected size: 1 at level: 1 expected s"),
        ({"inputs": [["a"], "c"]}, IDS, 'Value: "c" found at incorrect level: 2 .* at level: 2'),
        ({"inputs": ["a", ["c"]]}, IDS, "Encountered list at unexpected level: 1 expected < 1"),
        ({"inputs": [1]}, IDS, "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"inputs": [None]}, IDS, "JSON Value: null Type: Null is not of expected type: string"),
        ({"inputs": [{"b64": "*"}]}, IDS, "Unable to base64 decode"),
        ({"inputs": [{"a": "b"}]}, IDS, "not formatted correctly for base64 data"),
        ({"inputs": ["1"]}, {"n": tf.int64}, 'Value: "1" Type: String .* type: int64'),
        ({"inputs": [3.0]}, {"n": tf.int64}, "Value: 3.0 Type: Number .* type: int64"),
        ({"inputs": [True]}, {"n": tf.int64}, "Value: true Type: True .* type: int64"),
        ({"inputs": [2**63]}, {"n": tf.int64}, "Type: Number is not of expected type: int64"),
        ({"inputs": [2**31]}, {"n": tf.int32}, "Type: Number is not of expected type: int32"),
        ({"inputs": [1]}, {"n": tf.bool}, "Value: 1 Type: Number .* type: bool"),
        ({"inputs": ["x"]}, {"n": tf.float32}, 'Value: "x" Type: String .* type: float'),
        ({"inputs": [1e39]}, {"n": tf.float32}, "JSON value: 1e.39 to float without loss"),
        ({"inputs": [2**24 + 1]}, {"n": tf.float32}, "value: 16777217 to float without loss"),
    ],
)  # fmt: skip
def test_refusals(body, inputs, message):
    with pytest.raises(Refusal, match=message) as raised:
        arrays(body, inputs)
    assert raised.value.status == 400
    assert len(raised.value.message) < 500


def test_a_long_value_is_not_repeated():
    with pytest.raises(Refusal, match="Type: String is not of expected type: int64") as raised:
        arrays({"inputs": ["x" * 10_000_000]}, {"n": tf.int64})
    assert len(raised.value.message) < 500


@pytest.mark.parametrize(
    "body",
    [
        b'{"signature_name": "\\ud800", "instances": [1]}',
        b'{"instances": [{"\\uD800": 1}]}',
        b'{"instances": [{"n": "\\ud800"}]}',
    ],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_is(body):
    with pytest.raises(Refusal, match=r"JSON Parse error: The surrogate pair in string is invalid"):
        PredictRequest.parse(body)


def test_whole_surrogate_pairs_and_bytes_are_taken():
    body = b'{"signature_name": "\\ud83d\\ude00", "instances": ["\xff"]}'
    assert PredictRequest.parse(body).signature == "\U0001f600"
