"""The page on serving: its curl, JSON and Python ask `tfrec-recall serve`, run as a user runs it.

That is `make programs`.
"""

import ast
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.export import export
from tfrec_recall.retrieval import EmbeddingRetriever

pytestmark = pytest.mark.programs
ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "serving.md").read_text()
ITEMS = ["85123A", "71053", "22423", "84029E", "22752", "21730", "84879"]
ADDRESS = re.compile(r"POST (http://127\.0\.0\.1:(\d+)/v1/models/two_tower:predict)")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An export by the name and with the inputs of the page."""
    vectors = np.random.default_rng(0).normal(size=(len(ITEMS), 4)).astype("float32")

    def embed(raw):
        had = tf.strings.reduce_join(raw["history"], axis=1)
        row = tf.strings.to_hash_bucket_fast(tf.strings.join([raw["country"], had]), len(ITEMS))
        return tf.gather(vectors, row)  # [batch, 4]

    shapes = {"country": [None], "history": [None, None]}
    inputs = {name: tf.TensorSpec(shape, tf.string, name) for name, shape in shapes.items()}
    retriever = EmbeddingRetriever(embed, np.array(ITEMS, object), vectors, inputs=inputs, k=20)
    table = pd.DataFrame({"item_id": ITEMS, "category": "candles", "price": np.arange(7.0) + 5})
    retriever.with_filters(table, ["category", "price"])
    path = tmp_path_factory.mktemp("served") / "saved_models" / "two_tower"
    export(retriever, path, items=pd.DataFrame({"item_id": ITEMS, "title": ITEMS}))
    return path


@pytest.fixture(scope="module")
def server(exported):
    """The process, and the port that it listens on."""
    place = exported.parents[1]
    command = [sys.executable, "-m", "tfrec_recall.cli", "serve", exported, "--port", "0"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    with open(place / "said", "wb") as said:
        process = subprocess.Popen(
            [*command, "--poll", "0.05"],
            stderr=said,
            cwd=place,
            env={**kept, "PYTHONPATH": str(ROOT)},
        )
    try:
        found = within(60, lambda: ADDRESS.search((place / "said").read_text()), process)
        yield process, found[2]
    finally:
        process.kill()
        process.wait()


def within(seconds, find, process):
    """What is found, as soon as it is."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


# A system package that `.ci/run` installs; the requests themselves have tests that need none.
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl is installed, which asks")
def test_the_curl_of_the_page_is_answered(server):
    commands = "\n".join(blocks("bash")).replace("localhost:8501", f"localhost:{server[1]}")
    asked = commands.count("curl ")
    separated = commands.replace("curl -s", "echo; curl --fail-with-body -s")
    done = subprocess.run(
        ["bash", "-ec", separated], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout[-2000:]
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    assert len(answers) == asked == 7
    assert [next(iter(answer)) for answer in answers] == [
        *("model_spec", "model_version_status", "predictions"),
        *("outputs", "outputs", "outputs", "model_version_status"),
    ]


def test_the_json_of_the_page_is_answered(server):
    (asked,) = (one for one in blocks("json") if '"recommend_where"' in one)
    url = f"http://localhost:{server[1]}/v1/models/two_tower:predict"
    with urllib.request.urlopen(url, data=asked.encode(), timeout=30) as answer:
        lists = json.load(answer)["outputs"]["item_id"]
    assert [len([item for item in row if item]) for row in lists] == [5, 5]
    assert not {*ITEMS[5:]} & {*lists[0], *lists[1]}  # they cost more than the page pays


def test_the_python_of_the_page_is_answered(server, capsys):
    rest, by_grpc = blocks("python")
    exec(rest.replace("localhost:8501", f"localhost:{server[1]}"), {})
    found = ast.literal_eval(capsys.readouterr().out)
    assert len(found) == 5
    assert {item for item, _ in found} <= set(ITEMS) - {"85123A", "71053"}
    made, stub, answer = by_grpc.partition("stub = ")
    names: dict = {}
    exec(made, names)  # the rest asks a server that speaks gRPC
    request = names["asking"]("recommend_where", {**names["query"], "k": [3], "max_price": [9.5]})
    kinds = {name: value.dtype for name, value in request.inputs.items()}
    assert kinds.pop("k") == tf.int32.as_datatype_enum
    assert kinds.pop("max_price") == tf.float64.as_datatype_enum
    assert kinds == dict.fromkeys(("country", "history", "exclude"), tf.string.as_datatype_enum)
    compile(stub + answer, "serving.md", "exec")


def test_a_version_is_taken_up_and_the_server_ends_when_it_is_told_to(server, exported):
    process, port = server
    base = f"http://127.0.0.1:{port}"

    def states():
        with urllib.request.urlopen(f"{base}/v1/models/two_tower", timeout=10) as answer:
            found = json.load(answer)["model_version_status"]
        return {one["version"]: one["state"] for one in found}

    with urllib.request.urlopen(f"{base}/", timeout=10) as answer:
        assert b"<title>tfrec-recall</title>" in answer.read()
    shutil.copytree(exported / "1", exported / ".draft")
    (exported / ".draft").rename(exported / "2")
    within(30, lambda: states() == {"2": "AVAILABLE", "1": "END"}, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    said = (exported.parents[1] / "said").read_text()
    assert "For development: neither authentication nor encryption." in said
    assert "The page has no users to pick. The export does not say which data it is from" in said
    assert "two_tower 2 serves, and 1 is let go." in said
    assert "Traceback" not in said
