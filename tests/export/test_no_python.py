"""Exports are served without Python: a C program asks them raw ids, as TensorFlow Serving does.

All exports are asked in one run of it, those with a ScaNN index last: until then, ScaNN's
operations are not known to it. Between them they have every signature; of one an item was taken
out. The requests of the page on serving are among what they are asked. Every model is asked
in `tests/contract/test_served.py`.
"""

import pathlib

import pytest
import scann
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.export.c_program import (
    Running,
    assert_same,
    compiled,
    needs_gcc,
    of_version,
    ran,
    request,
    sent,
)
from tests.export.every_signature import Asked, every_signature
from tests.retrieval.toys import retriever
from tfrec_recall.export import export
from tfrec_recall.retrieval import Exact, InvertedFile, ScaNN

HISTORY = [["item 1", ""], ["item 2", "item 30"], ["", "unknown"], ["ключ", "\u2603"]]
EXCLUDE = [["item 4"], [""], ["unknown"], ["item 9"]]
NUMBERS, LEFT_OUT = [[101, -1], [102, 130], [-1, 9]], [[104], [-1], [7]]
SCANN_OPS = pathlib.Path(scann.__file__).parent / "scann_ops" / "cc" / "_scann_ops.so"

pytestmark = needs_gcc


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """What the one run of the program asks, in order."""
    toys = {
        "exact": (retriever(1500, index=Exact()), HISTORY, EXCLUDE),
        "inverted file": (
            retriever(
                1500, index=InvertedFile(leaves=20, leaves_to_search=8, reorder=100, int8=True)
            ),
            HISTORY,
            EXCLUDE,
        ),
        "integers": (retriever(50, int), NUMBERS, LEFT_OUT),
        "scann": (
            retriever(1500, index=ScaNN(leaves=20, leaves_to_search=8, reorder=100)),
            HISTORY,
            EXCLUDE,
        ),
    }
    made = every_signature(tmp_path_factory.mktemp("signatures"))
    for name, (original, history, exclude) in toys.items():
        version = export(original, tmp_path_factory.mktemp("model"))
        query = {"history": history}
        inputs = {**query, "exclude": exclude}
        made[name] = Asked(original, version, "serving_default", inputs)
        if name in ("exact", "scann"):
            items = {"item_id": HISTORY[1], "exclude": EXCLUDE[:2]}
            made[f"{name}, similar"] = Asked(original, version, "similar_items", items)
            made[f"{name}, vectors"] = Asked(original, version, "embed_query", query)
    return dict(sorted(made.items(), key=lambda one: one[0].startswith("scann")))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("program"))


def test_the_lists_are_those_of_python(asked, program, tmp_path):
    """One process asks all of them; ScaNN's operations are loaded when the first one needs them."""
    with Running(program, tmp_path) as running:
        known = False
        for name, one in asked.items():
            if name.startswith("scann") and not known:
                running.tell(f"library {SCANN_OPS}")
                known = True
            given = running.ask(one.version, one.signature, one.inputs)
            assert_same(given, one.expected(), name)


def test_every_signature_is_asked(asked):
    there = {name for one in asked.values() for name in of_version(one.version)}
    assert {one.signature for one in asked.values()} == there - {"__saved_model_init_op"}


def test_only_scann_needs_a_library(asked, program):
    """The others are asked before it is loaded. Without it a ScaNN graph does not load."""
    one = asked["scann"]
    told = [f"load {one.version}", *request(one.version, one.signature, one.inputs)]
    done = ran(program, told, status=1)
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"{one.version}: Op type not registered 'Scann>")
    assert done.stdout == ""


def test_requests_of_tensorflow_serving_fit_the_signatures(asked):
    """A request names its tensors, and their types and shapes are those that the signature takes.

    Sizes that the signature leaves open fit any.
    """
    for name, one in asked.items():
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = one.signature
        for feature, value in sent(one.inputs).items():
            request.inputs[feature].CopyFrom(tf.make_tensor_proto(value))
        read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
        signature = of_version(one.version)[one.signature]
        assert set(read.inputs) == set(signature.inputs), name
        for feature, given in read.inputs.items():
            taken = signature.inputs[feature]
            assert given.dtype == taken.dtype, (name, feature)
            shape = tf.TensorShape(taken.tensor_shape)
            assert shape.is_compatible_with(tf.TensorShape(given.tensor_shape)), (name, feature)
