"""An export serves where this package is not imported, by both of TensorFlow's loaders."""

import json
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


@pytest.mark.parametrize(
    ("index", "imports"),
    [(Exact(), ""), (ScaNN(recall=0.9), "import scann")],
    ids=["exact", "scann"],
)
def test_both_loaders_serve_the_same_lists(tmp_path, index, imports):
    original = retriever(1500, index=index)
    version = export(original, tmp_path / "model")
    given = f"path, history, exclude = {str(version)!r}, {HISTORY!r}, {EXCLUDE!r}"
    lines = [imports, given, *map(textwrap.dedent, (RESTORED, SESSION, PRINTED))]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    expected = texts(original({"history": HISTORY}, exclude=EXCLUDE)[0])
    assert json.loads(done.stdout.splitlines()[-1]) == [expected, expected]


RECOMMEND = """
    from tfrec_recall.cli import main

    try:
        main(["recommend", path, "--history", "item 1,item 2", "--k", "3", "--json", "-"])
    except SystemExit as end:
        assert end.code == 0, end.code
    ours = {f"tfrec_recall.{name}" for name in ("models", "features", "layers", "graph")}
    unneeded = ours | {"tensorflow_recommenders", "sparse_dot_topn", "matplotlib"}
    print(sorted(unneeded & set(sys.modules)), "scann" in sys.modules)
"""


@pytest.mark.parametrize("index", [Exact(), ScaNN(recall=0.9)], ids=["exact", "scann"])
def test_recommending_imports_what_the_graph_needs(tmp_path, index):
    original = retriever(1500, index=index)
    version = export(original, tmp_path / "model")
    script = f"import sys\npath = {str(version)!r}\n{textwrap.dedent(RECOMMEND)}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    *written, imported = done.stdout.splitlines()
    assert imported == f"[] {index != Exact()}"
    had = [["item 1", "item 2"]]
    (expected,) = texts(original({"history": had}, k=3, exclude=had)[0])
    (answer,) = json.loads("\n".join(written))["lists"]
    assert [item["item_id"] for item in answer["items"]] == expected
