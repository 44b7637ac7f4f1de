"""The REST API over an export: answers are those of the retriever, and what is bad is refused."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from starlette.testclient import TestClient

from tests.retrieval.toys import item_ids, retriever, texts
from tfrec_recall.export import export
from tfrec_recall.serving.application import application
from tfrec_recall.serving.rest import Rest
from tfrec_recall.serving.versions import Versions

ITEMS, K = 12, 15  # there are fewer items than a list is long
LARGEST = 12 * 2**20
MODEL = "/v1/models/toy"
QUERY = {"history": [["item 1", "item 2"], ["", "nothing known"]], "exclude": [["item 1"], [""]]}


@pytest.fixture(scope="module")
def toy():
    return retriever(ITEMS, k=K)


@pytest.fixture(scope="module")
def versions(toy, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "toy"
    export(toy, path, warmup={"history": QUERY["history"]})
    return Versions(path)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def client(versions, told):
    with ThreadPoolExecutor(2) as workers:
        rest = Rest(versions, workers, LARGEST, patience=5, tell=told.append)
        yield TestClient(application(rest), raise_server_exceptions=False)


def predict(client, request, status=200, of=MODEL):
    body = request if isinstance(request, bytes) else json.dumps(request)
    response = client.post(f"{of}:predict", content=body)
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/json"
    return response.json()


def refused(client, request, status=400, of=MODEL):
    found = predict(client, request, status, of)
    assert set(found) == {"error"}
    assert len(found["error"]) < 1000
    return found["error"]


def rows(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_lists_by_row_and_by_column(toy, client):
    item_id, score = toy({"history": QUERY["history"]}, exclude=QUERY["exclude"])
    by_column = predict(client, {"inputs": QUERY})["outputs"]
    assert by_column["item_id"] == texts(item_id)
    np.testing.assert_allclose(by_column["score"], score, rtol=1e-6)
    by_row = predict(client, {"signature_name": "serving_default", "instances": rows(QUERY)})
    assert by_row == {"predictions": rows(by_column)}
    assert predict(client, {"inputs": QUERY}, of=f"{MODEL}/versions/1")["outputs"] == by_column
    assert predict(client, {"inputs": QUERY}, of="/V1/Models/toy")["outputs"] == by_column


def test_the_other_signatures(toy, client):
    vectors = predict(client, {"signature_name": "embed_query", "inputs": QUERY["history"]})
    expected = toy.embed_query({"history": QUERY["history"]})
    np.testing.assert_allclose(vectors["outputs"], expected, rtol=1e-6)
    similar = {"item_id": ["item 3", {"b64": "aXRlbSA0"}], "exclude": [["item 5"], ["item 6"]]}
    found = predict(client, {"signature_name": "similar_items", "inputs": similar})["outputs"]
    expected, _ = toy.similar_items(["item 3", "item 4"], exclude=similar["exclude"])
    assert found["item_id"] == texts(expected)


def test_status_and_metadata(client):
    available = {
        "version": "1",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    for path in (MODEL, f"{MODEL}/versions/1"):
        assert client.get(path).json() == {"model_version_status": [available]}
    found = client.get(f"{MODEL}/metadata").json()
    assert found["model_spec"] == {"name": "toy", "signature_name": "", "version": "1"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "embed_query", "embed_item", "similar_items"} <= set(signatures)
    default = signatures["serving_default"]
    assert default["method_name"] == "tensorflow/serving/predict"
    assert default["inputs"]["history"] == {
        "dtype": "DT_STRING",
        "name": "serving_default_history:0",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "-1", "name": ""}],
            "unknown_rank": False,
        },
    }
    assert default["outputs"]["score"]["tensor_shape"]["dim"][1]["size"] == str(K)


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("POST", f"{MODEL}/versions/7:predict", 404, "not found for request: Specific(toy, 7)"),
        ("POST", f"{MODEL}/labels/new:predict", 400, "Unrecognized servable version label: new"),
        ("POST", f"{MODEL}/versions/{'9' * 30}:predict", 400, "Failed to convert version: 999"),
        ("POST", f"{MODEL}:regress", 400, "Expected regression signature method_name to be"),
        ("POST", f"{MODEL}:forecast", 400, f"Malformed request: POST {MODEL}:forecast"),
        ("PUT", f"{MODEL}:predict", 400, f"Malformed request: PUT {MODEL}:predict"),
        ("GET", f"{MODEL}:predict", 400, f"Malformed request: GET {MODEL}:predict"),
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", f"{MODEL}/versions/7", 404, "Could not find version 7 of model toy"),
        ("GET", f"{MODEL}/versions/7/metadata", 404, "Specific(toy, 7)"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
    ],
)
def test_paths(client, method, path, status, message):
    response = client.request(method, path, content='{"inputs": [["item 1"]]}' * (method == "POST"))
    assert response.status_code == status
    assert message in response.json()["error"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({**QUERY, "history": [[1, 2], [3, 4]]}, "JSON Value: 1 Type: Number is not of .* string"),
        ({"history": QUERY["history"]}, "Missing named input: exclude in 'inputs' object."),
        ({"history": [], "exclude": []}, r"exclude of serving_default has the shape \[\?, \?\]"),
        ({**QUERY, "exclude": [["a"], ["b"], ["c"]]}, "assertion failed: .*exclude has a row of"),
    ],
    ids=["wrong dtype", "missing feature", "too few axes", "other rows"],
)
def test_bad_requests(client, told, inputs, message):
    assert re.search(message, refused(client, {"inputs": inputs}))
    assert told[-1].startswith(f"400 POST {MODEL}:predict: ")


def test_a_signature_that_is_not_there(client):
    error = refused(client, {"signature_name": "forecast", "inputs": [["a"]]})
    assert error == 'Serving signature name: "forecast" not found in signature def'


def test_rows_of_other_widths(client):
    given = [{"history": ["a"], "exclude": []}, {"history": ["a", "b"], "exclude": []}]
    assert "Expecting tensor size: 1 but got: 2" in refused(client, {"instances": given})


def test_rows_of_base64_are_refused_where_there_are_several_inputs(client):
    given = {"signature_name": "recommend_where", "instances": [{"b64": "aXRlbSA0"}]}
    assert "input size does not match signature" in refused(client, given)


def test_nothing_is_an_answer_too(toy, client):
    """Of width zero, of an id that is no text, of one of 10 MB: somebody of whom nothing is known.

    More items than there are: padding, with the score -Infinity.
    """
    expected = texts(toy({"history": [[""]]})[0])
    empty = predict(client, {"inputs": {"history": [[]], "exclude": [[]]}})["outputs"]
    assert empty["item_id"] == expected
    binary = b'{"inputs": {"history": [["\xff\xfe\xc3"]], "exclude": [["\xc3"]]}}'
    assert predict(client, binary)["outputs"]["item_id"] == expected
    long = {"history": ["x" * 10_000_000], "exclude": []}
    assert predict(client, {"instances": [long]})["predictions"][0]["item_id"] == expected[0]
    left = {"history": [["item 1"]], "exclude": [item_ids(ITEMS)[2:]]}
    found = predict(client, {"inputs": left})["outputs"]
    assert sorted(found["item_id"][0][:2]) == ["item 0", "item 1"]
    assert found["item_id"][0][2:] == [""] * (K - 2)
    assert found["score"][0][2:] == [-np.inf] * (K - 2)


def test_a_body_that_is_too_large(client):
    """Its announced length is enough to know; without one it is read up to the limit."""
    given = {"history": [["x" * LARGEST]], "exclude": [[""]]}
    message = "The body is larger than 12,582,912 bytes, which --largest-request sets."
    assert refused(client, {"inputs": given}, status=413) == message
    sent = []

    def pieces():
        for _ in range(100):
            sent.append(2**20)
            yield b" " * 2**20

    response = client.post(f"{MODEL}:predict", content=pieces())
    assert response.status_code == 413
    packed = client.post(f"{MODEL}:predict", headers={"Content-Encoding": "gzip"}, content=b"x")
    assert packed.status_code == 415


def test_another_saved_model_is_served_too(tmp_path):
    """Whatever TensorFlow Serving takes: no export of this package, numbers in and out."""

    class Half(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        def half(self, x):
            return {"y": x / 2 + 2}

    tf.saved_model.save(Half(), str(tmp_path / "half" / "123"))
    with ThreadPoolExecutor(1) as workers:
        rest = Rest(Versions(tmp_path / "half"), workers, LARGEST, 5, lambda line: None)
        client = TestClient(application(rest))
        of = "/v1/models/half"
        found = predict(client, {"instances": [1.0, 2.0, 5.0]}, of=of)
        assert found == {"predictions": [2.5, 3.0, 4.5]}
        assert predict(client, {"inputs": [1.0]}, of=of) == {"outputs": [2.5]}
        assert client.get("/").status_code == 404
        assert "--no-page" in client.get("/").text
