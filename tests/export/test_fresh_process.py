"""An export serves where this package is not imported, by both of TensorFlow's loaders."""

import json
import re
import subprocess
import sys
import textwrap

import pytest

from tests.retrieval.toys import retriever, texts
from tfrec_recall.export import export
from tfrec_recall.retrieval import Exact, ScaNN

HISTORY = [["item 1", ""], ["item 2", "item 30"], ["", "unknown"]]
EXCLUDE = [["item 4"], [""], ["unknown"]]

RESTORED = """
    import tensorflow as tf

    signature = tf.saved_model.load(path).signatures["serving_default"]
    served = signature(history=tf.constant(history), exclude=tf.constant(exclude))
    restored = served["item_id"].numpy()
"""

# What TensorFlow Serving's C++ does: restore the variables, run the initialisers, run the graph.
SESSION = """
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], path)
        signature = meta.signature_def["serving_default"]
        names = {name: tensor.name for name, tensor in signature.inputs.items()}
        feed = {names["history"]: history, names["exclude"]: exclude}
        for request in range(2):
            item_id = session.run(signature.outputs["item_id"].name, feed)
"""

PRINTED = """
    import json, sys

    assert not any(name.startswith("tfrec_recall") for name in sys.modules)
    print(json.dumps([ids.astype(str).tolist() for ids in (restored, item_id)]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """By the module that serving imports: a retriever and its export."""
    indexes = {"": Exact(), "import scann": ScaNN(leaves=20, leaves_to_search=8, reorder=100)}
    folder = tmp_path_factory.mktemp("models")
    toys = {imports: retriever(1500, index=index) for imports, index in indexes.items()}
    return {
        imports: (toy, export(toy, folder / f"model {place}"))
        for place, (imports, toy) in enumerate(toys.items())
    }


def ran(lines):
    """What a new process of these lines prints."""
    script = "\n".join(map(textwrap.dedent, lines))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_both_loaders_serve_the_same_lists(made):
    """Of an exact index before ScaNN is imported."""
    lines = [f"history, exclude = {HISTORY!r}, {EXCLUDE!r}"]
    for imports, (_, version) in made.items():
        lines += [imports, f"path = {str(version)!r}", RESTORED, SESSION, PRINTED]
    for (original, _), said in zip(made.values(), ran(lines).splitlines(), strict=True):
        expected = texts(original({"history": HISTORY}, exclude=EXCLUDE)[0])
        assert json.loads(said) == [expected, expected]


RECOMMEND = """
    from tfrec_recall.cli import main

    try:
        main(["recommend", path, "--history", "item 1,item 2", "--k", "3", "--json", "-"])
    except SystemExit as end:
        assert end.code == 0, end.code
    ours = {f"tfrec_recall.{name}" for name in ("models", "features", "layers", "graph")}
    unneeded = ours | {"tensorflow_recommenders", "sparse_dot_topn", "matplotlib"}
    print("Imported", sorted(unneeded & set(sys.modules)), "scann" in sys.modules)
"""


def test_recommending_imports_what_the_graph_needs(made):
    """The exact one is asked first, as what was imported stays so."""
    lines = ["import sys"]
    for _, version in made.values():
        lines += [f"path = {str(version)!r}", RECOMMEND]
    printed = re.findall(r"(.*?)^Imported (.*?)$", ran(lines), re.DOTALL | re.MULTILINE)
    assert [imported for _, imported in printed] == ["[] False", "[] True"]
    had = [["item 1", "item 2"]]
    for (original, _), (written, _) in zip(made.values(), printed, strict=True):
        (expected,) = texts(original({"history": had}, k=3, exclude=had)[0])
        (answer,) = json.loads(written)["lists"]
        assert [item["item_id"] for item in answer["items"]] == expected
