"""Exports are served without Python: a C program asks them raw ids, as TensorFlow Serving does.

The program restores and runs a SavedModel by TensorFlow's C API. All exports are asked in one run
of it, those with a ScaNN index last: until then, ScaNN's operations are not known to it.
"""

import dataclasses
import pathlib
import shutil
import subprocess

import numpy as np
import pytest
import scann
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2

from tests.contract.model_cases import requests, retrieving, the_board
from tests.retrieval.toys import retriever
from tfrec_recall import models
from tfrec_recall.export import export
from tfrec_recall.export.serving_module import signature_name
from tfrec_recall.retrieval import Exact, InvertedFile, ScaNN

PROGRAM = pathlib.Path(__file__).with_name("serve.c")
HISTORY = [["item 1", ""], ["item 2", "item 30"], ["", "unknown"], ["ключ", "\u2603"]]
EXCLUDE = [["item 4"], [""], ["unknown"], ["item 9"]]
NUMBERS, LEFT_OUT = [[101, -1], [102, 130], [-1, 9]], [[104], [-1], [7]]
SCANN_OPS = pathlib.Path(scann.__file__).parent / "scann_ops" / "cc" / "_scann_ops.so"

# The one system package that a test needs: `.ci/run` installs it; who lacks it can do without.
pytestmark = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="no gcc is installed, which compiles serve.c"
)


@dataclasses.dataclass
class Asked:
    """A retriever, its export, and what is asked of a signature: raw values by feature."""

    original: object
    version: pathlib.Path
    signature: str
    inputs: dict

    def tensors(self):
        """Name of the signature's input -> the array that is sent."""
        arrays = {signature_name(name): np.array(value) for name, value in self.inputs.items()}
        return {
            name: tf.constant(array).numpy() if array.dtype.kind == "U" else array
            for name, array in arrays.items()
        }

    def expected(self):
        """Name of the signature's output -> what Python gets, with the retriever as it was."""
        given = dict(self.inputs)
        if self.signature == "embed_query":
            return {"query": self.original.embed_query(given)}
        exclude = given.pop("exclude")
        if self.signature == "similar_items":
            found = self.original.similar_items(given["item_id"], exclude=exclude)
        else:
            found = self.original(given, exclude=exclude)
        return dict(zip(("item_id", "score"), found, strict=True))


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
    made = {}
    for name, (original, history, exclude) in toys.items():
        version = export(original, tmp_path_factory.mktemp("model"))
        query = {"history": history}
        inputs = {**query, "exclude": exclude}
        made[name] = Asked(original, version, "serving_default", inputs)
        if name in ("exact", "scann"):
            items = {"item_id": HISTORY[1], "exclude": EXCLUDE[:2]}
            made[f"{name}, similar"] = Asked(original, version, "similar_items", items)
            made[f"{name}, vectors"] = Asked(original, version, "embed_query", query)
    queries = requests(the_board())
    for model_class in (models.ItemCF, models.UserCF):
        original = retrieving(model_class)
        version = export(original, tmp_path_factory.mktemp("model"))
        inputs = {name: queries[name] for name in original.inputs}
        left_out = {**inputs, "exclude": queries["history"]}
        made[model_class.__name__] = Asked(original, version, "serving_default", left_out)
    return dict(sorted(made.items(), key=lambda one: one[0].startswith("scann")))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The program, compiled against what the installed tensorflow package holds."""
    built = tmp_path_factory.mktemp("program") / "serve"
    package = pathlib.Path(tf.sysconfig.get_lib())
    libraries = ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    command = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-std=gnu11", str(PROGRAM)]
    command += ["-isystem", tf.sysconfig.get_include(), "-L", str(package), *libraries]
    command += [f"-Wl,-rpath,{package}", "-o", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="module")
def answers(asked, program):
    """What the program gets: name of the signature's output -> array, for each of `asked`."""
    orders, fetched, library = [], [], False
    for name, one in asked.items():
        if name.startswith("scann") and not library:
            orders.append(f"library {SCANN_OPS}")
            library = True
        orders += orders_of(one)
        fetched.append((name, sorted(signature_of(one).outputs)))
    lines = iter(ask(program, orders).stdout.splitlines())
    return {name: {output: read(next(lines)) for output in names} for name, names in fetched}


def signature_of(one):
    """A signature as the file of the SavedModel says it."""
    saved = saved_model_pb2.SavedModel.FromString((one.version / "saved_model.pb").read_bytes())
    return saved.meta_graphs[0].signature_def[one.signature]


def orders_of(one):
    """What the program is told to load an export and to print the outputs, by name in order."""
    signature = signature_of(one)
    feeds = [
        f"feed {place(signature.inputs[feature])} {written(value)}"
        for feature, value in one.tensors().items()
    ]
    fetches = [f"fetch {place(signature.outputs[name])}" for name in sorted(signature.outputs)]
    return [f"load {one.version}", *feeds, *fetches, "run"]


def place(info):
    return info.name.replace(":", " ")


def written(value):
    """An array as the program reads it."""
    if value.dtype == object:
        cells = [f"={one.hex()}" for one in value.ravel()]
        kind = "string"
    else:
        cells, kind = [str(one) for one in value.ravel()], value.dtype.name
    return " ".join([kind, str(value.ndim), *map(str, value.shape), *cells])


def read(line):
    """An array as the program writes it; strings as bytes."""
    kind, rank, *rest = line.split(" ")
    shape, cells = [int(size) for size in rest[: int(rank)]], rest[int(rank) :]
    if kind == "string":
        texts = np.array([bytes.fromhex(cell[1:]) for cell in cells], dtype=object)
        return texts.reshape(shape)
    return np.array(cells, dtype=kind).reshape(shape)


def ask(program, orders, status=0):
    done = subprocess.run(
        [program], input="\n".join(orders), capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr[-3000:]
    return done


def test_the_lists_are_those_of_python(asked, answers):
    for name, one in asked.items():
        expected = one.expected()
        assert set(answers[name]) == set(expected), name
        for output, value in expected.items():
            given, value = answers[name][output], value.numpy()
            assert given.shape == value.shape, (name, output)
            if value.dtype == np.float32:
                np.testing.assert_allclose(given, value, rtol=1e-5, atol=1e-6, err_msg=name)
            else:
                assert given.tolist() == value.tolist(), (name, output)


def test_only_scann_needs_a_library(asked, program):
    """The others are asked before it is loaded. Without it a ScaNN graph loads, but answers not."""
    done = ask(program, orders_of(asked["scann"]), status=1)
    assert done.stderr.splitlines()[-1].startswith("run: Op type not registered 'Scann>")
    assert done.stdout == ""


def test_requests_of_tensorflow_serving_fit_the_signatures(asked):
    """A request names its tensors, and their types and shapes are those that the signature takes.

    Sizes that the signature leaves open fit any.
    """
    for name, one in asked.items():
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = one.signature
        for feature, value in one.tensors().items():
            request.inputs[feature].CopyFrom(tf.make_tensor_proto(value))
        read = predict_pb2.PredictRequest.FromString(request.SerializeToString())
        signature = signature_of(one)
        assert set(read.inputs) == set(signature.inputs), name
        for feature, sent in read.inputs.items():
            taken = signature.inputs[feature]
            assert sent.dtype == taken.dtype, (name, feature)
            shape = tf.TensorShape(taken.tensor_shape)
            assert shape.is_compatible_with(tf.TensorShape(sent.tensor_shape)), (name, feature)
