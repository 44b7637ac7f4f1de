"""The C program beside this file: compiled, told what to ask, and its answers read.

It restores and runs SavedModels by TensorFlow's C API as a server does, without Python.
"""

import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfrec_recall._signatures import signature_name

LIBRARY = "libtensorflow_cc.so.2"
SOURCE = pathlib.Path(__file__).with_name("serve.c")

# A system package: `.ci/run` installs it; who lacks it can do without.
needs_gcc = pytest.mark.skipif(
    shutil.which("gcc") is None, reason="no gcc is installed, which compiles serve.c"
)


def compiled(folder):
    """The program, compiled against the headers of the installed tensorflow package.

    It is linked to a library of the same name that has the names it calls and nothing else: to
    search TensorFlow's own takes ten seconds. That one is found when the program runs.
    """
    built, names = folder / "serve", folder / "names.c"
    package = pathlib.Path(tf.sysconfig.get_lib())
    called = set(re.findall(r"\bTF_\w+", SOURCE.read_text()))
    names.write_text("".join(f"void {name}(void) {{}}\n" for name in sorted(called)))
    _gcc("-shared", "-fPIC", f"-Wl,-soname,{LIBRARY}", str(names), "-o", str(folder / LIBRARY))
    given = ["-O1", "-Wall", "-Wextra", "-Werror", "-std=gnu11", str(SOURCE)]
    given += ["-isystem", tf.sysconfig.get_include(), "-L", str(folder), f"-l:{LIBRARY}"]
    _gcc(*given, f"-Wl,-rpath,{package}", "-o", str(built))
    return built


def _gcc(*arguments):
    done = subprocess.run(["gcc", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def ran(program, told, status=0):
    """A run of the program from its first order to its last."""
    done = subprocess.run(
        [program], input="\n".join(told), capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr[-3000:]
    return done


class Running:
    """The program at work: one process, which is told and answers until the end of a `with`.

    Args:
        folder: where it notes what TensorFlow says on the way.
    """

    def __init__(self, program, folder):
        self._said, self._version = folder / "said.txt", None
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
            )

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.process.communicate()
        assert self.process.returncode == 0, self.said()

    def tell(self, *orders):
        self.process.stdin.write("\n".join([*orders, ""]))
        self.process.stdin.flush()

    def said(self):
        return self._said.read_text()[-3000:]

    def ask(self, version, signature, inputs):
        """What a signature of an export answers; the export stays loaded until another is."""
        load = [] if version == self._version else [f"load {version}"]
        self._version = version
        self.tell(*load, *request(version, signature, inputs))
        lines = [self.process.stdout.readline() for _ in of_version(version)[signature].outputs]
        assert all(lines), self.said()
        return answers(version, signature, lines)


def of_version(version):
    """The signatures of an export as the file of the SavedModel says them."""
    saved = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes())
    return saved.meta_graphs[0].signature_def


def sent(inputs):
    """Raw values by feature, as arrays by the names of a signature's inputs."""
    arrays = {signature_name(name): np.array(value) for name, value in inputs.items()}
    return {
        name: tf.constant(array).numpy() if array.dtype.kind == "U" else array
        for name, array in arrays.items()
    }


def request(version, signature, inputs):
    """What the program is told to print the outputs of a signature of what it loaded."""
    told = of_version(version)[signature]
    feeds = [
        f"feed {place(told.inputs[name])} {written(array)}" for name, array in sent(inputs).items()
    ]
    fetches = [f"fetch {place(told.outputs[name])}" for name in sorted(told.outputs)]
    return [*feeds, *fetches, "run"]


def answers(version, signature, lines):
    """What it printed then: name of the signature's output -> array; strings as bytes."""
    names = sorted(of_version(version)[signature].outputs)
    return {name: read(line) for name, line in zip(names, lines, strict=True)}


def place(info):
    return info.name.replace(":", " ")


def written(array):
    """An array as the program reads it."""
    if array.dtype == object:
        cells = [f"={one.hex()}" for one in array.ravel()]
        kind = "string"
    else:
        cells, kind = [str(one) for one in array.ravel()], array.dtype.name
    return " ".join([kind, str(array.ndim), *map(str, array.shape), *cells])


def read(line):
    """An array as the program writes it."""
    kind, rank, *rest = line.split()
    shape, cells = [int(size) for size in rest[: int(rank)]], rest[int(rank) :]
    if kind == "string":
        texts = np.array([bytes.fromhex(cell[1:]) for cell in cells], dtype=object)
        return texts.reshape(shape)
    return np.array(cells, dtype=kind).reshape(shape)


def assert_same(given, expected, name):
    """Arrays of the program and tensors of Python, by output: the same lists, and equal numbers."""
    assert set(given) == set(expected), name
    for output, tensor in expected.items():
        value = tensor.numpy()
        assert given[output].shape == value.shape, (name, output)
        if value.dtype == np.float32:
            np.testing.assert_allclose(given[output], value, rtol=1e-5, atol=1e-6, err_msg=name)
        else:
            assert given[output].tolist() == value.tolist(), (name, output)
