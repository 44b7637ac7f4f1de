"""What is no whole export is said so."""

import gc
import json
import shutil

import pytest
import tensorflow as tf

from tests.retrieval.toys import retriever, texts
from tfrec_recall.export import export, load
from tfrec_recall.export.version_files import newest_version
from tfrec_recall.retrieval import ScaNN
from tfrec_recall.retrieval.scann_searcher import held

pytestmark = pytest.mark.usefixtures("only_its_own")


def test_the_newest_version_is_loaded(version, of_30):
    shutil.copytree(of_30, version.parent / "2")
    assert len(load(version.parent).item_ids) == 30
    assert len(load(str(version)).item_ids) == 20


def test_ten_is_newer_than_nine(version):
    version.rename(version.parent / "9")
    assert export(retriever(30), version.parent).name == "10"
    assert len(load(version.parent).item_ids) == 30


def test_a_version_may_have_zeros_in_front(version):
    version.rename(version.parent / "007")
    assert newest_version(version.parent) == version.parent / "007"
    (version.parent / "0008").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"0008 has no saved_model\.pb; load another of \['007', '0008'\]"
    ):
        newest_version(version.parent)


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no export at .*Received: no directory"):
        load(tmp_path / "model")
    (tmp_path / "notes").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no export at .*Received: \['notes'\]"):
        load(tmp_path)


class Earlier(tf.Module):
    """An export of the form that knew no filters."""

    def __init__(self):
        super().__init__()
        self.item_ids, self.k = tf.Variable(["a"]), tf.Variable(1)
        text = tf.TensorSpec([None, None], tf.string)
        self.recommend = tf.function(
            lambda queries, exclude, k: (exclude, queries["history"]),
            input_signature=[{"history": text}, text, tf.TensorSpec([], tf.int32)],
        )


def test_an_export_of_an_earlier_form_is_to_be_made_anew(version):
    tf.saved_model.save(Earlier(), str(version.parent / "7"))
    message = r"7 was written by an earlier.*Received: lists of 3 inputs"
    with pytest.raises(ValueError, match=message):
        load(version.parent)


def test_a_version_without_its_graph(version):
    (version / "saved_model.pb").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no saved_model\.pb"):
        load(version.parent)


@pytest.mark.parametrize(
    "part",
    ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"],
)
@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_a_truncated_file(version, part, keep):
    content = (version / part).read_bytes()
    (version / part).write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match=rf"{version} is no whole SavedModel"):
        load(version)


@pytest.mark.parametrize(
    "part", ["variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_a_missing_file(version, part):
    (version / part).unlink()
    with pytest.raises(ValueError, match=rf"{version} is no whole SavedModel"):
        load(version)


def test_another_saved_model(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ValueError, match=r"not one that tfrec_recall\.export wrote"):
        load(tmp_path)


@pytest.mark.parametrize("content", ["", "{", None])
def test_the_graph_serves_without_its_card(version, content):
    card = version / "assets.extra" / "model_card.json"
    card.unlink() if content is None else card.write_text(content)
    loaded = load(version)
    assert loaded.card == {}
    assert loaded.report == {}
    assert texts(loaded({"history": [["item 3"]]}, k=1)[0]) == [["item 3"]]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"retriever": "abc"}, 'retriever is an object.*Received: "abc" in .*model_card.json'),
        ({"metrics": [1]}, r"metrics is an object.*Received: \[1\] in"),
        ({"data": {"model": "m", "data": "d", "layout": [1]}}, "data.layout is an object"),
        ({"retriever": {"filters": "price"}}, "retriever.filters is a list"),
        ({"k": True}, "k is a whole number"),
    ],
)
def test_a_card_that_was_edited_into_another_kind_is_named(told, message, version):
    card = version / "assets.extra" / "model_card.json"
    card.write_text(json.dumps(told))
    with pytest.raises(ValueError, match=message):
        load(version)


@pytest.mark.parametrize("told", [{"data": {"layout": "wide"}, "git": None}, {"metrics": {}}])
def test_what_python_gives_as_data_is_of_any_kind(told, version):
    card = version / "assets.extra" / "model_card.json"
    card.write_text(json.dumps(told))
    assert load(version).card == told


def test_tables_go_with_what_was_loaded(version):
    """TensorFlow would keep those of every load as long as the process lives."""
    loaded = load(version)
    tables = [
        part.resource_handle
        for part in tf.train.TrackableView(loaded._saved).descendants()
        if isinstance(part, tf.saved_model.experimental.TrackableResource)
    ]
    assert {int(tf.raw_ops.LookupTableSizeV2(table_handle=one)) for one in tables} == {20}
    assert texts(loaded({"history": [["item 3"]]}, k=1)[0]) == [["item 3"]]
    del loaded
    gc.collect()
    for table in tables:
        with pytest.raises(tf.errors.NotFoundError):
            tf.raw_ops.LookupTableSizeV2(table_handle=table)


def test_the_searcher_of_scann_goes_with_what_was_loaded(tmp_path):
    """It is made in the graph, by a name of this load, when it is first asked."""
    index = ScaNN(leaves=4, leaves_to_search=4, reorder=40)
    path = export(retriever(40, index=index), tmp_path / "model")
    loaded = load(path)
    (name,) = searchers(loaded.saved)
    assert not is_there(name)
    assert texts(loaded({"history": [["item 3"]]}, k=1)[0]) == [["item 3"]]
    assert is_there(name)
    del loaded
    gc.collect()
    assert not is_there(name)


def searchers(saved):
    """The names of the searchers that the functions of a SavedModel make."""
    graph = saved.recommend.concrete_functions[0].graph.as_graph_def()
    nodes = [node for function in graph.library.function for node in function.node_def]
    made = [node for node in nodes if node.op.endswith("TensorsToScann")]
    return {node.attr["shared_name"].s.decode() for node in made}


def is_there(name):
    """Whether the process has a searcher of this name, which is not made of nothing."""
    try:
        held(name)
    except tf.errors.OpError:
        return False
    return True


def test_versions_that_follow_each_other_are_loaded_in_silence(version, caplog):
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    for _ in range(6):
        load(version)({"history": [["item 3"]]})
    logger.removeHandler(caplog.handler)
    assert "retracing" not in caplog.text
